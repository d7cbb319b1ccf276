"""A load generator: so many connections, each with one request in flight, for so many seconds.

`python -m tests.bench.http_load HOST PORT PATH CONNECTIONS SECONDS ROWS` prints what came of it as JSON.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

FEATURES = 10
ROOT = Path(__file__).parents[2]


def load(address: str, path: str, *, connections: int, seconds: float, rows: int = 1) -> dict[str, float]:
    """Requests a second, and median and 99th percentile of their latency in µs, asked by another process."""
    host, port = address.rsplit(":", 1)
    arguments = [host, port, path, str(connections), str(seconds), str(rows)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.http_load", *arguments],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _request(path: str, rows: int) -> bytes:
    draw = random.Random(7)
    body = json.dumps({"inputs": [[draw.gauss(0, 50) for _ in range(FEATURES)] for _ in range(rows)]})
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    return bool(found) and len(body) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])


def _ask(host: str, port: int, request: bytes, connections: int, seconds: float) -> dict[str, float]:
    latencies: list[float] = []
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        connection = socket.create_connection((host, port), 30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, [b"", time.perf_counter()])
        connection.sendall(request)
    began = time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        for key, _ in selector.select(1):
            state = key.data
            state[0] += key.fileobj.recv(65536)
            if not _is_whole(state[0]):
                continue
            assert b" 200 " in state[0][:20], state[0]
            latencies.append(time.perf_counter() - state[1])
            state[:] = [b"", time.perf_counter()]
            key.fileobj.sendall(request)
    latencies.sort()
    return {
        "requests_per_second": len(latencies) / (now - began),
        "p50_us": latencies[len(latencies) // 2] * 1e6,
        "p99_us": latencies[len(latencies) * 99 // 100] * 1e6,
    }


if __name__ == "__main__":
    _host, _port, _path, _connections, _seconds, _rows = sys.argv[1:]
    _found = _ask(_host, int(_port), _request(_path, int(_rows)), int(_connections), float(_seconds))
    print(json.dumps(_found))

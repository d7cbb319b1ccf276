"""People who click, in a process of their own: each a page every some seconds, until its input ends.

`python -m tests.bench.people PEOPLE SECONDS ADDRESS…` prints how many pages they saw.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import httpx

ROOT = Path(__file__).parents[2]


@contextmanager
def people_who_click(many: int, seconds: float, addresses: Sequence[str]) -> Iterator[list[int]]:
    """They click while inside; then the list has how many pages they saw."""
    command = [sys.executable, "-m", "tests.bench.people", str(many), str(seconds), *addresses]
    seen: list[int] = []
    with Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # each has seen a page
        yield seen
        seen.append(int(process.communicate()[0]))


def click(number: int, many: int, seconds: float, addresses: Sequence[str], stop: threading.Event) -> int:
    """What one of them does: begins at a moment of their own, and goes from page to page."""
    seen = 0
    with httpx.Client(timeout=120) as client:
        waiting = seconds * number / many
        while not stop.wait(waiting):
            client.get(addresses[(number + seen) % len(addresses)]).raise_for_status()
            seen, waiting = seen + 1, seconds
    return seen


def main(many: int, seconds: float, addresses: Sequence[str]) -> None:
    for address in addresses:
        httpx.get(address, timeout=120).raise_for_status()
    print("ready", flush=True)
    stop = threading.Event()
    with ThreadPoolExecutor(many) as pool:
        found = [pool.submit(click, each, many, seconds, addresses, stop) for each in range(many)]
        sys.stdin.read()
        stop.set()
    print(sum(each.result() for each in found))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])

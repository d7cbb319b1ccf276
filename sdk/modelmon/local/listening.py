"""Sockets of HTTP triggers: the supervisor holds them, so they outlive the workers that serve them."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import address_file, functions_folder
from modelmon.local.terminal import Tell
from modelmon.local.turning_away import TurnAway

BACKLOG = 1024
PORTS_TRIED = 100
OURS = "modelmon-"


class Listening:
    """One listening socket a function; its address is written beside the function's folder."""

    def __init__(self, project: Path, host: str, first_port: int, tell: Tell) -> None:
        self._project = project
        self._host = host
        self._first_port = first_port
        self._tell = tell
        self._sockets: dict[str, socket.socket] = {}
        self._turn_away: dict[str, TurnAway] = {}
        for stale in functions_folder(project).glob(address_file(project, "*").name):
            stale.unlink(missing_ok=True)  # of a runner that was killed

    def open(self, function: str, port: int) -> int:
        """File descriptor of the function's socket, bound to `port` if that is not 0.

        Raises ConfigError when the address can't be used.
        """
        held = self._sockets.get(function)
        if held is not None and port not in (0, held.getsockname()[1]):
            self.close(function)
            held = None
        if held is None:
            held = self._sockets[function] = self._bind(function, port)
            self._turn_away[function] = TurnAway(held)
            self._write(function, held)
        return held.fileno()

    def turn_away(self, function: str, reason: str, wait_seconds: float) -> None:
        """Answer callers of a function without a worker, for this reason, once they have waited so long."""
        if function in self._turn_away:
            self._turn_away[function].step(function, reason, wait_seconds)

    def close(self, function: str) -> None:
        held = self._sockets.pop(function, None)
        if held is not None:
            self._turn_away.pop(function).close()
            address_file(self._project, function).unlink(missing_ok=True)
            held.close()

    def close_all(self) -> None:
        for function in list(self._sockets):
            self.close(function)

    def _bind(self, function: str, port: int) -> socket.socket:
        candidates = iter([port] if port else self._ports(function))
        busy: list[int] = []
        for candidate in candidates:
            try:
                held = socket.create_server((self._host, candidate), backlog=BACKLOG)
            except OSError as error:
                busy.append(candidate)
                if error.errno != errno.EADDRINUSE or port or len(busy) == PORTS_TRIED:
                    raise ConfigError(self._refused(candidate, port, error)) from error
            else:
                held.setblocking(False)  # whoever accepts, the connection may be another one's by then
                if busy:
                    ports = ", ".join(map(str, busy))
                    self._tell(
                        "warning",
                        f"{function}: port {ports} is in use by another program; it listens on "
                        f"{held.getsockname()[1]} (http_port; function.with_http(port=…) pins one)",
                    )
                return held
        raise ConfigError(
            f"no port from {self._first_port} to 65535 is free; give http_port a lower one, or 0 for any"
        )

    def _ports(self, function: str) -> Iterator[int]:
        """The first port is for the project's own functions; ModelMon's take any."""
        if not self._first_port or function.startswith(OURS):
            return iter([0])
        ours = {held.getsockname()[1] for held in self._sockets.values()}
        last = min(self._first_port + PORTS_TRIED + len(ours), 65_536)
        return (port for port in range(self._first_port, last) if port not in ours)

    def _refused(self, candidate: int, port: int, error: OSError) -> str:
        pinned = "; end what uses it, or give the function another port" if port else ""
        return f"can't listen on {self._host}:{candidate}: {os.strerror(error.errno or 0)}{pinned}"

    def _write(self, function: str, held: socket.socket) -> None:
        path = address_file(self._project, function)
        written = path.with_name(f".{path.name}")
        host, port = held.getsockname()[:2]
        written.write_text(f"{host}:{port}", encoding="utf-8")
        written.replace(path)

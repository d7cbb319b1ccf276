"""Sockets of HTTP triggers: the supervisor holds them, so they outlive the workers that serve them."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from modelmon.errors import ConfigError
from modelmon.local.folders import address_file, functions_folder

BACKLOG = 1024
PORTS_TRIED = 100


class Listening:
    """One listening socket a function; its address is written beside the function's folder."""

    def __init__(self, project: Path, host: str, first_port: int) -> None:
        self._project = project
        self._host = host
        self._first_port = first_port
        self._sockets: dict[str, socket.socket] = {}
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
            held = self._sockets[function] = self._bind(port)
            self._write(function, held)
        return held.fileno()

    def close(self, function: str) -> None:
        held = self._sockets.pop(function, None)
        if held is not None:
            address_file(self._project, function).unlink(missing_ok=True)
            held.close()

    def close_all(self) -> None:
        for function in list(self._sockets):
            self.close(function)

    def _bind(self, port: int) -> socket.socket:
        ports = [port] if port else [0]
        if not port and self._first_port:
            ports = list(range(self._first_port, self._first_port + PORTS_TRIED))
        for candidate in ports:
            try:
                return socket.create_server((self._host, candidate), backlog=BACKLOG)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or candidate == ports[-1]:
                    raise ConfigError(
                        f"can't listen on {self._host}:{candidate}: {error.strerror}"
                    ) from error
        raise AssertionError("there is always a port to try")

    def _write(self, function: str, held: socket.socket) -> None:
        path = address_file(self._project, function)
        written = path.with_name(f".{path.name}")
        host, port = held.getsockname()[:2]
        written.write_text(f"{host}:{port}", encoding="utf-8")
        written.replace(path)

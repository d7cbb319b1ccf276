"""The application on a port of this machine."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from modelmon.errors import ConfigError

SECONDS_TO_END = 5
"""So long a request that is under way may take once the server is to end."""
ENDING = (signal.SIGINT, signal.SIGTERM)


def reserve(host: str, port: int) -> socket.socket:
    """The port for us alone, 0: any free one; nobody is answered there before `serve`.

    Raises ConfigError for a port that somebody else has, and for an address that is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # also while old connections end
        place.bind((host, port))
    except OSError as error:
        place.close()
        raise _taken(host, port, error) from None
    return place


def serve(application: Any, place: socket.socket, announce: Callable[[str], None]) -> None:
    """Until Ctrl-C or SIGTERM, which end it as asked. `announce` is told the address once requests are
    answered there. Raises ConfigError as `reserve` does."""
    host, port = place.getsockname()[:2]
    with place:
        try:
            place.listen()
        except OSError as error:
            raise _taken(host, port, error) from None
        config = uvicorn.Config(
            application, log_config=None, access_log=False, server_header=False, ws="none",
            timeout_graceful_shutdown=SECONDS_TO_END,
        )  # fmt: skip
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        with _ended_by_signals():
            _Server(config, lambda: announce(address)).run(sockets=[place])


def _taken(host: str, port: int, error: OSError) -> ConfigError:
    return ConfigError(f"port {port} of {host} can't be had: {error.strerror}; give another one")


class _Server(uvicorn.Server):
    """Tells when it has started."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """uvicorn raises the signal that ended it once more when it
    has ended: for us that is the end asked for."""
    before = {each: signal.signal(each, lambda *_: None) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

"""The application on a port of this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from modelmon.errors import ConfigError

HOST = "127.0.0.1"


def serve(application: Any, port: int, announce: Callable[[str], None]) -> None:
    """Until Ctrl-C or SIGTERM. `announce` is told the address once requests are taken there.

    Raises ConfigError for a port that somebody else has.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with listening:
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} of {HOST} can't be had: {error.strerror}; give another one"
            ) from None
        listening.listen()
        announce(f"http://{HOST}:{listening.getsockname()[1]}")
        config = uvicorn.Config(
            application, log_config=None, access_log=False, server_header=False, ws="none"
        )
        uvicorn.Server(config).run(sockets=[listening])

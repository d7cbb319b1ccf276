"""The application on a port of this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from modelmon.errors import ConfigError


def serve(application: Any, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Until Ctrl-C or SIGTERM. `announce` is told the address once requests are taken there.

    Raises ConfigError for a port that somebody else has, and for an address that is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"port {port} of {host} can't be had: {error.strerror}; give another one") from None
    with listening:
        named = f"[{host}]" if ":" in host else host
        announce(f"http://{named}:{listening.getsockname()[1]}")
        config = uvicorn.Config(
            application, log_config=None, access_log=False, server_header=False, ws="none"
        )
        uvicorn.Server(config).run(sockets=[listening])

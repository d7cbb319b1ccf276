"""The page and the API on a port of this machine, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from modelmon.api.application import make_application
from modelmon.settings import Settings


@contextmanager
def page_served(*settings: Settings) -> Iterator[str]:
    """The address, while it answers there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(make_application(settings), log_config=None, ws="none", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)

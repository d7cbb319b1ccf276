"""What every unit test leaves as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from modelmon.nuclio.bridge import HEARD
from receivers import WebServer, web_server


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A real server, which keeps what it got."""
    with web_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Functions send what is logged to their platform: after the test it goes where it went before."""
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in HEARD}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)

"""A small project that was made in bulk, asked over HTTP as if it were its own time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from api_client import ApiClient
from made_project import Made, Shape

UNTIL_US = 1_767_225_600_000_000
SMALL = Shape(UNTIL_US, endpoints=7, features=2, days=2)


@contextmanager
def asked_in_its_time(made: Made) -> Iterator[ApiClient]:
    client = ApiClient(made.settings)
    with patch("modelmon.api.serving.wall_clock_us", lambda: made.now_us):
        yield client
    client.close()

"""How often tests that are marked `long` repeat what they do: in full under `make test-long` only."""

from __future__ import annotations

import os

IN_FULL = os.environ.get("TEST_LONG") == "1"


def times(full: int, few: int) -> int:
    """`full` under `make test-long`, `few` where the test stands among all the others."""
    return full if IN_FULL else few

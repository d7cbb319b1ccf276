"""How often tests repeat what they do: those marked `long` in full under `make test-long` only."""

from __future__ import annotations

import os

IN_FULL = os.environ.get("TEST_LONG") == "1"
IN_CHECK = os.environ.get("TEST_FEW") == "1"


def times(full: int, few: int) -> int:
    """`full` under `make test-long`, `few` where the test stands among all the others."""
    return full if IN_FULL else few


def examples(full: int) -> int:
    """`full`, and under `make check` a fifth of it: more are drawn by `make test`."""
    return max(10, full // 5) if IN_CHECK else full

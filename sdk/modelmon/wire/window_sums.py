"""The sums of a window, as an app's answer carries them."""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from struct import unpack
from typing import Any

from modelmon.errors import RejectedError
from modelmon.model import ResultStatusApp
from modelmon.window_sums import WindowSums
from modelmon.wire.identity import check_text, shown

FIELD = "data.sums"
LONGEST_HASH = 64
LINE_NUMBERS = 5
LINE_BYTES = LINE_NUMBERS * 8
"""Five numbers a feature: its rows, then four sums."""
CHOSEN_BYTES = 16
MOST_ROWS = 2**53
FLOOR_BELOW = 2.0


def sums_fields(sums: WindowSums) -> dict[str, Any]:
    """As JSON has them."""
    chosen = {"chosen": b64encode(sums.chosen).decode()} if sums.chosen else {}
    return {
        "reference": sums.reference, "budget": sums.budget, "floor": sums.floor, "most": sums.most,
        "values": b64encode(sums.values).decode(), **chosen,
    }  # fmt: skip


def read_sums(value: object) -> WindowSums | None:
    """None for an answer without sums. Raises RejectedError, which names the field that is wrong."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise RejectedError(f"must be an object, got {shown(value)}", FIELD)
    reference = value.get("reference")
    if not isinstance(reference, str) or not 0 < len(reference) <= LONGEST_HASH:
        raise RejectedError(
            f"must be a text of at most {LONGEST_HASH} characters, got {shown(reference)}",
            f"{FIELD}.reference",
        )
    most = value.get("most")
    if most not in (ResultStatusApp.potential_detection, ResultStatusApp.detected) or most is True:
        raise RejectedError(f"must be 1 or 2, got {shown(most)}", f"{FIELD}.most")
    budget, floor = _number(value, "budget", below=1.0), _number(value, "floor", below=FLOOR_BELOW)
    if not budget:
        raise RejectedError("must be more than 0, got 0", f"{FIELD}.budget")
    values = _values(value)
    chosen = _chosen(value, len(values) // LINE_BYTES)
    return WindowSums(check_text(reference, f"{FIELD}.reference"), budget, floor, int(most), values, chosen)


def _number(value: dict[str, Any], name: str, below: float) -> float:
    found = value.get(name)
    if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < below:
        return float(found)
    raise RejectedError(f"must be a number from 0 up to {below:g}, got {shown(found)}", f"{FIELD}.{name}")


def _values(value: dict[str, Any]) -> bytes:
    text = value.get("values")
    found = _decoded(text)
    if not found or len(found) % LINE_BYTES:
        raise RejectedError(
            f"must be the base64 of {LINE_BYTES} bytes a feature, got {shown(text)}", f"{FIELD}.values"
        )
    numbers = _numbers(found)
    if not all(map(math.isfinite, numbers)):
        raise RejectedError("must be finite numbers", f"{FIELD}.values")
    for rows in numbers[::LINE_NUMBERS]:
        if not 0 <= rows <= MOST_ROWS:
            raise RejectedError(f"the rows of a feature count from 0, got {rows:g}", f"{FIELD}.values")
    return found


def _chosen(value: dict[str, Any], features: int) -> bytes:
    """A weight of each feature and then a floor of each; nothing where all are alike."""
    text = value.get("chosen")
    if text is None:
        return b""
    found = _decoded(text)
    if len(found) != features * CHOSEN_BYTES:
        raise RejectedError(
            f"must be the base64 of {CHOSEN_BYTES} bytes for each of {features} features, got {shown(text)}",
            f"{FIELD}.chosen",
        )
    numbers = _numbers(found)
    weights, floors = numbers[:features], numbers[features:]
    if not all(0 <= weight < math.inf for weight in weights) or not all(
        0 <= floor < FLOOR_BELOW for floor in floors
    ):
        raise RejectedError(
            f"must be weights of at least 0, then floors from 0 up to {FLOOR_BELOW:g}", f"{FIELD}.chosen"
        )
    return found


def _decoded(text: object) -> bytes:
    """Bytes of base64; none where a value is something else."""
    try:
        return b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        return b""


def _numbers(found: bytes) -> tuple[float, ...]:
    return unpack(f"<{len(found) // 8}d", found)

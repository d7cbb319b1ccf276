"""The numbers of a window's features as one JSON text: some 45 bytes a feature, and SQL can look into it.

`{"delay": [0.031, 600, 0, 12.5], "city": [0.2, 600, 0, null, 0.75]}`: score, rows, missing, mean, share; what
is not known at the end is left out. Five digits are kept of a score and a share and nine of a mean: enough to
draw them, and to tell them from their neighbours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from modelmon.model import FeatureNumbers

_decode = msgspec.json.Decoder(dict[str, list[int | float | None]]).decode


def pack(features: Mapping[str, FeatureNumbers]) -> str:
    """The text of these features."""
    packed = {name: _numbers(each) for name, each in features.items()}
    return msgspec.json.encode(packed).decode()


def unpack(text: str, names: Collection[str] | None = None) -> dict[str, FeatureNumbers]:
    """The features of a text, or those of these names."""
    return {
        name: FeatureNumbers(*each)  # type: ignore[arg-type]
        for name, each in _decode(text).items()
        if names is None or name in names
    }


def _numbers(each: FeatureNumbers) -> list[int | float | None]:
    found = [_cut(each.score, 5), each.rows, each.missing, _cut(each.mean, 9), _cut(each.share, 5)]
    while found[-1] is None:
        found.pop()
    return found


def _cut(number: float | None, digits: int) -> float | None:
    return None if number is None else float(f"{number:.{digits}g}")

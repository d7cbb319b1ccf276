"""The numbers of a window's features as one JSON text: about 40 bytes a feature, and SQL can look into it.

`{"delay": [0.031, 600, 0, 12.5, null]}`: score, rows, missing, mean, share. Nine digits are kept of a number:
enough to draw it, and to tell it from its neighbours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from modelmon.model import FeatureNumbers

_DIGITS = 9
_decode = msgspec.json.Decoder(dict[str, tuple[float | None, int, int, float | None, float | None]]).decode


def pack(features: Mapping[str, FeatureNumbers]) -> str:
    """The text of these features."""
    packed = {
        name: (_cut(each.score), each.rows, each.missing, _cut(each.mean), _cut(each.share))
        for name, each in features.items()
    }
    return msgspec.json.encode(packed).decode()


def unpack(text: str, names: Collection[str] | None = None) -> dict[str, FeatureNumbers]:
    """The features of a text, or those of these names."""
    features = _decode(text)
    return {name: FeatureNumbers(*each) for name, each in features.items() if names is None or name in names}


def _cut(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.{_DIGITS}g}")

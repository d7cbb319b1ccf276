"""Statistics as `modelmon.stats.describe` and the drift app make them, of bell-shaped features."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

from made_project.shape import DETECTED, POTENTIAL, Floats, Shape
from modelmon.stats.reference import OUTERMOST

BINS, REFERENCE_ROWS = 20, 20_000
_EDGES = np.linspace(-3.0, 3.0, BINS + 1)


@cache
def reference(features: int) -> dict[str, Any]:
    """Of a training set of 20,000 rows."""
    return {f"feature_{number:02}": _stats(REFERENCE_ROWS, 0.0, number) for number in range(features)}


def current(shape: Shape, rows: int, scores: Floats) -> dict[str, Any]:
    """Of a window: the higher its score, the further a feature has moved."""
    return {
        name: _stats(rows, shift_of(score), number)
        for number, (name, score) in enumerate(zip(shape.feature_names, scores.tolist(), strict=True))
    }


def measures(shape: Shape, scores: Floats) -> dict[str, Any]:
    named = zip(shape.feature_names, scores.tolist(), strict=True)
    mean = float(scores.mean())
    return {
        "tvd_mean": mean, "hellinger_mean": mean, "kld_mean": 4 * mean,
        **{name: {**dict.fromkeys(("score", "tvd", "hellinger"), each), "kld": 4 * each} for name,
            each in named},
    }  # fmt: skip


def evidence(shape: Shape, rows: int, scores: Floats) -> str:
    """The extra data of a result, with its three worst features."""
    ranked = np.argsort(-scores)[:3]
    features = {
        shape.feature_names[place]: {
            "score": round(float(scores[place]), 5),
            "tvd": round(float(scores[place]), 5),
        }
        for place in ranked
    }
    found = {
        "feature": shape.feature_names[ranked[0]], "features": features, "rows": rows,
        "potential_threshold": POTENTIAL, "detected_threshold": DETECTED, "reference_rows": REFERENCE_ROWS,
        "scored_features": shape.features,
    }  # fmt: skip
    return json.dumps(found, separators=(",", ":"))


def shift_of(score: float) -> float:
    """How many deviations a feature has moved that has this score."""
    return 3.5 * score


def _stats(rows: int, shift: float, number: int) -> dict[str, Any]:
    centres = (_EDGES[1:] + _EDGES[:-1]) / 2
    weights = np.exp(-((centres - shift) ** 2) / 2)
    over = max(0.0, shift) / 10
    counts = np.floor(weights / weights.sum() * rows * (1 - over)).astype(int)
    scale = 10.0 * (1 + number)
    inside = int(counts.sum())
    return {
        "count": rows, "mean": shift * scale, "std": scale, "min": -3 * scale, "max": 3 * scale,
        "hist": [[0, *counts.tolist(), rows - inside], [-OUTERMOST, *(_EDGES * scale).tolist(), OUTERMOST]],
        "kind": "numeric", "missing": 0,
    }  # fmt: skip

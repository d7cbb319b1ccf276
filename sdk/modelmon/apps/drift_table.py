"""Expected and actual statistics of each feature beside its distances, as one HTML page without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

STATISTICS = ("mean", "std", "min", "max")


def drift_table(
    sample: Mapping[str, Any], reference: Mapping[str, Any], measures: Mapping[str, Mapping[str, float]]
) -> str:
    """The page: a row a feature, the largest score first."""
    distances = list(next(iter(measures.values()), {}))
    head = [
        "feature",
        *distances,
        *(f"{side} {name}" for name in STATISTICS for side in ("expected", "actual")),
    ]
    ranked = sorted(measures, key=lambda feature: -measures[feature]["score"])
    rows = [[feature, *_cells(sample[feature], reference[feature], measures[feature])] for feature in ranked]
    return (
        '<!doctype html><meta charset="utf-8"><title>Feature drift</title><table>'
        + "".join(_row(cells, tag) for cells, tag in [(head, "th"), *((row, "td") for row in rows)])
        + "</table>\n"
    )


def _cells(
    sample: Mapping[str, Any], reference: Mapping[str, Any], measure: Mapping[str, float]
) -> list[str]:
    sides = [(reference.get(name), sample.get(name)) for name in STATISTICS]
    return [_shown(value) for value in (*measure.values(), *(value for pair in sides for value in pair))]


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.4g}"


def _row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"

"""Estimated loss of a regression: learned from the reference's features, with a band."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from modelmon.errors import ConfigError
from modelmon.stats.performance.cells import Cells, of_numbers, quantile_edges
from modelmon.stats.performance.dle import estimate_loss, fit_loss, from_json, row_losses
from repeating import examples

FEATURES = 6
Named = dict[str, tuple[Cells, np.ndarray]]


def drawn(
    random: np.random.Generator, rows: int, shift: float = 0.0, harder: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Features (correlated), and losses that grow with the first two, together too."""
    features = random.standard_normal((rows, FEATURES)) + 0.5 * random.standard_normal((rows, 1))
    features[:, 0] += shift
    spread = harder * np.exp(0.5 * features[:, 0] + 0.2 * features[:, 1] * (features[:, 2] > 0))
    return features, np.abs(random.normal(0, spread))


class Reference:
    """A reference, its cells and its model."""

    def __init__(self, random: np.random.Generator, rows: int = 20_000) -> None:
        then, loss = drawn(random, rows)
        self.edges = [quantile_edges(column, 32) for column in then.T]
        self.counts = {name: cells.counts for name, cells in self.cells(then).items()}
        self.model = fit_loss(self.cells(then), loss)

    def cells(self, features: np.ndarray) -> dict[str, Cells]:
        return {f"f{place}": of_numbers(features[:, place], edges) for place, edges in enumerate(self.edges)}

    def both(self, features: np.ndarray) -> Named:
        return {name: (cells, self.counts[name]) for name, cells in self.cells(features).items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "move", "least", "most"),
    [
        (200, {}, 0.9, 0.985),
        (1000, {}, 0.9, 0.98),
        (5000, {}, 0.88, 0.98),
        (1000, {"shift": 0.5}, 0.85, 0.98),
        (5000, {"harder": 1.3}, 0.0, 0.05),  # the same inputs are harder: nobody can see that
    ],
)
def test_the_band_holds_what_comes_true_unless_the_same_inputs_are_harder(
    rows: int, move: dict[str, float], least: float, most: float
) -> None:
    random, held = np.random.default_rng(17), []
    for _ in range(8):
        reference = Reference(random)
        for _ in range(examples(50)):
            features, loss = drawn(random, rows, **move)
            found = estimate_loss(reference.model, reference.both(features))
            held.append(found.low <= loss.mean() <= found.high)
    assert least <= np.mean(held) <= most


def test_inputs_that_move_to_where_the_model_is_worse_raise_the_estimate() -> None:
    random = np.random.default_rng(2)
    reference = Reference(random)
    features, loss = drawn(random, 5000, shift=0.7)
    found = estimate_loss(reference.model, reference.both(features))
    assert found.value == pytest.approx(loss.mean(), rel=0.06)
    assert found.value > 1.2 * reference.model.intercept


def test_a_model_is_kept_as_json() -> None:
    model = Reference(np.random.default_rng(3), 2000).model
    kept = from_json(json.loads(json.dumps(model.to_json())))
    assert (kept.intercept, kept.variance, kept.rows) == (model.intercept, model.variance, model.rows)
    for name, effects in model.effects.items():
        assert kept.effects[name] == pytest.approx(effects, rel=1e-5)


@pytest.mark.parametrize(
    "damage",
    [{"rows": 0}, {"variance": -1}, {"effects": {"x": [math.nan]}}, {"effects": [1]}, {"intercept": "x"}],
)
def test_a_damaged_model_is_refused(damage: dict[str, Any]) -> None:
    whole = {"intercept": 1.0, "effects": {"x": [0.5]}, "variance": 1.0, "rows": 200}
    assert from_json(whole).rows == 200
    with pytest.raises(ConfigError, match="a loss model has"):
        from_json({**whole, **damage})


def test_too_few_rows_teach_nothing() -> None:
    with pytest.raises(ConfigError, match="at least 200 rows with an actual, got 1"):
        fit_loss({"x": Cells(("a",), np.zeros(2, dtype=np.intp))}, [1.0, math.nan])


def test_a_window_without_rows_or_features_has_no_estimate() -> None:
    model = Reference(np.random.default_rng(3), 2000).model
    assert not estimate_loss(model, {}).is_defined
    with pytest.raises(ConfigError, match="none of the features is there"):
        row_losses(model, {"other": Cells(("a",), np.zeros(2, dtype=np.intp))})
    some = {"f0": Cells(tuple(map(str, range(40))), np.zeros(3, dtype=np.intp))}
    assert (row_losses(model, some) >= 0).all()

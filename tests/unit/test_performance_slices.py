"""Where a model is worst, and which feature's move has made it so."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelmon.errors import ConfigError
from modelmon.stats.performance.causes import ranked_causes
from modelmon.stats.performance.cells import Cells, of_numbers, quantile_edges
from modelmon.stats.performance.slices import worst_slices
from repeating import examples

FEATURES = 10
WINDOWS = examples(150)


def cut(values: np.ndarray) -> Cells:
    return of_numbers(values, quantile_edges(values, 8))


def test_numbers_fall_in_cells_of_about_equal_rows() -> None:
    values = np.arange(800.0)
    assert cut(values).counts.tolist() == [100] * 8 + [0]
    assert quantile_edges(np.array([]), 8).size == 0
    assert quantile_edges(np.zeros(50), 8).size == 0
    assert of_numbers(np.array([1.0, math.nan, math.inf]), np.array([])).counts.tolist() == [2, 1]
    assert of_numbers(np.array([-math.inf, 0.0, math.inf]), np.array([0.0])).counts.tolist() == [1, 2, 0]


def test_a_heavy_value_has_a_cell_of_its_own() -> None:
    values = np.concatenate([np.zeros(900), np.arange(1, 101)])
    edges = quantile_edges(values, 8)
    assert of_numbers(values, edges).counts[0] == 900


def test_a_place_without_a_label_is_refused() -> None:
    with pytest.raises(ConfigError, match="below 2, got 2"):
        Cells(("a", "b"), np.array([0, 2]))


def draw(
    random: np.random.Generator, rows: int, likely: float, worse: float
) -> tuple[dict[str, Cells], np.ndarray]:
    """Features, and wrong answers that are likelier in one category of `f3`."""
    values = {f"f{place}": cut(random.standard_normal(rows)) for place in range(FEATURES - 1)}
    city = random.choice(5, rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    values["city"] = Cells(("a", "b", "c", "d", "e"), city)
    return values, (random.random(rows) < likely + worse * (city == 3)) * 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "likely"), [(500, 0.1), (2000, 0.1), (2000, 0.02), (8000, 0.3)])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_a_model_that_is_the_same_everywhere_has_no_bad_slice(rows: int, likely: float, floor: float) -> None:
    random = np.random.default_rng(rows)
    found = [
        bool(worst_slices(*draw(random, rows, likely, 0.0), budget=0.01, floor=floor)) for _ in range(WINDOWS)
    ]
    assert np.mean(found) <= 0.03


@pytest.mark.slow
def test_the_slice_in_which_a_model_is_bad_is_found_first_with_its_share() -> None:
    random, found = np.random.default_rng(4), []
    for _ in range(WINDOWS):
        slices = worst_slices(*draw(random, 4000, 0.1, 0.25), budget=0.01)
        found.append(bool(slices) and (slices[0].feature, slices[0].cell) == ("city", "d"))
    assert np.mean(found) >= 0.95
    (worst, *_) = slices
    assert worst.loss == pytest.approx(0.35, abs=0.12)
    assert worst.rest == pytest.approx(0.1, abs=0.03)
    assert worst.share == pytest.approx(0.1, abs=0.02)


def test_rows_without_an_actual_are_not_judged() -> None:
    features, loss = draw(np.random.default_rng(1), 1000, 0.1, 0.5)
    loss[features["city"].place == 3] = np.nan
    assert worst_slices(features, loss, budget=0.01) == ()
    assert worst_slices(features, np.full(1000, np.nan), budget=0.01) == ()
    assert worst_slices({}, [], budget=0.01) == ()
    assert worst_slices(features, np.ones(1000), budget=0.01) == ()


def test_what_does_not_fit_is_refused() -> None:
    features, loss = draw(np.random.default_rng(1), 100, 0.1, 0.5)
    with pytest.raises(ConfigError, match="feature 'f0' has 100 rows, the loss 99"):
        worst_slices(features, loss[1:], budget=0.01)
    with pytest.raises(ConfigError, match="loss: must be finite"):
        worst_slices(features, [math.inf] * 100, budget=0.01)
    with pytest.raises(ConfigError, match="has 100 rows, the loss 99"):
        ranked_causes({"f0": (features["f0"], features["f0"].counts)}, loss[1:])
    with pytest.raises(ConfigError, match="the reference needs rows, counted in the same 9 cells"):
        ranked_causes({"f0": (features["f0"], np.ones(3))}, loss)


# --- causes -----------------------------------------------------------------------------------------------

WEIGHTS = np.array([1.5, -1.0, 0.6, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])


def moved(random: np.random.Generator, rows: int, **shifts: float) -> np.ndarray:
    """Ten features, the first five alike (correlation 0.3), some of them shifted."""
    features = random.standard_normal((rows, FEATURES))
    features[:, :5] = math.sqrt(0.7) * features[:, :5] + math.sqrt(0.3) * random.standard_normal((rows, 1))
    for name, shift in shifts.items():
        features[:, int(name[1:])] += shift
    return features


def expected_loss(features: np.ndarray) -> np.ndarray:
    """How likely the model is wrong, before the truth comes: it is right about its own doubt."""
    score = 1 / (1 + np.exp(-(features @ WEIGHTS - 2.0)))
    return np.minimum(score, 1 - score)


def causes(random: np.random.Generator, rows: int = 2000, **shifts: float) -> tuple:
    then, now = moved(random, 20_000), moved(random, rows, **shifts)
    edges = [quantile_edges(column, 16) for column in then.T]
    cells = {
        f"f{place}": (
            of_numbers(now[:, place], edges[place]),
            of_numbers(then[:, place], edges[place]).counts,
        )
        for place in range(FEATURES)
    }
    return ranked_causes(cells, expected_loss(now))


@pytest.mark.slow
@pytest.mark.parametrize(("cause", "shift"), [("f0", 1.0), ("f1", -1.0), ("f0", 0.6)])
def test_the_feature_that_did_it_ranks_first(cause: str, shift: float) -> None:
    random = np.random.default_rng(6)
    first = [causes(random, **{cause: shift, "f7": 1.0})[0] for _ in range(examples(100))]
    assert np.mean([each.feature == cause and each.is_harmful for each in first]) >= 0.9


@pytest.mark.slow
def test_a_feature_that_moves_and_that_the_model_ignores_is_harmless() -> None:
    random = np.random.default_rng(7)
    found = [
        each for _ in range(examples(100)) for each in causes(random, f0=0.6, f7=1.5) if each.feature == "f7"
    ]
    assert np.mean([each.is_harmless for each in found]) >= 0.98


@pytest.mark.slow
def test_where_nothing_moved_there_is_no_cause() -> None:
    random = np.random.default_rng(9)
    found = [
        any(each.is_harmful or each.is_harmless for each in causes(random)) for _ in range(examples(100))
    ]
    assert np.mean(found) <= 0.02


def test_a_cell_that_was_never_there_before_is_no_cause_and_no_error() -> None:
    cells = Cells(("old", "new"), np.ones(500, dtype=np.intp))
    (found,) = ranked_causes({"plane": (cells, np.array([100.0, 0.0]))}, np.ones(500))
    assert (found.part, found.is_harmful, found.is_harmless) == (0.0, False, True)


def test_a_window_of_no_rows_has_no_cause() -> None:
    cells = Cells(("old",), np.array([], dtype=np.intp))
    (found,) = ranked_causes({"plane": (cells, np.array([100.0]))}, [])
    assert (found.part, found.moved, found.is_harmful) == (0.0, 0.0, False)

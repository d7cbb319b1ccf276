"""Weights and floors of single features: the budget holds, and what is below a floor is no alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.honesty.streams import cell_chances, drawn_counts, kinds, seeded, window_frames

from modelmon.errors import ConfigError
from modelmon.ledger.gathered import Chosen, Gathered, gather
from modelmon.stats import bets_of, cell_counts, fold, judge, profile, window_sums
from modelmon.stats.judgement import thresholds, window_ratios
from modelmon.stats.own_floor import sigma_of_move
from modelmon.stats.profile import Stretches
from modelmon.stats.self_check import allowed_budget

NORMAL = np.random.default_rng(1).normal(size=50_000)


def normal(**columns: np.ndarray) -> pa.Table:
    return pa.table({"x": NORMAL, **columns})


@pytest.mark.parametrize("rows", [50, 500])
def test_the_budget_holds_over_features_of_unequal_weight(rows: int) -> None:
    rng = seeded("weights", rows)
    made = profile(window_frames(rng, "mixed", 8, 20_000, 1)[0])
    weights = dict(zip(made.names, (9.0, 0.0, 1.0, 3.0, 1.0, 0.2, 0.0, 1.0), strict=True))
    floors = dict.fromkeys(made.names[:4], 0.0)
    of = kinds("mixed", 8)
    counts = drawn_counts(
        made, [cell_chances(each, of[each.name]) for each in made.features], rng, rows, 2_000
    )
    ruled = thresholds(made, budget=0.02, weights=weights, floors=floors)
    alarms = int((window_ratios(counts, ruled) >= 1).sum())
    assert alarms <= 60, "2,000 windows may have 40; 60 is three standard deviations more"
    assert not ruled.shares.score[[1, 6]].any()
    assert not ruled.shares.share[[1, 6]].any()


def test_parts_of_the_budget_are_as_the_weights_and_sum_to_one() -> None:
    made = profile(pa.table({"a": NORMAL[:1000], "b": NORMAL[1000:2000]}))
    shares = thresholds(made, budget=0.01, weights={"a": 3}).shares
    asked = shares.share.sum(1)  # both features ask the same questions, so each kind is as the weights
    assert asked[0] / asked[1] == pytest.approx(3)
    assert shares.score[0, 0] / shares.score[1, 0] == pytest.approx(3)
    assert judge(cell_counts(pa.table({"a": [9e9] * 50}), made), made, budget=0.01, weights={"a": 0, "b": 1})


def test_where_one_feature_has_more_of_the_budget_its_tail_in_training_counts_as_much_more() -> None:
    heavy = Stretches(3600.0, 200, {0.0: np.linspace(2.0, 5.0, 21)})
    equal = allowed_budget(heavy, 0.01, 0.1, np.full(10, 0.1))
    uneven = allowed_budget(heavy, 0.01, 0.1, np.array([0.55, *[0.05] * 9]))
    assert uneven < equal < 0.01
    assert allowed_budget(None, 0.01, 0.1, np.array([1.0])) == 0.01


def test_a_floor_in_an_own_unit_covers_every_question_of_such_a_move() -> None:
    made = profile(normal())
    for amount in (0.1, 0.5, 1.0):
        sigma = sigma_of_move(made.features[0], amount)
        assert sigma is not None
        for sign in (-1, 1):
            moved = pa.table({"x": np.random.default_rng(2).normal(size=200_000) + sign * amount})
            found = judge(cell_counts(moved, made), made, budget=0.1, floors={"x": sigma * 1.02})
            outside = {"below", "above", "far"}
            assert [each.question for each in found.findings if each.question not in outside] == []
    assert sigma_of_move(made.features[0], 0.5) == pytest.approx(0.49, abs=0.06)


@pytest.mark.parametrize(
    ("column", "amount", "expected"),
    [
        (NORMAL, 0.0, 0.0),
        (NORMAL, 1e300, 1.99),
        (np.array(["a", "b"] * 500), 1.0, None),
        (np.array([True, False] * 500), 1.0, None),
        (np.full(1000, np.nan), 1.0, None),
        (np.full(1000, 7.0), 0.0, 0.0),
    ],
)  # fmt: skip
def test_a_floor_in_an_own_unit_at_its_ends(
    column: np.ndarray, amount: float, expected: float | None
) -> None:
    assert sigma_of_move(profile(pa.table({"x": column})).features[0], amount) == expected


# --- slow drift


def drifting(windows: int = 60) -> tuple[object, np.ndarray]:
    rng = np.random.default_rng(3)
    made = profile(pd.DataFrame({name: rng.normal(size=20_000) for name in "ab"}))
    frames = (pd.DataFrame({"a": rng.normal(0.3, 1, 300), "b": rng.normal(size=300)}) for _ in range(windows))
    sums = [window_sums(cell_counts(each, made), made) for each in frames]
    return made, np.array(sums)


def test_slow_drift_follows_weights_and_floors() -> None:
    made, sums = drifting()
    assert fold(None, sums, bets_of(made), budget=0.001).alarms.any()
    assert not fold(None, sums, bets_of(made, weights=(0.0, 1.0)), budget=0.001).alarms.any()
    assert not fold(None, sums, bets_of(made, floors=(0.5, 0.1)), budget=0.001).alarms.any()
    assert fold(None, sums, bets_of(made, floors=(0.1, 0.5)), budget=0.001).alarms.any()
    same = bets_of(made, weights=(1.0, 1.0), floors=(0.1, 0.1))
    assert np.array_equal(same.cumulants, bets_of(made).cumulants)
    for wrong in ({"weights": (1.0,)}, {"floors": (0.1, -1.0)}):
        with pytest.raises(ConfigError):
            bets_of(made, **wrong)


def test_what_was_chosen_is_read_from_its_bytes_and_the_floor_of_the_feature_is_told() -> None:
    made, sums = drifting()
    kept = np.array([1.0, 1.0, 0.05, 0.5]).tobytes()
    chosen = Chosen.of(0.1, kept, 2)
    assert (chosen.weights, chosen.floors) == ((1.0, 1.0), (0.05, 0.5))
    assert Chosen.of(0.1, None, 2) == Chosen.of(0.1, kept, 3) == Chosen(0.1)
    said, _ = gather(Gathered(), sums, made, 0.001, chosen, 3600.0)
    told = [extra for status, _, extra in said(2) if status == 2]
    assert '"floor":0.05' in told[0]

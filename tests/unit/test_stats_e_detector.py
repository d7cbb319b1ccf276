"""Evidence gathered over windows: no gain is unfair, slow drift is found, order and packets do not matter."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from modelmon.errors import ConfigError
from modelmon.stats import Profile, bets_of, cell_counts, fold, profile, window_sums
from modelmon.stats.e_detector import _log_gains

FEATURES = 5
BUDGET = 1 / 720


def training() -> dict:
    rng = np.random.default_rng(4)
    columns = {f"x{place}": rng.standard_normal(20_000) for place in range(FEATURES)}
    return {**columns, "city": rng.choice(["a", "b"], 20_000)}


@pytest.fixture(scope="module")
def made() -> Profile:
    return profile(pa.table(training()))


def windows(made: Profile, number: int, rows: int = 100, shift: float = 0.0, seed: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        columns = {f"x{place}": rng.standard_normal(rows) for place in range(FEATURES)}
        columns["x2"] = columns["x2"] + shift
        counts = cell_counts(pa.table({**columns, "city": rng.choice(["a", "b"], rows)}), made)
        found.append(window_sums(counts, made))
    return np.array(found)


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_the_mean_gain_of_a_row_is_at_most_1_without_drift(floor: float, made: Profile) -> None:
    bets = bets_of(made, floor=floor)
    shares = made.features[0].counts[:-1] / made.rows
    cells = np.zeros((shares.size, len(made.features), made.width))
    cells[np.arange(shares.size), 0, np.arange(shares.size)] = 1.0
    sums = np.array([window_sums(counts, made) for counts in cells])
    gains = np.exp(_log_gains(sums[:, :, :1], sums[:, :, 1:], bets))[:, 0]
    assert (np.einsum("c,c...->...", shares, gains) <= 1.0 + 1e-9).all()


def test_a_change_too_small_for_one_window_is_found_over_several(made: Profile) -> None:
    found = fold(None, windows(made, 40, shift=0.25), bets_of(made, floor=0.0), budget=BUDGET)
    first = int(found.alarms.argmax())
    assert found.alarms.any()
    assert first < 20
    assert found.leading[first].tolist() == [2, 0, 1]


def test_without_drift_evidence_stays_far_below_its_threshold(made: Profile) -> None:
    found = fold(None, windows(made, 200), bets_of(made, floor=0.0), budget=BUDGET)
    assert not found.alarms.any()


def test_what_is_below_the_floor_gathers_nothing(made: Profile) -> None:
    found = fold(None, windows(made, 60, shift=0.1), bets_of(made, floor=0.15), budget=BUDGET)
    assert found.evidence.max() < 10


def test_windows_fold_alike_one_by_one_and_all_at_once(made: Profile) -> None:
    sums, bets = windows(made, 40, shift=0.4), bets_of(made, floor=0.0)
    at_once = fold(None, sums, bets, budget=BUDGET)
    state, evidence = None, []
    for window in sums:
        one = fold(state, window[None], bets, budget=BUDGET)
        state = one.state
        evidence.append(one.evidence[0])
    assert np.array_equal(evidence, at_once.evidence)
    assert np.array_equal(state, at_once.state)


def test_after_an_alarm_everything_is_gathered_from_nothing(made: Profile) -> None:
    sums, bets = windows(made, 60, shift=0.4), bets_of(made, floor=0.0)
    found = fold(None, sums, bets, budget=BUDGET)
    first = int(found.alarms.argmax())
    again = fold(None, sums[first + 1 :], bets, budget=BUDGET)
    assert np.array_equal(found.evidence[first + 1 :], again.evidence)
    assert np.count_nonzero(found.alarms) > 1


def test_an_empty_window_changes_nothing(made: Profile) -> None:
    sums, bets = windows(made, 10, shift=0.1), bets_of(made, floor=0.0)
    before = fold(None, sums, bets, budget=BUDGET).state
    after = fold(before, np.zeros((3, *sums.shape[1:])), bets, budget=BUDGET)
    assert np.array_equal(after.state, before)
    assert fold(before, sums[:0], bets, budget=BUDGET).evidence.size == 0


def test_a_feature_of_weight_0_gathers_no_evidence(made: Profile) -> None:
    weights = tuple(float(name != "x2") for name in made.names)
    found = fold(None, windows(made, 40, shift=1.0), bets_of(made, floor=0.0, weights=weights), budget=BUDGET)
    assert not found.alarms.any()


def test_a_feature_that_differs_between_windows_anyway_gathers_less() -> None:
    rng = np.random.default_rng(7)
    hours = np.repeat(np.arange(400), 100)
    wave = 0.3 * rng.standard_normal(400)[hours]
    frame = pa.table({"when": hours * 3600.0, "x": rng.standard_normal(40_000) + wave})
    timed = profile(frame, time_column="when", window_seconds=(3600.0,))
    later = [rng.standard_normal(100) + 0.3 * rng.standard_normal() for _ in range(300)]
    sums = np.array([window_sums(cell_counts(pa.table({"x": values}), timed), timed) for values in later])
    steady = bets_of(profile(frame.drop_columns(["when"])), floor=0.0)
    assert fold(None, sums, steady, budget=BUDGET).alarms.sum() > 10
    assert fold(None, sums, bets_of(timed, floor=0.0, window_seconds=3600.0), budget=BUDGET).alarms.sum() <= 1


def test_what_does_not_fit_is_refused(made: Profile) -> None:
    bets = bets_of(made)
    with pytest.raises(ConfigError, match="between 0 and 1, got 2"):
        fold(None, np.zeros((1, 6, 5)), bets, budget=2)
    with pytest.raises(ConfigError, match=r"shape \(windows, 6, 5\), got \(1, 2, 5\)"):
        fold(None, np.zeros((1, 2, 5)), bets, budget=BUDGET)
    with pytest.raises(ConfigError, match="the state is of 3 bets"):
        fold(np.zeros(3), np.zeros((1, 6, 5)), bets, budget=BUDGET)
    with pytest.raises(ConfigError, match="finite number of sigma"):
        bets_of(made, floor=-1.0)

"""References of like windows and of a moving stretch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelmon.errors import ConfigError
from modelmon.stats import PastWindow, Profile, cell_counts, judge, profile, recent_profile, season_profile

DAY, WEEK = 86_400, 604_800
NOW = 10 * WEEK


@pytest.fixture(scope="module")
def made() -> Profile:
    rng = np.random.default_rng(1)
    weekly = np.sin(np.arange(20_000) * 2 * np.pi / 7)
    return profile(pd.DataFrame({"x": rng.standard_normal(20_000) + 2 * weekly, "c": ["a", "b"] * 10_000}))


def day(made: Profile, number: int, rows: int = 200, shift: float = 0.0) -> np.ndarray:
    """One day of a week's wave."""
    rng = np.random.default_rng(100 + number)
    values = rng.standard_normal(rows) + 2 * np.sin(number * 2 * np.pi / 7) + shift
    return cell_counts(pd.DataFrame({"x": values, "c": rng.choice(["a", "b"], rows)}), made)


def past(made: Profile, days: int = 70, shift: float = 0.0, alarmed: int = -1) -> list[PastWindow]:
    return [
        PastWindow(
            number * DAY, day(made, number, shift=shift if number == alarmed else 0.0), number == alarmed
        )
        for number in range(days)
    ]


def test_a_window_is_judged_against_the_same_hour_of_past_weeks(made: Profile) -> None:
    reference = season_profile(made, past(made), start_seconds=NOW, window_seconds=DAY)
    assert reference is not None
    expected = sum(day(made, 70 - 7 * weeks) for weeks in (1, 2, 3, 4))
    assert reference.features[0].counts.tolist() == expected[0, : reference.features[0].counts.size].tolist()
    clean = judge(day(made, 70), reference, budget=0.01, window_seconds=DAY)
    assert not clean.alarm
    shifted = judge(day(made, 70, shift=1.0), reference, budget=0.01, window_seconds=DAY)
    assert (shifted.alarm, shifted.findings[0].feature, shifted.findings[0].question) == (True, "x", "level")


def test_like_windows_that_hardly_differ_have_hardly_a_variance(made: Profile) -> None:
    reference = season_profile(made, past(made), start_seconds=NOW, window_seconds=DAY)
    assert reference is not None
    assert reference.features[0].shape_variance.max() < 0.02
    assert reference.stretches[0].averaged == 4
    assert reference.stretches[0].number == 4 * 7 - 7 + 1


def test_like_windows_that_differ_from_week_to_week_widen_the_thresholds(made: Profile) -> None:
    rng = np.random.default_rng(5)
    moving = [
        PastWindow(number * DAY, day(made, number, shift=0.5 * rng.standard_normal())) for number in range(70)
    ]
    reference = season_profile(made, moving, start_seconds=NOW, window_seconds=DAY)
    assert reference is not None
    assert 0.1 < reference.features[0].shape_variance[0, 0] < 0.6
    assert not judge(day(made, 70, shift=0.7), reference, budget=0.01, window_seconds=DAY).alarm


def test_windows_that_alarmed_are_no_reference(made: Profile) -> None:
    windows = past(made, shift=3.0, alarmed=63)
    reference = season_profile(made, windows, start_seconds=NOW, window_seconds=DAY)
    assert reference is not None
    assert reference.stretches[0].averaged == 3
    assert reference.rows == 600


def test_without_a_like_window_there_is_no_season(made: Profile) -> None:
    assert season_profile(made, [], start_seconds=NOW, window_seconds=DAY) is None
    assert season_profile(made, past(made), start_seconds=NOW + 3600, window_seconds=DAY) is None
    later = [PastWindow(NOW + WEEK, day(made, 77))]
    assert season_profile(made, later, start_seconds=NOW, window_seconds=DAY) is None


def test_one_like_window_is_too_little_reference(made: Profile) -> None:
    one = [PastWindow(NOW - WEEK, day(made, 63))]
    reference = season_profile(made, one, start_seconds=NOW, window_seconds=DAY)
    assert reference is not None
    found = judge(day(made, 70), reference, budget=0.01, window_seconds=DAY)
    assert found.calibration.how == "too little reference"


def test_a_recent_reference_moves_along_and_keeps_its_gap(made: Profile) -> None:
    reference = recent_profile(made, past(made), start_seconds=NOW, window_seconds=DAY)
    assert reference is not None
    assert reference.rows == 28 * 200
    assert (reference.start_seconds, reference.end_seconds) == (NOW - 35 * DAY, NOW - 7 * DAY)
    assert reference.features[0].shape_variance[0, 0] > 0.2
    found = judge(day(made, 70), reference, budget=0.01, window_seconds=DAY)
    assert (found.alarm, found.calibration.how) == (False, "by time")


def test_what_does_not_fit_is_refused(made: Profile) -> None:
    with pytest.raises(ConfigError, match="a past window's have"):
        season_profile(
            made, [PastWindow(NOW - WEEK, np.zeros((1, 2)))], start_seconds=NOW, window_seconds=DAY
        )
    with pytest.raises(ConfigError, match="at least 1 week, got 0"):
        season_profile(made, [], start_seconds=NOW, window_seconds=DAY, weeks=0)
    with pytest.raises(ConfigError, match="at least 1 day"):
        recent_profile(made, [], start_seconds=NOW, window_seconds=DAY, days=0)
    assert recent_profile(made, [], start_seconds=NOW, window_seconds=DAY) is None

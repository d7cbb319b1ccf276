"""When data-skew looks at the first days, what it may spend then, and how a difference began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelmon.apps.skew_looks import Look, look_of
from modelmon.model import Window
from modelmon.stats import Profile, cell_counts, judge, profile
from modelmon.stats.skew import onset, scale_of

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def looks(length: timedelta, days: int, since: datetime = BEGIN) -> list[Look | None]:
    """Of each window until one after the first days."""
    number = days * timedelta(days=1) // length + 1
    starts = [BEGIN + place * length for place in range(number)]
    return [look_of(since, Window(start, start + length), days) for start in starts]


@pytest.mark.parametrize(
    ("minutes", "days", "expected"),
    [(60, 2, [1, 2, 4, 8, 16, 24, 48]), (1440, 3, [1, 2, 3]), (420, 1, [1, 2, 3]), (2880, 1, [1])],
)
def test_a_look_ends_after_1_2_4_windows_then_once_a_day_and_at_the_last(
    minutes: int, days: int, expected: list[int]
) -> None:
    length = timedelta(minutes=minutes)
    found = [look for look in looks(length, max(days, minutes // 1440)) if look]
    ends = dict.fromkeys((look.end - BEGIN) // length for look in found)
    assert list(ends)[: len(expected)] == expected


def test_all_looks_together_spend_what_all_windows_of_the_first_days_may() -> None:
    found = looks(timedelta(minutes=10), 7)
    once = {look.end: look.windows for look in found if look}
    assert sum(once.values()) == 7 * 144
    assert found[-1] is None


def test_between_two_looks_the_last_one_stands_and_names_the_next() -> None:
    third = looks(timedelta(hours=1), 7)[2]
    assert third == Look(BEGIN, BEGIN + timedelta(hours=2), 1, BEGIN + timedelta(hours=4))
    assert third.budget(0.001) == 0.001
    assert third.budget(0.9) == 0.1


def test_serving_that_began_inside_of_a_window_is_looked_at_from_then_on() -> None:
    since = BEGIN + timedelta(minutes=20)
    first = looks(timedelta(hours=1), 7, since)[0]
    assert first == Look(since, BEGIN + timedelta(hours=1), 1, BEGIN + timedelta(hours=2))


def test_a_window_of_before_the_beginning_is_its_own_look() -> None:
    look = look_of(BEGIN + timedelta(days=3), Window(BEGIN, BEGIN + timedelta(hours=1)), 7)
    assert look is not None
    assert look.end == BEGIN + timedelta(hours=1)


MADE = profile(
    pa.table(
        {"age": np.random.default_rng(0).normal(40, 10, 5_000), "city": ["a", "b", "c", "d", "e"] * 1000}
    )
)


def counts(seed: int, rows: int, shift: float = 0.0, missing: float = 0.0, **columns: Any) -> Any:
    random = np.random.default_rng(seed)
    age = random.normal(40, 10, rows) + shift
    age[random.random(rows) < missing] = np.nan
    city = random.choice(["a", "b", "c", "d", "e"], rows).tolist()
    return cell_counts(pa.table({"age": age, "city": city, **columns}), MADE)


@pytest.mark.parametrize(
    ("early", "late", "how"),
    [
        ({"shift": 10.0}, {"shift": 10.0}, "constant"),
        ({"shift": 8.0}, {"shift": 14.0}, "moving"),
        ({"shift": 0.0}, {"shift": 15.0}, "later"),
        ({"missing": 0.3}, {"missing": 0.3}, "constant"),
        ({"missing": 0.0}, {"missing": 0.5}, "later"),
        ({"rows": 10}, {"shift": 15.0}, "not known"),
    ],
)
def test_a_difference_is_there_from_the_beginning_or_came_later(early: Any, late: Any, how: str) -> None:
    first, second = (counts(place, **{"rows": 400, **each}) for place, each in enumerate((early, late)))
    found = [each for each in judge(first + second, MADE, budget=0.01).findings if each.feature == "age"]
    asked = next(each for each in found if each.question in ("level", "missing"))
    assert onset(asked, MADE, first[0], second[0], half_seconds=1800).how == how


@pytest.mark.parametrize("city", ["new", "a"])
def test_shares_of_categories_are_told_apart_too(city: str) -> None:
    first, second = counts(1, 400), counts(2, 400, city=[city] * 400)
    worst = judge(first + second, MADE, budget=0.01).worst
    assert worst is not None
    assert (worst.feature, onset(worst, MADE, first[1], second[1], half_seconds=1800).how) == (
        "city",
        "later",
    )


def feature(made: Profile) -> Any:
    return made.features[0]


@pytest.mark.parametrize("factor", [100.0, 1.609, 1 / 3.6, 0.001])
def test_another_unit_is_told_by_what_all_values_seem_multiplied_with(factor: float) -> None:
    values = np.random.default_rng(3).normal(40, 10, 500)
    found = scale_of(feature(MADE), values * factor)
    assert found == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("values", [[], [np.nan] * 50, [np.inf] * 50, [0.0] * 50, [-40.0] * 50, [400.0] * 19])
def test_nothing_is_said_of_a_unit_where_values_tell_nothing(values: list[float]) -> None:
    assert scale_of(feature(MADE), values) is None


def test_a_shift_is_no_other_unit_and_categories_have_none() -> None:
    random = np.random.default_rng(4)
    assert scale_of(feature(MADE), random.normal(80, 10, 500)) is None
    assert scale_of(feature(MADE), random.normal(40, 10, 500)) is None
    assert scale_of(MADE.features[1], random.normal(40, 10, 500)) is None

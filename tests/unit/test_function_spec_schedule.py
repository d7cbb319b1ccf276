"""When cron triggers tick: Go durations and cron expressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.function_spec.schedule import Schedule, seconds_of


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("10s", 10),
        ("5m", 300),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("10080m", 604_800),
        ("2h0m5s", 7205),
    ],
)
def test_a_duration_is_read_as_go_reads_it(duration: str, seconds: float) -> None:
    assert seconds_of(duration) == pytest.approx(seconds)


@pytest.mark.parametrize("duration", ["", "10", "s", "10 s", "1d", "-5s", "5m!", "five minutes"])
def test_anything_else_is_no_duration(duration: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds_of(duration)


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        ("* * * * *", "2026-01-01 00:00:00", "2026-01-01 00:01:00"),
        ("*/15 * * * *", "2026-01-01 00:14:59", "2026-01-01 00:15:00"),
        ("*/15 * * * *", "2026-01-01 00:45:00", "2026-01-01 01:00:00"),
        ("0 3 * * *", "2026-01-01 03:00:00", "2026-01-02 03:00:00"),
        ("30 * * * * *", "2026-01-01 00:00:30", "2026-01-01 00:01:30"),
        ("*/10 * * * * *", "2026-01-01 00:00:01", "2026-01-01 00:00:10"),
        ("* 5 * * * *", "2026-01-01 00:00:00", "2026-01-01 00:05:00"),  # leading * seconds is 0
        ("0 0 1 * *", "2026-01-31 12:00:00", "2026-02-01 00:00:00"),
        ("0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 * * MON", "2026-01-01 00:00:00", "2026-01-05 00:00:00"),
        ("0 0 * * 7", "2026-01-01 00:00:00", "2026-01-04 00:00:00"),  # 7 is Sunday too
        ("0 0 ? JAN-MAR/2 ?", "2026-01-31 12:00:00", "2026-03-01 00:00:00"),
        ("0 0 13 * FRI", "2026-01-01 00:00:00", "2026-01-02 00:00:00"),  # either of the two days
        ("0 9-17/4,20 * * *", "2026-01-01 13:00:00", "2026-01-01 17:00:00"),
        ("0 9-17/4,20 * * *", "2026-01-01 17:00:00", "2026-01-01 20:00:00"),
        ("5/20 * * * *", "2026-01-01 00:05:00", "2026-01-01 00:25:00"),
        ("@hourly", "2026-01-01 00:00:01", "2026-01-01 01:00:00"),
        ("@daily", "2025-12-31 00:00:01", "2026-01-01 00:00:00"),
        ("@weekly", "2026-01-01 00:00:00", "2026-01-04 00:00:00"),
        ("@monthly", "2026-01-01 00:00:00", "2026-02-01 00:00:00"),
        ("@yearly", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
        ("@every 90s", "2026-01-01 00:00:00", "2026-01-01 00:01:30"),
    ],
)
def test_the_next_time_of_a_schedule(expression: str, moment: str, expected: str) -> None:
    assert Schedule(expression).next_after(at(moment)) == at(expected)


@pytest.mark.parametrize(
    "expression",
    [
        "", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
        "5-1 * * * *", "*/0 * * * *", "a * * * *", "@never", "@every soon",
    ],
)  # fmt: skip
def test_a_wrong_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|duration"):
        Schedule(expression)


def test_a_schedule_that_never_comes_is_told() -> None:
    with pytest.raises(ValueError, match="never comes"):
        Schedule("0 0 31 2 *").next_after(at("2026-01-01"))


@given(st.integers(0, 4 * 10**9), st.integers(0, 59), st.integers(0, 23))
def test_the_next_time_is_later_fits_and_skips_none(seconds: int, minute: int, hour: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    found = Schedule(f"{minute} {hour} * * *").next_after(moment)
    assert (found.hour, found.minute, found.second) == (hour, minute, 0)
    assert timedelta(0) < found - moment <= timedelta(days=1)

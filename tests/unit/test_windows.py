"""The pure side of windows: tables of cases, and the grid's properties."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.model import MINUTE_US
from modelmon.windows import (
    Clocks,
    Closing,
    Period,
    Progress,
    Span,
    WindowState,
    after,
    changed_period,
    check_at,
    closing,
    has_tries_left,
    incomplete,
    known_after_us,
    may_become_partial,
    postponed_wait_us,
    retry_wait_us,
    state_of,
    window_of,
    windows_touched,
)

TEN = [Period(0, 10)]
YEAR_2100 = 130 * 365 * 24 * 60


def span(start: int, end: int) -> Span:
    """A span in minutes."""
    return Span(start * MINUTE_US, end * MINUTE_US)


# --- grid


@pytest.mark.parametrize(
    ("minute", "expected"), [(0, (0, 10)), (9, (0, 10)), (10, (10, 20)), (25, (20, 30)), (59, (50, 60))]
)
def test_windows_lie_between_the_multiples_of_the_period(minute, expected):
    assert window_of(minute * MINUTE_US, TEN) == span(*expected)


def test_the_last_microsecond_before_a_boundary_belongs_to_the_window_before_it():
    assert window_of(10 * MINUTE_US - 1, TEN) == span(0, 10)
    assert window_of(10 * MINUTE_US, TEN) == span(10, 20)


def test_a_window_of_a_week_starts_on_the_epochs_weekday():
    # 1970-01-01 was a Thursday, so windows of seven days start on Thursdays.
    week = window_of(16_000 * 1_440 * MINUTE_US, [Period(0, 10_080)])
    assert week.start_us % (10_080 * MINUTE_US) == 0
    assert week.end_us - week.start_us == 10_080 * MINUTE_US


def test_a_longer_period_begins_at_its_first_boundary_after_one_short_window():
    grid = [Period(0, 10), Period(20 * MINUTE_US, 60)]
    assert [window_of(m * MINUTE_US, grid) for m in (5, 15, 20, 59, 60)] == [
        span(0, 10), span(10, 20), span(20, 60), span(20, 60), span(60, 120),
    ]  # fmt: skip


def test_a_new_period_whose_boundary_is_the_end_of_the_last_window_has_no_short_window():
    grid = [Period(0, 10), Period(60 * MINUTE_US, 60)]
    assert window_of(59 * MINUTE_US, grid) == span(50, 60)
    assert window_of(60 * MINUTE_US, grid) == span(60, 120)


def test_a_shorter_period_begins_in_the_middle_of_an_old_window_that_was_never_stored():
    grid = [Period(0, 60), Period(60 * MINUTE_US, 10)]
    assert window_of(70 * MINUTE_US, grid) == span(70, 80)


def test_what_was_before_the_first_period_has_windows_of_its_length():
    assert window_of(5 * MINUTE_US, [Period(60 * MINUTE_US, 10)]) == span(0, 10)


@pytest.mark.parametrize("wrong", [{"from_us": 0, "minutes": 0}, {"from_us": 7, "minutes": 10}])
def test_a_period_begins_on_a_minute_and_lasts_at_least_one(wrong):
    with pytest.raises(ValueError, match="a period begins on a minute"):
        Period(**wrong)


@pytest.mark.parametrize(
    ("grid", "minutes", "last_end", "expected"),
    [
        ([], 10, None, Period(0, 10)),
        (TEN, 10, 50, None),
        (TEN, 60, 50, Period(50 * MINUTE_US, 60)),
        (TEN, 60, None, Period(0, 60)),  # nothing was cut yet: the whole grid changes
        ([*TEN, Period(50 * MINUTE_US, 60)], 20, 50, Period(50 * MINUTE_US, 20)),  # changed twice
        ([*TEN, Period(50 * MINUTE_US, 60)], 20, 30, Period(50 * MINUTE_US, 20)),  # old windows pruned
    ],
)
def test_a_changed_period_begins_where_the_last_stored_window_ends(grid, minutes, last_end, expected):
    assert changed_period(grid, minutes, None if last_end is None else last_end * MINUTE_US) == expected


moments = st.integers(0, YEAR_2100)
lengths = st.integers(1, 20_000)


@st.composite
def grids(draw):
    """A grid that grew as the controller lets it grow: a change begins where some stored window ends."""
    grid: list[Period] = []
    last_end: int | None = None
    for minutes in draw(st.lists(lengths, min_size=1, max_size=5)):
        new = changed_period(grid, minutes, last_end)
        if new is None:
            continue
        grid = [*(period for period in grid if period.from_us < new.from_us), new]
        if draw(st.booleans()):
            moment = max(new.from_us, draw(moments) * MINUTE_US)
            last_end = window_of(moment, grid).end_us
    return grid


@given(grids(), moments)
def test_a_moment_lies_in_the_window_that_is_found_for_it(grid, minute):
    found = window_of(minute * MINUTE_US, grid)
    assert found.start_us <= minute * MINUTE_US < found.end_us


@given(grids(), moments)
def test_windows_follow_each_other_without_gap_or_overlap(grid, minute):
    found = window_of(minute * MINUTE_US, grid)
    after, before = window_of(found.end_us, grid), window_of(found.start_us - 1, grid)
    assert after.start_us == found.end_us
    assert before.end_us == found.start_us


@given(grids(), moments)
def test_every_moment_of_a_window_has_the_same_window(grid, minute):
    found = window_of(minute * MINUTE_US, grid)
    for moment in (found.start_us, (found.start_us + found.end_us) // 2, found.end_us - 1):
        assert window_of(moment, grid) == found


@given(grids(), lengths, st.lists(moments, max_size=20))
def test_a_change_of_the_period_leaves_the_windows_that_are_stored(grid, minutes, stored_minutes):
    stored = {window_of(minute * MINUTE_US, grid) for minute in stored_minutes}
    last_end = max((each.end_us for each in stored), default=None)
    new = changed_period(grid, minutes, last_end)
    if new is not None and stored:
        grid = [*(period for period in grid if period.from_us < new.from_us), new]
        assert {window_of(each.start_us, grid) for each in stored} == stored


@given(grids(), st.lists(moments))
def test_each_minute_touches_exactly_one_window(grid, minutes):
    touched = windows_touched([minute * MINUTE_US for minute in minutes], grid)
    assert sorted(m for inside in touched.values() for m in inside) == sorted(m * MINUTE_US for m in minutes)
    for found, inside in touched.items():
        assert all(found.start_us <= minute < found.end_us for minute in inside)


@given(grids(), moments)
def test_a_new_period_has_at_most_one_short_window_before_its_own(grid, minute):
    found = window_of(minute * MINUTE_US, grid)
    lengths_us = {period.minutes * MINUTE_US for period in grid}
    cut = {period.from_us for period in grid}
    if found.end_us - found.start_us not in lengths_us:
        assert found.start_us in cut or found.end_us in cut


# --- when a window may be judged

WINDOW = span(0, 10)
GRACE = 30_000_000
END = WINDOW.end_us


def judged(now, last_request, committed, watermark=-1, **more):
    """What closes WINDOW, times in seconds after its end."""

    def us(seconds):
        return None if seconds is None else END + seconds * 1_000_000

    reopened = us(more.pop("reopened", None))
    completed = us(more.pop("completed", None))
    progress = Progress(0, us(last_request), us(committed), completed, **more)
    return closing(WINDOW, progress, Clocks(us(now), GRACE, us(watermark)), reopened)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"now": 29, "last_request": 60, "committed": 0}, Closing.WAITS_FOR_CLOCK),
        ({"now": 30, "last_request": 60, "committed": 0}, Closing.PASSED),
        ({"now": 30, "last_request": 30, "committed": 30}, Closing.PASSED),
        ({"now": 30, "last_request": 29, "committed": 30}, Closing.WAITS_FOR_CLOCK),
        ({"now": 60, "last_request": 29, "committed": 30}, Closing.WAITS_FOR_WATERMARK),
        ({"now": 60, "last_request": 29, "committed": 30, "watermark": 60}, Closing.SILENT),
        ({"now": 60, "last_request": 29, "committed": 30, "watermark": 59}, Closing.WAITS_FOR_WATERMARK),
        ({"now": 60, "last_request": -300, "committed": -200, "watermark": 29}, Closing.WAITS_FOR_WATERMARK),
        ({"now": 60, "last_request": -300, "committed": -200, "watermark": 30}, Closing.SILENT),
        ({"now": 10_000, "last_request": -1, "committed": -1}, Closing.WAITS_FOR_WATERMARK),
        # A clock that has gone back: nothing closes before it has come forward again.
        ({"now": 60, "last_request": -1, "committed": 3_600, "watermark": 60}, Closing.WAITS_FOR_CLOCK),
        # A window that was sent before waits the grace since its newest change, whatever else is known.
        ({"now": 100, "last_request": 60, "committed": 90, "reopened": 90}, Closing.WAITS_FOR_CLOCK),
        ({"now": 120, "last_request": 60, "committed": 90, "reopened": 90}, Closing.PASSED),
        # A batch job says itself when it is complete; the wall clock does not matter.
        ({"now": 900, "last_request": 900, "committed": 0, "batch": True}, Closing.WAITS_FOR_COMPLETION),
        ({"now": -99, "last_request": -1, "committed": 0, "batch": True, "completed": 0}, Closing.COMPLETED),
        ({"now": -9, "last_request": -9, "committed": 0, "batch": True, "completed": -9}, Closing.COMPLETED),
        ({"now": 900, "last_request": 0, "committed": 0, "batch": True, "completed": -601},
         Closing.WAITS_FOR_COMPLETION),
        ({"now": 9, "last_request": 0, "committed": 0, "batch": True, "completed": 0, "reopened": 0},
         Closing.WAITS_FOR_CLOCK),
    ],
)  # fmt: skip
def test_closing(case, expected):
    assert judged(**case) is expected


def test_a_window_is_closed_by_newer_data_silence_or_completion_alone():
    assert {each for each in Closing if each.closed} == {
        Closing.PASSED, Closing.SILENT, Closing.COMPLETED,
    }  # fmt: skip


times = st.integers(-1_000, 1_000)


@given(times, times, times, times, st.integers(0, 500))
def test_more_knowledge_never_opens_a_closed_window(now, last_request, committed, watermark, later):
    if judged(now, last_request, committed, watermark).closed:
        assert judged(now + later, last_request, committed, watermark).closed
        assert judged(now, last_request, committed, watermark + later).closed
        assert judged(now, last_request + later, committed, watermark).closed


@given(times, times, times)
def test_without_a_watermark_only_newer_data_close_a_window(now, last_request, committed):
    assert judged(now, last_request, committed, watermark=-10_000).closed == (
        now >= 30 and last_request >= 30
    )


# --- incomplete


@pytest.mark.parametrize(
    ("first", "last", "by", "bits"),
    [
        (0, 10, Closing.PASSED, 0),
        (1, 20, Closing.PASSED, 0),  # a tenth may be missing
        (1.1, 20, Closing.PASSED, 1),
        (-5, 20, Closing.PASSED, 0),
        (0, 9, Closing.SILENT, 0),
        (0, 8.9, Closing.SILENT, 2),
        (5, 6, Closing.SILENT, 3),
        (0, 5, Closing.COMPLETED, 0),  # a job that is complete has said that this is all
        (5, 5, Closing.COMPLETED, 1),
        (0, 12, Closing.SILENT, 0),
        (None, None, Closing.SILENT, 0),
    ],
)
def test_incomplete(first, last, by, bits):
    def us(minute):
        return None if minute is None else round(minute * MINUTE_US)

    assert incomplete(WINDOW, Progress(us(first), us(last), 0), by) == bits


@pytest.mark.parametrize("by", [Closing.PASSED, Closing.SILENT, Closing.COMPLETED])
@pytest.mark.parametrize(("first", "bits"), [(0, 0), (5, 1)])
def test_silence_after_the_window_is_said_of_one_that_the_data_cover_in_part_alone(first, bits, by):
    progress = Progress(first * MINUTE_US, 10 * MINUTE_US, 0)
    assert incomplete(WINDOW, progress, by, silence=True) == (bits and bits | 4)
    assert incomplete(WINDOW, progress, by, silence=False) == bits


@pytest.mark.parametrize(
    ("now", "last_request", "committed", "watermark", "expected"),
    [
        (599, -300, -300, 599, Closing.WAITS_FOR_CLOCK),
        (600, -300, -300, 600, Closing.SILENT),
        (600, -300, -300, 599, Closing.WAITS_FOR_WATERMARK),  # the stream function may be down
        (9_000, -300, -300, 599, Closing.WAITS_FOR_WATERMARK),
        (9_000, -300, 8_401, 9_000, Closing.WAITS_FOR_CLOCK),  # a replay of the past that pauses
        (9_001, -300, 8_401, 9_000, Closing.WAITS_FOR_WATERMARK),
        (9_001, -300, 8_401, 9_001, Closing.SILENT),
        (700, 599, 100, 700, Closing.SILENT),
        (700, 600, 690, -1, Closing.PASSED),
        (700, 599, 100, -1, Closing.WAITS_FOR_WATERMARK),
    ],
)
def test_what_came_in_the_period_after_a_window_is_known_once_it_has_passed(
    now, last_request, committed, watermark, expected
):
    us = [END + seconds * 1_000_000 for seconds in (now, last_request, committed, watermark)]
    progress = Progress(0, us[1], us[2])
    assert after(WINDOW, progress, Clocks(us[0], GRACE, us[3])) is expected
    known_us = known_after_us(WINDOW, progress)
    if expected is not Closing.PASSED:
        assert (expected is Closing.WAITS_FOR_CLOCK) == (us[0] < known_us)


def test_a_complete_batch_job_has_said_that_nothing_follows():
    job = Progress(5 * MINUTE_US, 6 * MINUTE_US, 0, completed_us=6 * MINUTE_US, batch=True)
    clocks = Clocks(0, GRACE, -1)
    assert after(WINDOW, job, clocks) is Closing.COMPLETED
    assert after(WINDOW, replace(job, completed_us=None), clocks) is Closing.WAITS_FOR_COMPLETION


@given(times, times, times, times, st.integers(0, 500))
def test_silence_after_a_window_is_known_no_earlier_than_that_the_window_has_closed(
    now, last_request, committed, watermark, length
):
    window = Span(END - (length + GRACE // 1_000_000) * 1_000_000, END)  # a period is longer than a grace
    progress = Progress(0, END + last_request * 1_000_000, END + committed * 1_000_000)
    clocks = Clocks(END + now * 1_000_000, GRACE, END + watermark * 1_000_000)
    if after(window, progress, clocks).closed:
        assert closing(window, progress, clocks).closed


@pytest.mark.parametrize(
    ("bits", "followed", "rows", "expected"),
    [
        (1, False, 50, True), (2, False, 50, True), (3, False, 50, True),
        (3, False, 49, False),  # too few rows for any verdict
        (1, True, 50, False),  # the first window of steady traffic
        (0, False, 50, False),  # it has its full verdict
        (5, False, 50, False), (6, False, 50, False), (7, False, 50, False),  # they have theirs
    ],
)  # fmt: skip
def test_which_windows_get_a_verdict_once_silence_follows(bits, followed, rows, expected):
    assert may_become_partial(bits, followed, rows, min_rows=50) is expected


def test_a_short_window_is_measured_by_its_own_length():
    short = span(50, 60)
    assert incomplete(short, Progress(round(52 * MINUTE_US), 60 * MINUTE_US, 0), Closing.PASSED) == 1


# --- times and states


def test_a_window_is_looked_at_when_its_grace_is_over_and_again_a_grace_after_a_late_change():
    first = {"batch": False, "reopened": False, "grace_us": GRACE}
    assert check_at(WINDOW, now_us=0, **first) == check_at(WINDOW, now_us=2 * END, **first) == END + GRACE
    again = {"batch": False, "reopened": True, "grace_us": GRACE}
    assert check_at(WINDOW, now_us=2 * END, **again) == 2 * END + GRACE
    assert check_at(WINDOW, now_us=0, **again) == END + GRACE


def test_a_window_of_a_batch_endpoint_is_looked_at_without_waiting_for_its_end():
    assert check_at(WINDOW, batch=True, reopened=False, now_us=7, grace_us=GRACE) <= 7
    assert check_at(WINDOW, batch=True, reopened=True, now_us=7, grace_us=GRACE) == 7 + GRACE


def test_the_wait_for_an_answer_doubles_and_stays_a_number():
    assert [retry_wait_us(sends, 10) for sends in (1, 2, 3, 4)] == [10, 20, 40, 80]
    assert retry_wait_us(10_000, 10) < 10_000_000


@pytest.mark.parametrize(
    ("waited", "expected"),
    [(-5, 10), (0, 10), (10, 10), (25, 25), (3_600_000_000, 3_600_000_000), (10**15, 3_600_000_000)],
)
def test_a_window_whose_app_waits_is_left_alone_as_long_as_it_waited_and_an_hour_at_most(waited, expected):
    assert postponed_wait_us(waited, 10) == expected


def test_a_first_wait_of_more_than_an_hour_is_kept():
    assert postponed_wait_us(0, 7_200_000_000) == 7_200_000_000


@pytest.mark.parametrize(
    ("sends", "attempts", "left"), [(1, 1, True), (2, 2, True), (3, 1, False), (1, 3, False), (3, 3, False)]
)
def test_tries_are_counted_by_sends_and_by_starts(sends, attempts, left):
    assert has_tries_left(sends, attempts, allowed=3) is left


@pytest.mark.parametrize(
    ("revisions", "outcome", "checked", "tries_left", "expected"),
    [
        ((1, 0, 0), "", True, True, WindowState.WAITING),
        ((2, 1, 1), "done", True, True, WindowState.WAITING),
        ((1, 1, 0), "", True, True, WindowState.SENT),
        ((2, 2, 1), "done", True, True, WindowState.SENT),
        ((1, 1, 0), "", False, True, WindowState.FAILED),  # no answer, and no more sends
        ((1, 1, 1), "done", True, True, WindowState.DONE),
        ((1, 1, 1), "done", False, False, WindowState.DONE),
        ((1, 1, 1), "failed", True, True, WindowState.RETRYING),
        ((1, 1, 1), "failed", True, False, WindowState.FAILED),
        ((1, 1, 1), "failed", False, True, WindowState.FAILED),
        ((1, 1, 1), "unavailable", True, False, WindowState.RETRYING),
        ((1, 1, 1), "unavailable", False, True, WindowState.FAILED),  # nobody will ask again
    ],
)
def test_state(revisions, outcome, checked, tries_left, expected):
    wanted, sent, answered = revisions
    found = state_of(
        waiting=wanted > sent,
        unanswered=answered < sent,
        outcome=outcome,
        checked=checked,
        tries_left=tries_left,
    )
    assert found is expected

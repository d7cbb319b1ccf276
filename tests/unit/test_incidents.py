"""When something is an incident, and how it goes on: tables of cases, and any order of what comes."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.incidents import (
    Course,
    Episode,
    IncidentState,
    Policy,
    Said,
    Transition,
    Watch,
    WindowFinding,
    event_kind,
    follow,
    following,
    severity,
    under,
    what_failed,
    what_result,
)
from modelmon.incidents.course import Run
from modelmon.incidents.episodes import episodes
from modelmon.incidents.following import stands
from modelmon.model import ValuePoint

PLAIN = Policy()
SAID = {"-": Said.SILENT, "c": Said.CALM, "s": Said.SUSPECTED, "d": Said.DETECTED, "p": Said.PARTLY,
        "f": Said.FAILING}  # fmt: skip


def finding(number: int, said: str, revision: int = 1) -> WindowFinding:
    return WindowFinding(10 * number, 10 * number + 10, SAID[said], revision)


def watch(*findings: WindowFinding, policy: Policy = PLAIN) -> tuple[Watch, list[list[Transition]]]:
    """The watch in the end, and the events of each finding."""
    state, told = Watch(), []
    for each in findings:
        state, changes = follow(state, each, policy)
        told.append([event for change in changes for event in change.events])
    return state, told


def of(windows: str) -> tuple[Watch, list[list[Transition]]]:
    """What windows come to that say this, one after the other; a blank is a window that never was."""
    return watch(*[finding(number, said) for number, said in enumerate(windows) if said != " "])


def states(told: list[list[Transition]]) -> list[str]:
    return [event.after.value for events in told for event in events]


def found(state: Watch, policy: Policy = PLAIN) -> list[Episode]:
    """The episodes, from what the incidents say and from the whole course: they must agree."""
    said = [each.episode for each in sorted(state.incidents, key=lambda each: each.episode.first_us)]
    assert said == episodes(under(policy, state.course.runs, stands(state)), state.carried)
    return said


# --- what is found


@pytest.mark.parametrize(("status", "expected"), [(-1, "-"), (0, "c"), (1, "s"), (2, "d")])
def test_a_result_says_what_its_status_is(status, expected):
    point = ValuePoint("e", "app", 0, 60, "drift", 0.8, 1, kind=0, status=status)
    assert what_result(point, whole=True) is SAID[expected]


@pytest.mark.parametrize(("status", "expected"), [(-1, "-"), (0, "c"), (1, "p"), (2, "p")])
def test_a_result_of_a_part_of_a_window_is_suspected_at_most(status, expected):
    point = ValuePoint("e", "app", 0, 60, "drift", 0.8, 1, kind=0, status=status)
    assert what_result(point, whole=False) is SAID[expected]


def test_a_failure_is_found_when_nobody_tries_again():
    assert (what_failed(final=True), what_failed(final=False)) == (Said.DETECTED, Said.FAILING)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (0, "data-drift"),
        (1, "concept-drift"),
        (2, "model-performance"),
        (3, "system-performance"),
        (4, "mm-app-anomaly"),
    ],
)
def test_an_incident_is_named_by_the_kind_of_its_result_and_by_how_bad_it_is(kind, name):
    assert event_kind(False, kind, 2) == f"{name}-detected"
    assert event_kind(False, kind, 1) == f"{name}-suspected"
    assert event_kind(True, kind, 2) == "mm-app-failed"
    assert (severity(1), severity(2)) == ("medium", "high")


# --- how it goes on


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ("c", []),
        ("-", []),
        ("s", ["raised"]),
        ("d", ["raised"]),
        ("ddd", ["raised"]),
        ("sd", ["raised", "escalated"]),
        ("sds", ["raised", "escalated", "eased"]),
        ("sdsd", ["raised", "escalated", "eased", "escalated"]),
        ("ds", ["raised", "eased"]),
        ("dc", ["raised", "resolved"]),
        ("dcd", ["raised", "resolved", "raised"]),
        # what says nothing changes nothing
        ("d-", ["raised"]),
        ("d--c", ["raised", "resolved"]),
        ("d-s", ["raised", "eased"]),
        # a part of a window: suspected at most, so it eases nothing
        ("p", ["raised"]),
        ("dp", ["raised"]),
        ("dpd", ["raised"]),
        ("pd", ["raised", "escalated"]),
        ("dpc", ["raised", "resolved"]),
        # an app that is tried again
        ("f", ["pending"]),
        ("fc", ["pending"]),
        ("fd", ["pending", "raised"]),
        ("df", ["raised"]),
        ("dfc", ["raised", "resolved"]),
    ],
)
def test_the_events_of_windows_that_come_in_their_order(windows, told):
    assert states(of(windows)[1]) == told


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ("d", Episode(0, 0, IncidentState.RAISED, 2, 1, 1, 0)),
        ("s", Episode(0, 0, IncidentState.RAISED, 1, 1, 0)),
        ("cs-dds", Episode(10, 50, IncidentState.EASED, 1, 4, 2, 30)),
        ("cs dc", Episode(10, 30, IncidentState.RESOLVED, 2, 2, 1, 30, 40)),
        ("dp", Episode(0, 10, IncidentState.RAISED, 2, 2, 1, 0)),
        ("f", Episode(0, 0, IncidentState.PENDING)),
        ("fd", Episode(0, 10, IncidentState.RAISED, 2, 1, 1, 10)),
    ],
)
def test_an_episode_says_when_it_began_was_detected_and_ended_and_how_many_windows_it_has(windows, expected):
    assert found(of(windows)[0]) == [expected]


def test_what_was_pending_and_came_right_leaves_nothing():
    assert found(of("fc")[0]) == []
    assert found(watch(finding(0, "f"), finding(0, "c"))[0]) == []


def test_the_last_try_of_a_window_raises_what_was_pending_and_a_good_one_resolves_it():
    _, told = watch(finding(0, "f"), finding(0, "f"), finding(0, "d"), finding(0, "f"), finding(1, "c"))
    assert states(told) == ["pending", "raised", "resolved"]


def test_a_failure_at_a_higher_revision_stays_raised_while_it_is_tried_again():
    _, told = watch(finding(0, "d"), finding(0, "f", 2), finding(0, "d", 2), finding(0, "c", 3))
    assert states(told) == ["raised", "resolved"]


@pytest.mark.parametrize(
    ("policy", "windows", "told"),
    [
        (Policy(2, 3), "d", ["pending"]),
        (Policy(2, 3), "dd", ["pending", "raised"]),
        (Policy(2, 3), "dcd", ["pending", "raised"]),
        (Policy(2, 3), "dcccd", ["pending", "pending"]),  # forgotten in between
        (Policy(2, 3), "d--d", ["pending", "raised"]),
        (Policy(2, 2), "dccdd", ["pending", "pending", "raised"]),
        (Policy(3, 3), "ddc", ["pending"]),
        (Policy(2, 3), "sd", ["pending", "raised"]),
        (Policy(1, 1, 2), "dc", ["raised"]),
        (Policy(1, 1, 2), "dcc", ["raised", "resolved"]),
        (Policy(1, 1, 2), "dcdcc", ["raised", "resolved"]),
        (Policy(1, 1, 2), "dc--c", ["raised", "resolved"]),
        (Policy(1, 1, 2), "dc--", ["raised"]),  # no data resolve nothing
        (Policy(2, 3, 2), "ddccd", ["pending", "raised", "resolved", "pending"]),
        (Policy(1, 1, 1, 30), "dcdd", ["raised", "resolved"]),
        (Policy(1, 1, 1, 30), "dcddd", ["raised", "resolved", "raised"]),
        (Policy(1, 1, 1, 30), "dc-cd", ["raised", "resolved", "raised"]),
        (Policy(2, 2, 1, 20), "ddcddd", ["pending", "raised", "resolved", "pending", "raised"]),
        (Policy(2, 3), "f", ["pending"]),
        (Policy(2, 3), "fdd", ["pending", "raised"]),
    ],
)
def test_what_is_enough_and_what_ends_it(policy, windows, told):
    findings = [finding(number, said) for number, said in enumerate(windows)]
    assert states(watch(*findings, policy=policy)[1]) == told


def test_a_year_of_calm_windows_that_ends_nothing_is_one_run():
    raised = [Run(0, 10, 1, Said.DETECTED, 1), Run(10, 10, 50_000, Said.CALM, 1)]
    assert len(under(Policy(clear=2**62), raised)) == 2
    assert [run.said for run in under(Policy(clear=3), raised)][-1] is Said.CALM


def test_a_year_of_bad_windows_is_looked_at_at_its_beginning_alone():
    runs = under(
        Policy(3, 5, 4), [Run(0, 10, 50_000, Said.DETECTED, 1), Run(500_000, 10, 50_000, Said.CALM, 1)]
    )
    assert len(runs) < 10
    assert sum(run.windows for run in runs) == 100_000


# --- windows that are judged again, and late


def test_a_window_that_is_judged_again_and_finds_nothing_withdraws_its_incident():
    for said in "c-":
        state, told = watch(finding(0, "d"), finding(0, said, 2))
        assert states(told) == ["raised", "resolved"]
        assert told[-1][0].why == "withdrawn"
        assert found(state) == []


def test_a_lower_revision_that_comes_later_says_nothing():
    state, told = watch(finding(0, "c", 2), finding(0, "d", 1))
    assert (found(state), states(told)) == ([], [])


def test_an_answer_that_comes_again_says_nothing():
    state, told = of("sd")
    for again in (finding(0, "s"), finding(1, "d")):
        assert follow(state, again) == (state, [])
    assert states(told) == ["raised", "escalated"]


def test_an_older_window_that_comes_late_is_raised_and_ends_with_the_calm_one_after_it():
    state, told = watch(finding(1, "c"), finding(2, "c"), finding(0, "d"))
    assert states(told) == ["raised", "resolved"]
    assert found(state) == [Episode(0, 0, IncidentState.RESOLVED, 2, 1, 1, 0, 10)]


def test_an_older_window_that_comes_late_makes_the_incident_begin_earlier():
    state, told = watch(finding(1, "s"), finding(0, "d"))
    assert states(told) == ["raised", "escalated", "eased"]
    assert told[-1][0].why == following.LATE
    assert found(state) == [Episode(0, 10, IncidentState.EASED, 1, 2, 1, 0)]


def test_a_window_that_is_worse_when_it_is_judged_again_escalates_its_incident():
    state, told = watch(finding(0, "s"), finding(0, "d", 2), finding(0, "s", 3))
    assert states(told) == ["raised", "escalated", "eased"]
    assert found(state) == [Episode(0, 0, IncidentState.RAISED, 1, 1, 0)]


def test_a_calm_window_that_is_withdrawn_opens_the_incident_again():
    state, told = watch(finding(0, "d"), finding(1, "c"), finding(1, "d", 2))
    assert states(told) == ["raised", "resolved", "raised"]
    assert [each.episode.windows for each in state.incidents] == [2]


def numbered(*findings: WindowFinding) -> tuple[Watch, list[list[tuple[int | None, str]]]]:
    """As the ledger does it: each new incident gets the next number."""
    from dataclasses import replace

    state, told, last = Watch(), [], 0
    for each in findings:
        state, changes = follow(state, each)
        events = []
        for change in changes:
            assert change.after is not None
            new = change.after
            if new.number is None:
                last += 1
                new = replace(new, number=last)
                kept = [new if known is change.after else known for known in state.incidents]
                state = replace(state, incidents=tuple(kept))
            events += [(new.number, event.after.value) for event in change.events]
        told.append(events)
    return state, told


def test_an_incident_that_falls_apart_keeps_its_number_where_it_is_now():
    state, told = numbered(*[finding(number, "d") for number in range(3)], finding(1, "c", 2))
    assert told[-1] == [(2, "raised"), (2, "resolved")]
    assert {each.number: each.episode.first_us for each in state.incidents} == {1: 20, 2: 0}


def test_two_incidents_that_become_one_keep_the_newer_number():
    state, told = numbered(finding(0, "d"), finding(1, "c"), finding(2, "d"), finding(1, "d", 2))
    assert told[-1] == [(1, "resolved")]  # it had ended; now it is withdrawn, and the newer one goes on
    assert [(each.number, each.episode.first_us) for each in state.incidents] == [(2, 0)]


# --- any order


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[WindowFinding], list[WindowFinding]]:
    """Findings in the order of their windows, and any order of them with repetitions."""
    windows = draw(st.lists(st.sampled_from("--ccssddpp "), min_size=1, max_size=12))
    ordered = [
        finding(number, draw(st.sampled_from("-csdp")) if revision < last else said, revision)
        for number, said in enumerate(windows)
        if said != " "
        for last in [draw(st.integers(1, 3))]
        for revision in range(1, last + 1)
    ]
    if not ordered:
        return [], []
    again = draw(st.lists(st.sampled_from(ordered), max_size=6))
    return ordered, draw(st.permutations(ordered + again))


@given(deliveries())
def test_any_order_and_repetition_of_answers_gives_the_state_of_the_ordered_ones(both):
    ordered, any_order = both
    (expected, _), (state, _) = watch(*ordered), watch(*any_order)
    assert state.course == expected.course
    assert found(state) == found(expected)


@given(deliveries(), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3), st.sampled_from([0, 15, 40]))
def test_under_any_policy_too(both, enough, more, clear, cooldown):
    ordered, any_order = both
    policy = Policy(enough, enough + more, clear, cooldown)
    (expected, _), (state, _) = watch(*ordered, policy=policy), watch(*any_order, policy=policy)
    assert found(state, policy) == found(expected, policy)


FOLLOWS = {
    "": {"raised"},
    "raised": {"escalated", "eased", "resolved"},
    "escalated": {"eased", "resolved"},
    "eased": {"escalated", "resolved"},
    "resolved": {"raised", "resolved"},  # opened again; or withdrawn after it had ended
}


@given(deliveries())
def test_what_is_told_of_an_incident_begins_with_raised_and_follows_from_what_was_told(both):
    _, any_order = both
    told: dict[int, str] = {}
    for events in numbered(*any_order)[1]:
        for number, after in events:
            assert after in FOLLOWS[told.get(number, "")]
            told[number] = after


@given(deliveries())
def test_a_course_has_each_window_once_in_order_with_what_it_said_last(both):
    _, any_order = both
    said: dict[int, WindowFinding] = {}
    for each in any_order:
        if each.start_us not in said or said[each.start_us].revision <= each.revision:
            said[each.start_us] = each
    course = watch(*any_order)[0].course
    windows = [
        (run.first_us + number * run.length_us, run.said, run.revision)
        for run in course.runs
        for number in range(run.windows)
    ]
    assert windows == [(start, said[start].said, said[start].revision) for start in sorted(said)]


def test_a_year_of_calm_windows_is_one_run():
    course = Course()
    for number in range(52_560):
        course = course.note(finding(number, "c"))
    assert course.runs == ((0, 10, 52_560, Said.CALM, 1),)


def test_windows_of_another_length_are_told_apart_wherever_they_lie():
    course = Course()
    for start, end in [(0, 10), (10, 20), (20, 30), (15, 30), (40, 100), (5, 10)]:
        course = course.note(WindowFinding(start, end, Said.CALM))
    assert [(run.first_us, run.length_us, run.windows) for run in course.runs] == [
        (0, 10, 1), (5, 5, 1), (10, 10, 1), (15, 15, 1), (20, 10, 1), (40, 60, 1),
    ]  # fmt: skip


# --- what is too old


@pytest.mark.parametrize(("open_one", "calm"), list(product([True, False], repeat=2)))
def test_a_long_course_is_cut_and_ends_as_the_whole_one(monkeypatch, open_one, calm):
    windows = ("c" if calm else "s") + "sd" * 40 + ("" if open_one else "c") + "s"
    whole, told = of(windows)
    monkeypatch.setattr(following, "MOST_RUNS", 8)
    state, cut = of(windows)
    assert len(state.course.runs) <= 8
    assert (cut, state.incidents) == (told, whole.incidents)


def test_what_is_older_than_the_course_changes_nothing(monkeypatch):
    monkeypatch.setattr(following, "MOST_RUNS", 4)
    state, _ = of("cscscscs")
    assert state.horizon_us > 10
    assert follow(state, finding(1, "c", 2)) == (state, [])

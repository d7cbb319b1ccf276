"""What is raised and resolved too often is held open: a table of cases, any order, long courses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmon.incidents import (
    Course,
    Episode,
    Flapping,
    IncidentState,
    Policy,
    Reason,
    Said,
    Watch,
    WindowFinding,
    follow,
    following,
    is_calm_for_good,
    take_back,
    under,
)
from modelmon.incidents.by_hand import end
from modelmon.incidents.episodes import episodes
from modelmon.incidents.following import NumberedEpisode, stands
from repeating import examples

USUAL = Policy(flapping=Flapping())
QUICK = Policy(flapping=Flapping(2, 6, 3))
SAID = {"-": Said.SILENT, "c": Said.CALM, "s": Said.SUSPECTED, "d": Said.DETECTED, "p": Said.PARTLY,
        "f": Said.FAILING}  # fmt: skip
Told = tuple[int, str]


def finding(number: int, said: str, revision: int = 1) -> WindowFinding:
    return WindowFinding(10 * number, 10 * number + 10, SAID[said], revision)


class Place:
    """Follows findings as the ledger does: incidents have numbers, those that ended before are not read."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.watch, self.last = policy, Watch(), 0
        self.known: dict[int, NumberedEpisode] = {}

    def say(self, finding: WindowFinding) -> list[Told]:
        read = [
            each
            for each in self.known.values()
            if each.reason is None
            or (each.reason is Reason.CALM and (each.episode.ended_us or 0) >= finding.start_us)
        ]
        watch = replace(self.watch, incidents=tuple(read))
        self.watch, changes = follow(watch, finding, self.policy)
        told: list[Told] = []
        for change in changes:
            if change.after is None:
                assert change.before is not None
                del self.known[change.before.number or 0]
                continue
            new = change.after
            if new.number is None:
                self.last += 1
                new = replace(new, number=self.last)
            self.known[new.number or 0] = new
            said = ["flapping" if event.flaps else event.after.value for event in change.events]
            told += [(new.number or 0, each) for each in said]
        return told

    def all(self, windows: str) -> list[Told]:
        found = [self.say(finding(number, said)) for number, said in enumerate(windows)]
        return [each for told in found for each in told]

    @property
    def standing(self) -> list[Episode]:
        """Those that count, in order; they must be what the whole course says."""
        kept = [each.episode for each in self.known.values() if each.reason in (None, Reason.CALM)]
        said = under(self.policy, self.watch.course.runs, stands(self.watch))
        since = [each for each in kept if each.ended_us is None or each.ended_us >= self.watch.horizon_us]
        found = sorted(since, key=lambda each: each.first_us)
        assert found == episodes(said, self.watch.carried)
        return found


def told_of(windows: str, policy: Policy = USUAL) -> str:
    """What is told, in short: R raised, F flapping, E escalated, . resolved."""
    short = {"raised": "R", "resolved": ".", "flapping": "F", "escalated": "E", "eased": "e", "pending": ""}
    return "".join(short[what] for _, what in Place(policy).all(windows))


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ("dcdc", "R.R."),
        ("dcdcd", "R.R.RF"),  # the fifth change within twelve windows
        ("dcdcdcdcdcdcdcdcdc", "R.R.RF"),
        ("dcdcd" + "c" * 11, "R.R.RF"),
        ("dcdcd" + "c" * 12, "R.R.RF."),
        ("dcdcdc" + "d" * 9 + "c" * 11, "R.R.RF"),  # twelve in a row
        ("dcdcdc" + "d" * 9 + "c" * 12, "R.R.RF."),
        ("dcdcd" + "c" * 12 + "dcdc", "R.R.RF.R.R."),  # it begins anew
        ("dccccc" * 3, "R.R.R."),  # four changes at most within twelve
        ("dcccdcccdccc", "R.R.RF"),
        ("dcc" * 5, "R.R.RF"),
        ("d" * 9 + "cdcd", "R.R.R"),  # what is older than twelve windows counts no more
        ("d" * 9 + "cdcdc", "R.R.RF"),  # the change too many is that it is over: it is held open at once
        ("dddddcdcdcdc", "R.R.RF"),
        ("d-c-d--c-d", "R.R.RF"),  # windows that say nothing count as none
        ("dcdcd" + "-" * 30 + "c", "R.R.RF"),
        ("scscscsc", "R.R.RF"),
        ("scscsdcsdc", "R.R.RFE"),  # it got worse, once; what flaps eases nothing
        ("dcdcdsss", "R.R.RF"),
        ("pcpcpcd", "R.R.RFE"),
        ("dddd", "R"),
        ("cccc", ""),
    ],
)
def test_what_comes_and_goes_too_often_is_held_open_and_says_so_once(windows, told):
    assert told_of(windows) == told


@pytest.mark.parametrize(
    ("windows", "policy", "told"),
    [
        ("dcdcdcdc", Policy(), "R.R.R.R."),
        ("dcdcccdccc", QUICK, "R.RF.R."),
        ("ddcddcdd", Policy(2, 2, 1, flapping=Flapping(2, 6, 3)), "R.RF"),
        ("dccdccdcc", Policy(1, 1, 2, flapping=Flapping(2, 7, 3)), "R.RF"),
        # The change that is one too many is that it is over: it is held open at once.
        ("ddddcdc", Policy(flapping=Flapping(1, 2, 3)), "R.RF"),
        ("dddcdcccc", Policy(flapping=Flapping(2, 4, 3)), "R.RF."),
        # What needs as many calm windows anyway is over with them.
        ("dccc", Policy(1, 1, 3, flapping=Flapping(1, 9, 2)), "R."),
        ("dcdcd", Policy(1, 1, 1, 25, Flapping(2, 9, 3)), "R.RF"),  # what rests raises nothing, and is judged
        ("dcdcd", Policy(1, 1, 1, 25, Flapping(2, 4, 3)), "R.R"),
        ("dcdcdcdc", Policy(1, 1, 2**62, flapping=Flapping()), "R"),  # a person ends it
    ],
)
def test_the_numbers_are_the_rules(windows, policy, told):
    assert told_of(windows, policy) == told


def test_what_flaps_is_open_since_the_window_that_was_one_change_too_many():
    place = Place(USUAL)
    place.all("dcdcdcdc")
    *_, last = place.standing
    assert (last.first_us, last.last_us, last.flapping_us, last.state) == (40, 60, 40, IncidentState.RAISED)
    assert (last.windows, last.detected) == (2, 2)


def test_a_late_window_that_stops_the_flapping_and_one_that_brings_it_back_are_told_of_as_they_are():
    place = Place(QUICK)
    place.all("dcd-c")
    assert place.known[2].episode.flapping_us == 20
    assert place.say(finding(1, "d", 2)) == [(1, "resolved"), (2, "resolved")]
    assert [each.flapping_us for each in place.standing] == [None]
    place.say(finding(1, "c", 3))
    assert [(each.first_us, each.flapping_us) for each in place.standing] == [(0, None), (20, 20)]


def test_one_more_calm_window_is_news_until_no_change_is_counted_any_more():
    def calm(windows: int) -> Course:
        course = Course()
        for number, said in enumerate("d" + "c" * windows):
            course = course.note(finding(number, said))
        return course

    assert [is_calm_for_good(USUAL, calm(windows)) for windows in (1, 11, 12)] == [False, False, True]
    assert is_calm_for_good(Policy(), calm(1))


# --- people


def test_what_a_person_ends_begins_anew_and_what_is_taken_back_flaps_on():
    place = Place(USUAL)
    place.all("dcdcdc")
    flapping = place.known[3]
    over, change = end(place.watch, flapping, Reason.FALSE_ALARM)
    assert change.after is not None
    later, _ = follow(over, finding(6, "c"), USUAL)
    kept, back = take_back(later, change.after, flapping.state, USUAL, followed=False)
    assert kept is not None
    assert kept.carried is not None
    assert kept.carried.flapping_us == 40
    assert [("flapping" if each.flaps else each.after.value) for each in back.events] == [
        "raised",
        "flapping",
    ]
    place.watch, place.known[3] = over, replace(change.after)
    place.known.clear()
    anew = [place.say(finding(number, said)) for number, said in enumerate("dcdcd", start=6)]
    assert [what for told in anew for _, what in told] == [
        "raised", "resolved", "raised", "resolved", "raised", "flapping",
    ]  # fmt: skip


# --- rules that change


def test_what_a_new_rule_would_hold_open_still_is_raised_by_the_next_bad_window_alone():
    place = Place(Policy())
    place.all("dcdcdc")
    place.policy = USUAL
    assert [place.say(finding(number, "c")) for number in range(6, 9)] == [[], [], []]
    assert [what for _, what in place.say(finding(9, "d"))] == ["raised", "flapping"]
    place = Place(Policy())
    place.all("dcdcdc")
    place.policy = USUAL
    assert [told for number in range(6, 30) for told in place.say(finding(number, "c"))] == []
    assert all(each.reason is Reason.CALM for each in place.known.values())


@given(
    st.text("cccddds-", min_size=1, max_size=30),
    st.lists(st.sampled_from([Policy(), QUICK, USUAL, Policy(2, 3), Policy(1, 1, 3), Policy(1, 1, 1, 40)]),
             min_size=1, max_size=4),
)  # fmt: skip
@settings(max_examples=examples(200), deadline=None)
def test_whatever_a_rule_is_changed_to_one_incident_is_open_at_most_and_calm_ends_it(windows, policies):
    place = Place(policies[0])
    for number, said in enumerate(windows):
        place.policy = policies[number * len(policies) // len(windows)]
        raised = "raised" in [what for _, what in place.say(finding(number, said))]
        assert not raised or said in "ds", "what a new rule thinks of old windows raises nothing"
        assert sum(each.reason is None for each in place.known.values()) <= 1
    for number in range(len(windows), len(windows) + 20):
        place.say(finding(number, "c"))
    assert all(each.reason is not None for each in place.known.values())


# --- any order


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[WindowFinding], list[WindowFinding]]:
    """Findings in the order of their windows, and any order of them with repetitions."""
    windows = draw(st.text("ccccddddsp-f", min_size=4, max_size=25))
    ordered = [finding(number, said) for number, said in enumerate(windows)]
    again = draw(st.lists(st.integers(0, len(windows) - 1), max_size=4, unique=True))
    ordered += [finding(number, draw(st.sampled_from("cd-")), 2) for number in again]
    shuffled = draw(st.permutations(ordered))
    late = draw(st.integers(1, 6))  # as windows really come: nearly in order
    nearly = sorted(shuffled, key=lambda each: each.start_us + 10 * ((each.start_us * 7 // 10) % late))
    repeated = draw(st.lists(st.sampled_from(ordered), max_size=4))
    return ordered, [*draw(st.sampled_from([shuffled, nearly])), *repeated]


POLICIES = st.sampled_from(
    [USUAL, QUICK, Policy(2, 3, 1, 0, Flapping(2, 8, 2)), Policy(1, 1, 2, 30, Flapping(3, 9, 4))]
)


@given(deliveries(), POLICIES)
@settings(max_examples=examples(300), deadline=None)
def test_any_order_and_repetition_gives_the_state_of_the_ordered_ones(both, policy):
    places = Place(policy), Place(policy)
    for place, findings in zip(places, both, strict=True):
        for each in findings:
            place.say(each)
    assert places[0].watch.course == places[1].watch.course
    assert places[0].standing == places[1].standing


@given(st.text("cd-sp", min_size=1, max_size=60), POLICIES)
@settings(max_examples=examples(300), deadline=None)
def test_nothing_is_told_between_that_it_flaps_and_that_it_is_over_but_that_it_got_worse(windows, policy):
    flaps: set[int] = set()
    for number, what in Place(policy).all(windows):
        if what == "flapping":
            assert number not in flaps
            flaps.add(number)
        elif number in flaps:
            assert what in ("resolved", "escalated")
            flaps -= {number} if what == "resolved" else set()


@given(st.text("cd-f", min_size=1, max_size=60), POLICIES)
@settings(max_examples=examples(200), deadline=None)
def test_windows_without_a_verdict_change_nothing(windows, policy):
    def told(said: str) -> list[str]:
        return [what for _, what in Place(policy).all(said) if what != "pending"]

    if not policy.cooldown_us:  # a cooldown is time, which passes with them
        assert told(windows) == told(windows.replace("-", "").replace("f", ""))


@given(
    st.lists(st.tuples(st.sampled_from("ccds-"), st.integers(1, 15)), min_size=1, max_size=10),
    st.lists(st.tuples(st.integers(0, 149), st.sampled_from("cd-")), max_size=4),
    POLICIES,
)
@settings(max_examples=examples(200), deadline=None)
def test_what_a_long_calm_has_settled_is_what_the_whole_course_says(parts, later, policy):
    windows = "".join(said * times for said, times in parts)
    place = Place(policy)
    place.all(windows)
    assert place.standing is not None
    for revision, (number, said) in enumerate(later, start=2):
        place.say(finding(number % len(windows), said, revision))
        assert place.standing is not None


# --- long courses


@pytest.mark.parametrize(
    "policy", [USUAL, QUICK, Policy(2, 3, 2, 45), Policy(1, 1, 1, 70, Flapping(3, 9, 4))]
)
@pytest.mark.parametrize("windows", ["dc" * 20 + "ccc" * 9, "ddcc" * 9, "dcccccdcsc" * 6, "cdc" + "d" * 9])
def test_a_long_course_that_is_cut_says_what_the_whole_one_says(monkeypatch, policy, windows):
    whole = Place(policy).all(windows * 2)
    monkeypatch.setattr(following, "MOST_RUNS", 6)
    cut = Place(policy)
    assert cut.all(windows * 2) == whole
    assert cut.watch.horizon_us > 0


@pytest.mark.slow
def test_a_cooldown_is_kept_over_six_hundred_runs():
    """What began to rest before the course was cut rests on."""
    day = Policy(cooldown_us=10 * 700)
    windows = "dc" + "dc" * 320
    place = Place(day)
    assert [what for _, what in place.all(windows)] == ["raised", "resolved"]
    assert place.watch.horizon_us > 0
    assert place.watch.standing is not None
    assert [
        what for number in range(642, 702) for _, what in place.say(finding(number, "cd"[number % 2]))
    ] == ["raised"]


@pytest.mark.slow
def test_what_flaps_over_six_hundred_runs_is_told_of_once_and_ends_once():
    place = Place(USUAL)
    assert [what for _, what in place.all("dc" * 400 + "c" * 11)] == [
        "raised", "resolved", "raised", "resolved", "raised", "flapping", "resolved",
    ]  # fmt: skip
    assert len(place.standing) <= 1

"""What people call a false alarm: it ends, it is counted, and the mark can be taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from modelmon.errors import ConfigError
from modelmon.ledger import access, outbox
from modelmon.ledger.alert_files import set_file as set_alerts
from modelmon.ledger.drift_files import set_file
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.false_alarms import mark, unmark
from modelmon.ledger.incidents import reset, resolve_app
from modelmon.ledger.schema import endpoints
from modelmon.model import from_us
from modelmon.views.alarm_counts import AlarmCounts, read_alarm_counts
from modelmon.views.incidents import Incident, history_of
from unit.window_support import E1, E2, Chain, at, done, failed, result

SAYS = {"c": 0, "s": 1, "d": 2}


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()  # which holds the incidents against the windows


class Course:
    """Windows of an endpoint, said one by one."""

    def __init__(self, chain: Chain, count: int = 6, endpoint_id: str = E1) -> None:
        self.chain = chain
        times = [at(10 * number + 1) for number in range(count + 1)]
        chain.serve(*times, now=at(10 * count + 1), endpoint_id=endpoint_id)
        chain.tick(at(10 * count + 1))
        self.events = chain.app_events()

    def say(self, words: str, app_result: str = "drift") -> None:
        for word in words:
            event = self.events.pop(0)
            self.chain.report(result(event, SAYS[word], name=app_result), done(event))


def marked(chain: Chain, number: int, who: str = "ann", words: str = "a holiday", now: int = at(90)) -> None:
    with chain.database.write() as connection:
        told = mark(connection, number, who, words, now)
        outbox.write(connection, [incident_fact(chain.settings, each) for each in told], now)


def taken_back(chain: Chain, number: int, now: int = at(95)) -> None:
    with chain.database.write() as connection:
        told = unmark(connection, number, "bob", now)
        outbox.write(connection, [incident_fact(chain.settings, each) for each in told], now)


def shown(chain: Chain, number: int = 1) -> Incident:
    with chain.database.read() as connection:
        found = history_of(connection, chain.settings, number)
    assert found is not None
    return found.incident


def stands(chain: Chain) -> list[tuple[str, str, bool]]:
    return [(row.state, row.reason, row.marked_us is not None) for row in chain.incidents()]


def test_an_open_one_that_is_marked_ends_with_who_and_why_and_the_next_bad_window_raises_a_new_one(chain):
    course = Course(chain)
    course.say("sd")
    marked(chain, 1)
    one = shown(chain)
    assert (one.state, one.reason, one.resolved) == ("resolved", "false alarm", from_us(at(90)))
    assert one.false_alarm is not None
    assert (one.false_alarm.who, one.false_alarm.note) == ("ann", "a holiday")
    course.say("d")
    assert stands(chain) == [("resolved", "false alarm", True), ("raised", "", False)]
    kinds = [(fact.kind, fact.body["incident_id"], fact.body["reason"]) for fact in chain.facts()]
    assert kinds[-2:] == [("incident-resolved", 1, "false alarm"), ("incident-raised", 2, "")]


def test_one_that_has_ended_keeps_its_reason_and_nobody_is_told(chain):
    Course(chain).say("sc")
    before = chain.facts()
    marked(chain, 1)
    assert stands(chain) == [("resolved", "calm", True)]
    assert chain.facts() == before
    taken_back(chain, 1)
    assert stands(chain) == [("resolved", "calm", False)]
    assert chain.facts() == before


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("s", "", [("raised", "", False)]),
        ("sd", "", [("escalated", "", False)]),
        ("sds", "", [("eased", "", False)]),
        ("sd", "c", [("resolved", "calm", False)]),
        ("sd", "s", [("resolved", "reset", False), ("raised", "", False)]),
        ("d", "cs", [("resolved", "reset", False), ("raised", "", False)]),
        ("d", "scc", [("resolved", "reset", False), ("resolved", "calm", False)]),
    ],
)
def test_a_mark_that_is_taken_back_leaves_what_would_be_there_without_it(chain, before, after, expected):
    course = Course(chain)
    course.say(before)
    marked(chain, 1)
    course.say(after)
    taken_back(chain, 1)
    assert stands(chain) == expected


@pytest.mark.parametrize("states", ["s", "d", "sd", "sds"])
def test_what_goes_on_is_told_as_raised_first_and_ends_with_a_calm_window(chain, states):
    course = Course(chain)
    course.say(states)
    whole = shown(chain)
    marked(chain, 1)
    taken_back(chain, 1)
    again = shown(chain)
    assert (again.state, again.windows, again.first, again.last) == (
        whole.state, whole.windows, whole.first, whole.last,
    )  # fmt: skip
    assert [fact.kind for fact in chain.facts()].count("incident-raised") == 2
    course.say("c")
    assert stands(chain) == [("resolved", "calm", False)]
    assert [fact.kind for fact in chain.facts()][-1] == "incident-resolved"


def test_a_late_answer_about_marked_windows_changes_nothing(chain):
    course = Course(chain)
    first = course.events[0]
    course.say("d")
    marked(chain, 1)
    again = type(first)(first.endpoint_id, first.endpoint_name, first.application_name, first.window, 2)
    chain.report(result(again, 0), done(again))
    assert stands(chain) == [("resolved", "false alarm", True)]


def test_what_ended_between_a_mark_and_its_undo_stays_ended(chain):
    Course(chain).say("d")
    marked(chain, 1)
    with chain.database.write() as connection:
        resolve_app(connection, "app", at(91))
    taken_back(chain, 1)
    assert stands(chain) == [("resolved", "reset", False)]


def test_marked_again_the_newer_words_stand_and_undo_still_knows_how_it_was(chain):
    Course(chain).say("sd")
    marked(chain, 1, "ann", "first")
    marked(chain, 1, "bob", "second")
    one = shown(chain)
    assert one.false_alarm is not None
    assert (one.false_alarm.who, one.false_alarm.note) == ("bob", "second")
    marked(chain, 1, "eve", "")
    one = shown(chain)
    assert one.false_alarm is not None
    assert (one.false_alarm.who, one.false_alarm.note) == ("eve", "second"), "nobody has said anything else"
    taken_back(chain, 1)
    assert stands(chain) == [("escalated", "", False)]


def test_marks_and_their_undoing_are_audited_with_who_and_why(chain):
    Course(chain).say("d")
    marked(chain, 1)
    taken_back(chain, 1)
    with chain.database.read() as connection:
        deeds, _ = access.list_deeds(connection, 10)
    assert [(each.who, each.what, each.of, each.outcome) for each in deeds] == [
        ("bob", "took a false alarm back", "incident 1", ""),
        ("ann", "marked a false alarm", "incident 1", "a holiday"),
    ]


def test_what_is_no_alarm_is_refused_and_nothing_changes(chain):
    course = Course(chain)
    course.say("d")
    chain.report(failed(course.events.pop(0)), now=at(80))
    rows = {row.rule: row for row in chain.incidents()}
    before = stands(chain)
    for number, said in (
        (99, "there is no incident 99"),
        (rows["app-failed"].incident_id, "is of an app that failed"),
    ):
        with pytest.raises(ConfigError, match=said):
            marked(chain, number)
    with pytest.raises(ConfigError, match="is not marked as a false alarm"):
        taken_back(chain, rows["result-status"].incident_id)
    with pytest.raises(ConfigError, match="2,001 characters"):
        marked(chain, rows["result-status"].incident_id, words="x" * 2001)
    assert stands(chain) == before


def test_what_was_withdrawn_is_no_alarm(chain):
    course = Course(chain)
    first = course.events[0]
    course.say("d")
    again = type(first)(first.endpoint_id, first.endpoint_name, first.application_name, first.window, 2)
    chain.report(result(again, 0), done(again))
    assert stands(chain) == [("resolved", "withdrawn", False)]
    with pytest.raises(ConfigError, match="was withdrawn"):
        marked(chain, 1)


def counts(chain: Chain, endpoint_ids: list[str] | None = None, start: int = at(0)) -> AlarmCounts:
    with chain.database.read() as connection:
        return read_alarm_counts(
            connection, chain.settings, endpoint_ids, from_us(start), from_us(at(0) + 30 * 86_400_000_000)
        )


def test_marks_are_counted_beside_the_budget_by_app_and_endpoint(chain):
    chain.register("drift")
    for endpoint_id in (E1, E2):
        times = [at(10 * number + 1) for number in range(7)]
        chain.serve(*times, now=at(61), endpoint_id=endpoint_id)
    chain.tick(at(61))
    for app in ("app", "drift"):
        for event in chain.app_events(app):
            number = (event.key.start_us - at(0)) // 600_000_000
            status = (2, 0, 1, 0, 2, 2)[number] if event.endpoint_id == E1 else 2 * (number == 3)
            chain.report(result(event, status), done(event))
    mine = [row for row in chain.incidents() if row.application_name == "drift"]
    ones = [row.incident_id for row in mine if row.endpoint_id == E1]
    assert len(ones) == 3
    for number in ones[:2]:
        marked(chain, number)
    found = counts(chain)
    assert found.words == (
        "asked: 1 a month an endpoint; raised: 4 in 30 days, 2 marked false; "
        "outside the budget 4, 0 marked false"
    )
    told = [(each.endpoint_id, each.application_name, each.raised, each.marked_false) for each in found.apps]
    assert told == [
        (E1, "app", 3, 0), (E1, "drift", 3, 2), (E2, "app", 1, 0), (E2, "drift", 1, 0),
    ]  # fmt: skip
    assert (counts(chain, [E2]).raised, counts(chain, [E2]).marked_false) == (1, 0)
    later = counts(chain, [E1], start=at(20))
    assert (later.raised, later.marked_false) == (2, 1)


def test_alarms_count_whichever_rule_has_raised_them(chain):
    chain.register("drift")
    with chain.database.write() as connection:
        set_alerts(connection, "format: 1\nrules:\n  - {name: mine, match: {apps: drift}}\n", "ann", at(0))
    Course(chain)
    (event, *_) = chain.app_events("drift")
    chain.report(result(event, 2), done(event))
    assert [row.rule for row in chain.incidents()] == ["mine"]
    marked(chain, 1)
    assert (counts(chain).raised, counts(chain).marked_false) == (1, 1)


def test_a_reset_is_no_false_alarm_and_counts_as_raised(chain):
    chain.register("drift")
    Course(chain)
    (event, *_) = chain.app_events("drift")
    chain.report(result(event, 2), done(event))
    with chain.database.write() as connection:
        reset(connection, 1, at(70))
    assert (counts(chain).raised, counts(chain).marked_false) == (1, 0)


def test_what_was_asked_is_what_the_drift_file_says(chain):
    for endpoint_id in (E1, E2):
        chain.serve(at(1), now=at(2), endpoint_id=endpoint_id)
    with chain.database.read() as connection:
        name = connection.scalar(select(endpoints.c.name).where(endpoints.c.endpoint_id == E1))
    sections = f"format: 1\nendpoints:\n  '{name}':\n    alarm_budget: 2 a year\n"
    with chain.database.write() as connection:
        set_file(connection, sections, "ann", at(3))
    assert (counts(chain, [E1]).asked, counts(chain, [E2]).asked) == ("2 a year", "1 a month")
    asked = counts(chain).words.split(";")[0]
    assert sorted(asked.removeprefix("asked: ").removesuffix(" an endpoint").split(" or ")) == [
        "1 a month", "2 a year",
    ]  # fmt: skip

"""What is told to people on every database: news noted once, messages claimed once, what is old forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import Connection, insert

from conformance.store_backends import RECORDS
from modelmon.alerting.actions import Action, ActionKind
from modelmon.ledger import action_runs, messages, notices
from modelmon.ledger.action_runs import ActionRun
from modelmon.ledger.endpoints import put as put_endpoint
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.messages import REFUSED, SENT, WAITING, KeptMessage
from modelmon.ledger.notices import DROPPED, TOLD, WITHHELD, Notice
from modelmon.model import DAY_US, Endpoint
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.upkeep.pruning import prune_notes

T = TypeVar("T")
FAR = float("inf")
NOW = 200 * DAY_US
OLD = NOW - 91 * DAY_US


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def write(records: Database, change: Callable[[Connection], T]) -> T:
    with records.write() as connection:
        return change(connection)


def read(records: Database, reader: Callable[[Connection], T]) -> T:
    with records.read() as connection:
        return reader(connection)


def news(number: int, channel: str = "Ünser Kanal 🔔", incident_id: int = 0, at_us: int = 0) -> Notice:
    return Notice(
        channel, f"fact:{number}", number, "drift, ä", incident_id or number, "e", "raised",
        '{"found": "Größe 🦣"}', at_us, at_us + 30,
    )  # fmt: skip


def message(identity: str, number: int = 1, created_us: int = 0, channel: str = "oncall") -> KeptMessage:
    return KeptMessage(identity, number, channel, "drift", '{"ä": "🦣"}', created_us, next_us=created_us)


def test_the_same_news_is_noted_once_and_waits_for_the_wait_of_its_group(records: Database) -> None:
    for some in ([news(2), news(1)], [news(1), news(3)]):
        write(records, lambda connection, some=some: notices.add(connection, some))
    group = (news(1).channel, news(1).group_key)
    assert not read(records, lambda connection: notices.due_groups(connection, 29))
    assert read(records, lambda connection: notices.due_groups(connection, 30)) == [group]
    assert read(records, lambda connection: notices.waiting_of(connection, *group)) == [*map(news, (1, 2, 3))]


def test_a_channel_whose_name_differs_by_its_letters_alone_is_another_one(records: Database) -> None:
    some = [news(1, "oncall"), news(1, "OnCall"), news(1, "öncall")]
    write(records, lambda connection: notices.add(connection, some))
    assert len(read(records, lambda connection: notices.due_groups(connection, 30))) == 3


def test_a_group_waits_while_a_message_of_it_is_on_its_way(records: Database) -> None:
    first = replace(message("a"), channel=news(1).channel, group_key=news(1).group_key)
    write(records, lambda connection: notices.add(connection, [news(1)]))
    write(records, lambda connection: messages.add_message(connection, first))
    assert not read(records, lambda connection: notices.due_groups(connection, 30))
    write(records, lambda connection: messages.mark(connection, first, SENT, "", 5))
    assert len(read(records, lambda connection: notices.due_groups(connection, 30))) == 1


def test_a_group_waits_for_its_interval_and_takes_no_place_meanwhile(
    records: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MOST_GROUPS", 3)
    many = [replace(news(number, "loud"), group_key=f"g{number}") for number in range(1, 9)]
    quiet = [replace(news(number, "quiet"), group_key=f"g{number}") for number in (90, 91)]
    write(records, lambda connection: notices.add(connection, [*many, *quiet]))
    for number in (1, 2, 3):
        made = replace(message(f"m{number}", number, 40, "loud"), group_key=f"g{number}")
        write(records, lambda connection, made=made: messages.add_message(connection, made))
        write(records, lambda connection, made=made: messages.mark(connection, made, SENT, "", 41))

    def due(now_us: int, interval_us: int) -> list[tuple[str, str]]:
        return [*read(records, lambda connection: notices.due_groups(connection, now_us, interval_us))]

    assert due(99, 60) == [("loud", "g4"), ("quiet", "g90"), ("loud", "g5")]
    assert due(100, 60) == [("loud", "g1"), ("quiet", "g90"), ("loud", "g2")]
    assert due(39, 60) == due(100, 60), "what a clock that went back finds in the future holds nothing up"


def test_of_many_who_claim_a_message_at_once_one_has_it(records: Database) -> None:
    write(records, lambda connection: messages.add_message(connection, message("a")))
    begin = Barrier(4)

    def claim(_: int) -> bool:
        begin.wait()
        return write(records, lambda connection: messages.claim(connection, message("a"), 100))

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(claim, range(4))) == [False, False, False, True]
    assert not read(records, lambda connection: messages.due_messages(connection, 99, 10))
    (again,) = read(records, lambda connection: messages.due_messages(connection, 100, 10))
    assert again.tries == 1


def test_each_channel_has_its_own_due_messages_in_order_up_to_the_one_that_waits(records: Database) -> None:
    many = [message(f"a{number}", number, channel="loud") for number in range(9)]
    waits = replace(message("c", 2, channel="öncall"), next_us=50)
    due = [message("b", 1, channel="öncall"), waits, message("0", 3, channel="öncall"), message("d", 99)]
    for each in [*reversed(many), *due]:
        write(records, lambda connection, each=each: messages.add_message(connection, each))
    write(records, lambda connection: messages.pause(connection, "left alone", 60))
    write(records, lambda connection: messages.add_message(connection, message("e", channel="left alone")))

    def tried(now_us: int) -> list[str]:
        found = read(records, lambda connection: messages.due_messages(connection, now_us, 3))
        return [each.message_id for each in found]

    assert tried(49) == ["a0", "a1", "a2", "d", "b"]
    assert tried(50) == ["a0", "a1", "a2", "d", "b", "c", "0"]


def test_every_try_is_counted_by_how_it_ended(records: Database) -> None:
    for identity in ("a", "b"):
        write(records, lambda connection, each=identity: messages.add_message(connection, message(each)))
    ends = [("a", WAITING, 7), ("a", SENT, 0), ("a", SENT, 0), ("b", REFUSED, 0)]
    settled = [
        write(records, lambda connection, end=end: messages.mark(connection, message(end[0]), end[1], "x", 9))
        for end in ends
    ]
    assert settled == [True, True, False, True]
    counted = {("oncall", "later"): 1, ("oncall", "refused"): 1, ("oncall", "sent"): 1}
    assert read(records, messages.count_outcomes) == counted
    assert read(records, messages.count_states) == {("oncall", "refused"): 1}
    assert write(records, lambda connection: messages.retry(connection, "b", 9))
    assert not write(records, lambda connection: messages.retry(connection, "a", 9))
    assert read(records, messages.count_states) == {("oncall", "waiting"): 1}


def incident(records: Database, incident_id: int, resolved_us: int | None) -> None:
    values = {column.name: 0 for column in incidents.c if not column.nullable}
    texts = dict.fromkeys(("rule", "endpoint_id", "application_name", "result_name", "state"), "x")
    more = {"reason": "", "detail": "", "incident_id": incident_id, "resolved_us": resolved_us}
    write(records, lambda connection: connection.execute(insert(incidents).values(**values | texts | more)))


def test_messages_are_forgotten_after_their_days_unless_they_wait(records: Database, tmp_path: Path) -> None:
    kept = [message("waits", 1, OLD), message("new", 2, NOW - DAY_US), message("old", 3, OLD)]
    for each in kept:
        write(records, lambda connection, each=each: messages.add_message(connection, each))
        if each.message_id != "waits":
            write(records, lambda connection, each=each: messages.mark(connection, each, SENT, "", NOW))
    prune_notes(records, Settings.load(tmp_path, {}, message_days=0), NOW, FAR)
    assert len(read(records, lambda one: messages.newest_messages(one, 10, failed=False))) == 3
    prune_notes(records, Settings(), NOW, FAR)
    left = read(records, lambda one: messages.newest_messages(one, 10, failed=False))
    assert {each.message_id for each in left} == {"waits", "new"}


def test_runs_of_actions_are_forgotten_with_messages_but_for_what_still_counts(
    records: Database, tmp_path: Path
) -> None:
    incident(records, 1, OLD)
    incident(records, 2, None)
    write(records, lambda connection: put_endpoint(connection, Endpoint("e", "flights", "e"), OLD))
    made = [
        ("first", "e", 1, OLD), ("last", "e", 1, OLD + 1), ("failed", "e", 1, OLD), ("open", "e", 2, OLD),
        ("asked", "e", 1, OLD), ("of nobody", "gone", 1, OLD), ("new", "gone", 1, NOW - DAY_US),
    ]  # fmt: skip
    for name, endpoint_id, number, at_us in made:
        action = Action("b" if name == "asked" else "a", ActionKind.WEBHOOK)
        run = ActionRun(name, action.name, "webhook", "r", number, endpoint_id, "{}", at_us)
        write(records, lambda one, action=action, run=run: action_runs.request(one, action, run))
        state = {"asked": "requested", "failed": "failed"}.get(name, "started")
        write(records, lambda one, name=name, state=state: action_runs.mark(one, name, state, "", NOW))

    def left(days: float) -> set[str]:
        prune_notes(records, Settings.load(tmp_path, {}, message_days=days), NOW, FAR)
        return {each.run_id for each in read(records, lambda one: action_runs.newest_runs(one, 99))}

    assert left(0) == {name for name, *_ in made}
    assert left(90) == {"last", "open", "asked", "new"}


def test_what_was_told_of_an_incident_is_known_until_it_is_over(records: Database) -> None:
    ends = {1: None, 2: OLD, 3: NOW - DAY_US}  # open, long over, over since yesterday
    for number, resolved_us in ends.items():
        incident(records, number, resolved_us)
    some = [news(number, "a", at_us=OLD) for number in (1, 2, 3, 4, 5, 6)]  # of 4, 5 and 6 nothing is left
    write(records, lambda connection: notices.add(connection, some))
    states = {1: TOLD, 2: TOLD, 3: TOLD, 4: DROPPED, 5: WITHHELD}
    for number, state in states.items():
        each = some[number - 1]
        write(records, lambda one, each=each, state=state: notices.settle(one, [each], state))
    prune_notes(records, Settings(), NOW, FAR)
    left = [
        number for number in range(1, 7)
        if read(records, lambda one, number=number: notices.is_noted(one, "a", f"fact:{number}"))
    ]  # fmt: skip
    assert left == [1, 3, 5, 6]

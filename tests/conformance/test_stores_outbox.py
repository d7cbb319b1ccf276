"""The outbox and the incidents on every database, with many writers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import select

from conformance.store_backends import RECORDS
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import access, answers, endpoints, false_alarms, outbox
from modelmon.ledger.incident_schema import incident_events, incidents
from modelmon.ledger.outbox import Fact
from modelmon.ledger.reports import AppReport
from modelmon.model import Answer, Endpoint, ValuePoint, WindowKey
from modelmon.sql.database import Database

WRITERS, TRANSACTIONS = 4, 12


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def fact(number: int) -> Fact:
    return Fact("incident-raised", "e", {"number": number, "ä": [1.5, None]})


def tell(records: Database, *numbers: int, now_us: int = 0) -> None:
    with records.write() as connection:
        outbox.write(connection, [fact(number) for number in numbers], now_us)


def undo(records: Database, number: int) -> None:
    with records.write() as connection:
        outbox.write(connection, [fact(number)], 0)
        raise ConfigError("this one is undone")


def read(records: Database, reader: str, limit: int = 100) -> list[tuple[int, Fact]]:
    with records.read() as connection:
        return [(entry.number, entry.fact) for entry in outbox.read(connection, reader, limit)]


def test_facts_are_read_in_their_order_and_again_until_they_are_settled(records: Database) -> None:
    tell(records, 7, 5)
    tell(records, 6)
    expected = [(1, fact(7)), (2, fact(5)), (3, fact(6))]
    assert read(records, "mail") == read(records, "mail") == expected
    with records.write() as connection:
        outbox.settle(connection, "mail", 2)
        outbox.settle(connection, "mail", 1)  # one that came late moves nothing back
    assert read(records, "mail") == expected[2:]
    assert read(records, "chat", limit=2) == expected[:2]


def test_a_fact_is_there_with_its_transaction_or_not_at_all(records: Database) -> None:
    with pytest.raises(ConfigError):
        undo(records, 1)
    tell(records, 2)
    assert read(records, "mail") == [(1, fact(2))]


def test_a_reader_that_settles_what_it_sees_misses_nothing_whoever_commits_when(records: Database) -> None:
    numbers = count()

    def write() -> None:
        for turn in range(TRANSACTIONS):
            if turn % 4 == 3:
                with pytest.raises(ConfigError):
                    undo(records, next(numbers))
            else:
                tell(records, next(numbers), next(numbers))

    seen: list[int] = []
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write) for _ in range(WRITERS)]
        while not all(each.done() for each in writers) or read(records, "mail", 1):
            found = [number for number, _ in read(records, "mail", 5)]
            seen += found
            if found:
                with records.write() as connection:
                    outbox.settle(connection, "mail", found[-1])
        for each in writers:
            each.result()
    assert seen == list(range(1, WRITERS * TRANSACTIONS * 2 * 3 // 4 + 1))


def test_facts_are_kept_until_they_are_old_and_every_reader_has_settled_them(records: Database) -> None:
    tell(records, 1, 2, now_us=10)
    tell(records, 3, now_us=20)
    with records.write() as connection:
        outbox.join(connection, "mail")
        outbox.settle(connection, "chat", 3)
        assert outbox.prune_some(connection, 30) == 0
        outbox.settle(connection, "mail", 1)
        outbox.join(connection, "mail")  # once more changes nothing
        assert outbox.prune_some(connection, 30) == 1
        outbox.leave(connection, "mail")
        assert outbox.prune_some(connection, 15) == 1
    assert [number for number, _ in read(records, "new")] == [3]


def test_an_endpoint_is_told_of_when_it_is_added_and_when_it_changes(records: Database) -> None:
    added = Endpoint("e", "flights", "delay", feature_names=("a",))
    changed = Endpoint("e", "flights", "delay", feature_names=("a", "b"))
    with records.write() as connection:
        for each in (added, added, changed):
            endpoints.put(connection, each, 1)
        told = endpoints.register_discovered(connection, [changed, Endpoint("f", "flights", "new")], 1)
        outbox.write(connection, told, 1)
    found = [(entry.kind, entry.subject) for _, entry in read(records, "mail")]
    assert found == [("endpoint-added", "e"), ("endpoint-changed", "e"), ("endpoint-added", "f")]


def test_workers_that_discover_and_register_an_endpoint_at_once_tell_of_it_once(records: Database) -> None:
    together = Barrier(WRITERS)

    def discover(found: list[Endpoint]) -> None:
        with records.write() as connection:
            outbox.write(connection, endpoints.register_discovered(connection, found, 1), 1)

    def register(found: list[Endpoint]) -> None:
        for each in found:
            with records.write() as connection:
                endpoints.put(connection, each, 1)

    def work(add: Callable[[list[Endpoint]], None]) -> None:
        for turn in range(TRANSACTIONS):
            found = [Endpoint(f"{turn}-{number}", "flights", "delay") for number in range(3)]
            together.wait()
            while True:
                try:
                    add(found)
                    break
                except UnavailableError:
                    continue  # a deadlock, which a server ends

    with ThreadPoolExecutor(WRITERS) as pool:
        for each in [pool.submit(work, add) for add in (discover, discover, discover, register)]:
            each.result()
    told = [entry.subject for _, entry in read(records, "mail", 1_000)]
    assert sorted(told) == sorted(f"{turn}-{number}" for turn in range(TRANSACTIONS) for number in range(3))


def drift(number: int, status: int) -> AppReport:
    key = WindowKey("e", "app", 10 * number)
    value = ValuePoint(*key, 10 * number + 10, "drift", 0.8, 1, kind=0, status=status, extra_data="{}")
    return AppReport(key, "delay", 10 * number + 10, 1, values=(value,), answer=Answer("done", rows=9))


def test_two_writers_of_the_same_reports_raise_one_incident_and_tell_of_it_once(records: Database) -> None:
    reports = [drift(0, 1), drift(1, 2), drift(2, 0), drift(3, 2)]
    together = Barrier(2)

    def write() -> list[str]:
        told = []
        for report in reports:
            together.wait()
            told += apply(report)
        return told

    def apply(report: AppReport) -> list[str]:
        while True:
            try:
                with records.write() as connection:
                    return [each.event.after.value for each in answers.apply(connection, report, 1, 3)]
            except UnavailableError:
                continue  # a deadlock, which a server ends: the writer waits and writes again

    with ThreadPoolExecutor(2) as pool:
        one, other = (each.result() for each in [pool.submit(write), pool.submit(write)])
    assert sorted(one + other) == ["escalated", "raised", "raised", "resolved"]
    with records.read() as connection:
        found = connection.execute(select(incidents).order_by(incidents.c.incident_id)).all()
        events = connection.execute(select(incident_events)).all()
    assert [(row.state, row.first_us, row.windows, row.value) for row in found] == [
        ("resolved", 0, 2, 0.8), ("raised", 30, 1, 0.8),
    ]  # fmt: skip
    assert len(events) == 4


def test_a_person_who_marks_false_alarms_while_the_writer_writes_loses_nothing(records: Database) -> None:
    statuses = [2, 2, 0, 1, 2, 2, 0, 0, 2, 2, 2, 1] * 2
    marks: set[int] = set()

    def write() -> None:
        for number, status in enumerate(statuses):
            with records.write() as connection:
                told = answers.apply(connection, drift(number, status), 1, 3)
                outbox.write(connection, [fact(each.incident.incident_id) for each in told], 1)

    def mark() -> None:
        with records.read() as connection:
            numbers = connection.scalars(select(incidents.c.incident_id)).all()
        for number in {*numbers} - marks:
            with records.write() as connection:
                told = false_alarms.mark(connection, number, "ann", "", 2)
                outbox.write(connection, [fact(each.incident.incident_id) for each in told], 2)
            marks.add(number)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        while not writer.done():
            mark()
        writer.result()
    mark()
    with records.read() as connection:
        found = connection.execute(select(incidents).order_by(incidents.c.incident_id)).all()
        deeds, _ = access.list_deeds(connection, 100)
    assert {row.incident_id for row in found} == marks
    assert {row.state for row in found} == {"resolved"}
    assert {row.marked_by for row in found} == {"ann"}
    assert sorted(each.of for each in deeds) == sorted(f"incident {number}" for number in marks)
    for row in found:  # each was told of as raised, and as ended, once at least
        assert [each.body["number"] for _, each in read(records, "mail")].count(row.incident_id) >= 2
    with records.write() as connection:
        told = false_alarms.unmark(connection, max(marks), "ann", 3)
    last = statuses[-1] > 0 and found[-1].marked_state != ""
    assert [each.event.after.value for each in told][:1] == (["raised"] if last else [])

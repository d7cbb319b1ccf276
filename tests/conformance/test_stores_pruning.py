"""What the ledger notes for itself goes once it says nothing any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, insert

import ledger_rows
from conformance.store_backends import RECORDS
from modelmon.ledger import (
    batches,
    dead_letters,
    endpoints,
    heartbeats,
    incidents,
    outbox,
    publishers,
    stored_columns,
)  # fmt: skip
from modelmon.ledger.batches import Derived, EndpointCounts, OpenBatch, SchemaChange
from modelmon.ledger.outbox import Fact
from modelmon.ledger.reports import AppReport
from modelmon.ledger.schema import publishers as publishers_table
from modelmon.ledger.schema import void_ranges
from modelmon.model import (
    DAY_US,
    BatchRange,
    DeadLetter,
    Endpoint,
    Heartbeat,
    ValuePoint,
    WindowKey,
    WorkerState,
    from_us,
)
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import CHUNK
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.upkeep.pruning import prune, prune_notes
from modelmon.views.incident_lists import IncidentQuery, list_incidents
from modelmon.views.incidents import history_of
from modelmon.views.schema_changes import read_schema_changes

T = TypeVar("T")
FAR = float("inf")
NOW = 100 * DAY_US


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        records_url=f"sqlite:///{tmp_path}/records.db", samples_path=str(tmp_path / "samples"),
        durability="process",
    )  # fmt: skip


@pytest.fixture(params=RECORDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def read(database: Database, reader: Callable[[Connection], T]) -> T:
    with database.read() as connection:
        return reader(connection)


def set_aside(database: Database, *letters: tuple[int, int]) -> None:
    """Messages at these offsets, each at its time."""
    with database.write() as connection:
        for offset, created_us in letters:
            at = from_us(created_us)
            letter = DeadLetter("s", 0, offset, -1, "events", "e", "when", "no", b"", at)
            dead_letters.keep(connection, [letter])


def offsets(database: Database) -> list[int]:
    return sorted(letter.offset for letter in read(database, dead_letters.find))


def commit(
    database: Database, derived: Derived, now_us: int, void: BatchRange | None = None
) -> batches.Position:
    """What the stream function notes with one batch."""
    with database.write() as connection:
        position = batches.take_over(connection, "s", 0, "events")
        place = position.applied + 1
        assert batches.open_batch(connection, position, OpenBatch(place, place, 1, now_us), void)
        assert batches.commit_batch(connection, position, BatchRange("s", 0, place, place), derived, now_us)
        return position


def seen(database: Database, publisher: str, endpoint_id: str, number: int, now_us: int) -> int:
    """How many more are missing than before."""
    with database.write() as connection:
        numbers = {(publisher, endpoint_id): [number]}
        before = publishers.lock_numbers(connection, numbers)
        return publishers.note_numbers(connection, numbers, before, now_us)[endpoint_id]


def known(database: Database, *keys: tuple[str, str]) -> set[tuple[str, str]]:
    """Those of these publishers that are remembered."""
    return set(read(database, lambda connection: publishers.applied_numbers(connection, keys)))


def of_before(database: Database, table: Any, row: dict[str, Any]) -> None:
    """A row as a version wrote it that did not note when: none of today's does."""
    with database.write() as connection:
        connection.execute(insert(table), [row])


def test_dead_letters_go_after_their_days(database: Database, settings: Settings) -> None:
    set_aside(database, *((day, day * DAY_US) for day in (0, 69, 70, 71, 100)))
    set_aside(database, *((1_000 + number, 0) for number in range(CHUNK + 3)))
    assert prune_notes(database, settings, NOW, FAR)
    assert offsets(database) == [70, 71, 100]


def test_without_days_dead_letters_stay(database: Database) -> None:
    set_aside(database, (0, 0))
    assert prune_notes(database, Settings(dead_letter_days=0), NOW, FAR)
    assert offsets(database) == [0]


def test_a_publisher_is_known_as_long_as_it_sends_something_to_anyone(
    database: Database, settings: Settings
) -> None:
    seen(database, "lives", "rarely", 7, 0)
    seen(database, "lives", "often", 1, NOW)
    seen(database, "gone", "often", 1, NOW - 31 * DAY_US)
    prune_notes(database, settings, NOW, FAR)
    lives = {("lives", "rarely"), ("lives", "often")}
    assert known(database, *lives, ("gone", "often")) == lives
    assert seen(database, "lives", "rarely", 8, NOW) == 0  # nothing is missing


def test_publishers_of_before_are_of_now_and_go_a_month_later(database: Database, settings: Settings) -> None:
    key = ("p", "e")
    row = {"publisher_id": "p", "endpoint_id": "e", "last_number": 3, "gaps": None}
    of_before(database, publishers_table, row)
    for now_us, expected in ((NOW, {key}), (NOW + 30 * DAY_US, {key}), (NOW + 31 * DAY_US, set())):
        prune_notes(database, settings, now_us, FAR)
        assert known(database, key) == expected


def test_workers_that_are_long_gone_are_forgotten(database: Database, settings: Settings) -> None:
    with database.write() as connection:
        for day in (1, 69, 71):
            at_us = day * DAY_US
            beat = Heartbeat(f"day {day}", "w", "t", WorkerState.READY, "", at_us, at_us, at_us)
            heartbeats.put(connection, beat)
    prune_notes(database, settings, NOW, FAR)
    assert list(read(database, heartbeats.by_function)) == ["day 71"]


def types_of(database: Database, *endpoint_ids: str) -> list[str]:
    """Those of these endpoints of which types of columns are noted."""
    found = read(database, lambda connection: stored_columns.known_types(connection, endpoint_ids))
    return [endpoint_id for endpoint_id, types in found.items() if types]


def test_types_of_an_endpoint_that_is_no_more_go(database: Database, settings: Settings) -> None:
    with database.write() as connection:
        endpoints.put(connection, Endpoint("known", "p", "name"), 1)
    commit(database, Derived(types={(each, "a"): "int64" for each in ("gone", "known")}), 1)
    prune_notes(database, settings, NOW, FAR)
    assert types_of(database, "gone", "known") == ["known"]


def test_with_the_data_goes_what_is_noted_of_them(database: Database, settings: Settings) -> None:
    for name, day in (("silent", 10), ("talks", 90)):
        counts = [EndpointCounts(name, stored=1, last_request_us=day * DAY_US)]
        commit(database, Derived(counts=counts, types={(name, "a"): "int64"}), day * DAY_US)
    for column, day in (("a", 10), ("b", 90)):
        commit(database, Derived(changes=[SchemaChange("talks", column, "new")]), day * DAY_US)
    for day in (10, 49, 51):
        commit(database, Derived(), day * DAY_US, BatchRange("s", 0, day, 99))
    undated = {"stream_id": "s", "partition": 0, "first": 1, "last": 99, "noted_us": None}
    of_before(database, void_ranges, undated)
    with closing(open_series(settings)) as series:
        prune(database, open_samples(settings), series, NOW - 50 * DAY_US, FAR)
    assert types_of(database, "silent", "talks") == ["talks"]
    changes = read(database, lambda connection: read_schema_changes(connection, settings, "talks"))
    assert [change.column for change in changes] == ["b"]
    assert sorted(batch.first for batch in read(database, batches.void_ranges)) == [1, 49, 51]


def test_incidents_go_once_they_were_resolved_for_so_long_and_their_evidence_with_its_windows(
    database: Database, settings: Settings
) -> None:
    for day, bad, calm in ((10, ["old", "new", "open"], []), (11, [], ["old"]), (89, ["new", "open"], [])):
        _judge(database, day, bad, calm)
    _judge(database, 90, ["open"], ["new"])
    with closing(open_series(settings)) as series:
        prune(database, open_samples(settings), series, NOW - 50 * DAY_US, FAR)
    with database.read() as connection:
        listed = list_incidents(connection, settings, IncidentQuery()).incidents
        found = {each.result_name: history_of(connection, settings, each.incident_id) for each in listed}
        events = {event.incident_id for event in ledger_rows.all_incident_events(connection)}
        evidence = [(row.result_name, row.start_us // DAY_US) for row in ledger_rows.evidence(connection)]
    assert set(found) == {"new", "open"}
    assert all(history.events for history in found.values())
    assert events == {each.incident_id for each in listed}  # none of one that went
    assert sorted(evidence) == [("new", 89), ("open", 10), ("open", 89), ("open", 90)]


def _judge(database: Database, day: int, bad: list[str], calm: list[str]) -> None:
    """The window that begins on this day says of results that they are bad, or calm, the same day."""
    key, end_us = WindowKey("e", "app", day * DAY_US), day * DAY_US + 1
    for name in (*bad, *calm):
        status = 2 if name in bad else 0
        value = ValuePoint(*key, end_us, name, 0.5, 1, kind=0, status=status)
        report = AppReport(key, "e", end_us, 1, values=(value,))
        with database.write() as connection:
            incidents.settle(connection, report, final=True, whole=True, now_us=end_us)


def told(database: Database) -> list[outbox.Entry]:
    """All that the outbox has."""
    return read(database, lambda connection: outbox.read(connection, "a new reader", 10 * CHUNK))


def test_facts_go_once_they_are_old_and_every_reader_has_settled_them(
    database: Database, settings: Settings
) -> None:
    for day in (1, 60, 99):
        with database.write() as connection:
            outbox.write(connection, [Fact("incident-raised", "e", {})], day * DAY_US)
    with database.write() as connection:
        outbox.join(connection, "slow")
        outbox.settle(connection, "slow", 1)
    prune_notes(database, settings, NOW, FAR)
    assert [entry.at_us // DAY_US for entry in told(database)] == [60, 99]


def test_a_transaction_forgets_a_bounded_number_of_facts_the_first_ones_first(database: Database) -> None:
    with database.write() as connection:
        outbox.write(connection, [Fact("incident-raised", "e", {})] * (CHUNK + 3), 0)
    forgotten = []
    for _ in range(3):
        with database.write() as connection:
            forgotten.append(outbox.prune_some(connection, 1))
        forgotten.append(min((entry.number for entry in told(database)), default=0))
    assert forgotten == [CHUNK, CHUNK + 1, 3, 0, 0, 0]


def test_pruning_stops_when_its_time_is_over(database: Database, settings: Settings) -> None:
    set_aside(database, (0, 0))
    assert not prune_notes(database, settings, NOW, 0)
    assert offsets(database) == [0]

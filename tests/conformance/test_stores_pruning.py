"""What the ledger notes for itself goes once it says nothing any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from conformance.store_backends import RECORDS
from modelmon.ledger import endpoints, outbox
from modelmon.ledger.incident_schema import incident_events, incident_windows, incidents
from modelmon.ledger.incident_schema import outbox as outbox_table
from modelmon.ledger.outbox import Fact
from modelmon.ledger.publishers import lock_numbers, note_numbers
from modelmon.ledger.schema import (
    column_types,
    dead_letters,
    heartbeats,
    publishers,
    schema_changes,
    traffic,
    void_ranges,
)
from modelmon.model import DAY_US, Endpoint
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import CHUNK
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.upkeep.pruning import prune, prune_notes

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


def fill(database: Database, table: Any, *rows: dict[str, Any]) -> None:
    with database.write() as connection:
        connection.execute(insert(table), list(rows))


def left(database: Database, column: Any) -> list[Any]:
    with database.read() as connection:
        return list(connection.scalars(select(column).order_by(column)))


def letter(offset: int, created_us: int) -> dict[str, Any]:
    texts = dict.fromkeys(("stream_id", "stream", "endpoint_id", "field", "reason"), "x")
    place = {"partition": 0, "offset": offset, "item": -1, "body": b"", "resent_us": None}
    return {**texts, **place, "created_us": created_us}


def seen(database: Database, publisher: str, endpoint_id: str, number: int, now_us: int) -> int:
    with database.write() as connection:
        numbers = {(publisher, endpoint_id): [number]}
        return note_numbers(connection, numbers, lock_numbers(connection, numbers), now_us)[endpoint_id]


def test_dead_letters_go_after_their_days(database: Database, settings: Settings) -> None:
    fill(database, dead_letters, *(letter(day, day * DAY_US) for day in (0, 69, 70, 71, 100)))
    fill(database, dead_letters, *(letter(1_000 + number, 0) for number in range(1_200)))
    assert prune_notes(database, settings, NOW, FAR)
    assert left(database, dead_letters.c.offset) == [70, 71, 100]


def test_without_days_dead_letters_stay(database: Database, tmp_path: Path) -> None:
    fill(database, dead_letters, letter(0, 0))
    assert prune_notes(database, Settings(dead_letter_days=0), NOW, FAR)
    assert left(database, dead_letters.c.offset) == [0]


def test_a_publisher_is_known_as_long_as_it_sends_something_to_anyone(
    database: Database, settings: Settings
) -> None:
    seen(database, "lives", "rarely", 7, 0)
    seen(database, "lives", "often", 1, NOW)
    seen(database, "gone", "often", 1, NOW - 31 * DAY_US)
    prune_notes(database, settings, NOW, FAR)
    assert left(database, publishers.c.publisher_id) == ["lives", "lives"]
    assert seen(database, "lives", "rarely", 8, NOW) == 0  # nothing is missing


def test_publishers_of_before_are_of_now_and_go_a_month_later(database: Database, settings: Settings) -> None:
    fill(database, publishers, {"publisher_id": "p", "endpoint_id": "e", "last_number": 3, "gaps": None})
    for now_us, expected in ((NOW, ["p"]), (NOW + 30 * DAY_US, ["p"]), (NOW + 31 * DAY_US, [])):
        prune_notes(database, settings, now_us, FAR)
        assert left(database, publishers.c.publisher_id) == expected


def test_workers_that_are_long_gone_are_forgotten(database: Database, settings: Settings) -> None:
    beat = {
        "worker": "w", "trigger": "t", "state": "ready", "reason": "", "since_us": 0, "expires_us": 0,
        "behind_seconds": 0.0, "partitions": "[]",
    }  # fmt: skip
    fill(
        database, heartbeats,
        *({**beat, "function_name": f"day {day}", "beat_us": day * DAY_US} for day in (1, 69, 71)),
    )  # fmt: skip
    prune_notes(database, settings, NOW, FAR)
    assert left(database, heartbeats.c.function_name) == ["day 71"]


def test_types_of_an_endpoint_that_is_no_more_go(database: Database, settings: Settings) -> None:
    with database.write() as connection:
        endpoints.put(connection, Endpoint("known", "p", "name"), 1)
    kinds = [{"endpoint_id": each, "column": "a", "type": "int64"} for each in ("gone", "known")]
    fill(database, column_types, *kinds)
    prune_notes(database, settings, NOW, FAR)
    assert left(database, column_types.c.endpoint_id) == ["known"]


def test_with_the_data_goes_what_is_noted_of_them(database: Database, settings: Settings) -> None:
    counts = dict.fromkeys(("received", "stored", "errors", "rejected", "late", "missing", "committed_us"), 0)
    for name, last_us in (("silent", 10), ("talks", 90)):
        fill(
            database, traffic,
            {"endpoint_id": name, **counts, "last_error": "", "last_request_us": last_us * DAY_US},
        )  # fmt: skip
        fill(database, column_types, {"endpoint_id": name, "column": "a", "type": "int64"})
    changes = [
        {"endpoint_id": "talks", "column": "a", "change": "new", "detail": "", "first_seen_us": 10 * DAY_US},
        {"endpoint_id": "talks", "column": "b", "change": "new", "detail": "", "first_seen_us": 90 * DAY_US},
    ]
    fill(database, schema_changes, *changes)
    place = {"stream_id": "s", "partition": 0, "last": 9}
    voids = [{**place, "first": day, "noted_us": day * DAY_US} for day in (10, 49, 51)]
    fill(database, void_ranges, *voids, {**place, "first": 1, "noted_us": None})
    series = open_series(settings)
    prune(database, open_samples(settings), series, NOW - 50 * DAY_US, FAR)
    series.close()
    assert left(database, column_types.c.endpoint_id) == ["talks"]
    assert left(database, schema_changes.c.column) == ["b"]
    assert left(database, void_ranges.c.first) == [1, 49, 51]


def test_incidents_go_once_they_were_resolved_for_so_long_and_their_evidence_with_its_windows(
    database: Database, settings: Settings
) -> None:
    for name, resolved_us in (("old", 10), ("new", 90), ("open", None)):
        _incident(database, name, None if resolved_us is None else resolved_us * DAY_US)
        for day in (10, 90):
            _evidence(database, name, day * DAY_US)
    with closing(open_series(settings)) as series:
        prune(database, open_samples(settings), series, NOW - 50 * DAY_US, FAR)
    assert left(database, incidents.c.result_name) == ["new", "open"]
    assert left(database, incident_events.c.why) == ["new", "open"]
    with database.read() as connection:
        found = connection.execute(
            select(incident_windows.c.result_name, incident_windows.c.start_us).order_by(
                incident_windows.c.result_name, incident_windows.c.start_us
            )
        )
        assert [(name, start_us // DAY_US) for name, start_us in found] == [
            ("new", 90), ("old", 90), ("open", 10), ("open", 90),
        ]  # fmt: skip


KEY = {"rule": "drift", "endpoint_id": "e", "application_name": "app"}


def _incident(database: Database, name: str, resolved_us: int | None) -> None:
    numbers = dict.fromkeys(
        (
            "kind",
            "status",
            "first_us",
            "last_us",
            "windows",
            "detected",
            "worst_us",
            "raised_us",
            "changed_us",
        ),
        0,
    )
    texts = {"state": "raised", "reason": "", "detail": ""}
    with database.write() as connection:
        row = {**KEY, **numbers, **texts, "result_name": name, "resolved_us": resolved_us}
        made = connection.execute(insert(incidents).values(row)).inserted_primary_key
        assert made is not None
        event = {
            "incident_id": made[0],
            "at_us": 0,
            "before": "",
            "after": "raised",
            "status": 0,
            "window_us": 0,
        }
        connection.execute(insert(incident_events).values({**event, "why": name}))


def _evidence(database: Database, name: str, start_us: int) -> None:
    numbers = {"start_us": start_us, "end_us": start_us + 1, "rows": 1, "revision": 1, "value": None}
    texts = {"said": "detected", "detail": "", "stats": ""}
    fill(database, incident_windows, {**KEY, **numbers, **texts, "result_name": name})


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
    assert [at_us // DAY_US for at_us in left(database, outbox_table.c.at_us)] == [60, 99]


def test_a_transaction_forgets_a_bounded_number_of_facts_the_first_ones_first(database: Database) -> None:
    with database.write() as connection:
        outbox.write(connection, [Fact("incident-raised", "e", {})] * (CHUNK + 3), 0)
    forgotten = []
    for _ in range(3):
        with database.write() as connection:
            forgotten.append(outbox.prune_some(connection, 1))
        forgotten.append(min(left(database, outbox_table.c.number), default=0))
    assert forgotten == [CHUNK, CHUNK + 1, 3, 0, 0, 0]


def test_pruning_stops_when_its_time_is_over(database: Database, settings: Settings) -> None:
    fill(database, dead_letters, letter(0, 0))
    assert not prune_notes(database, settings, NOW, 0)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(dead_letters)) == 1

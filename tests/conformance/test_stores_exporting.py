"""What waits to be sent to other systems, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.store_backends import RECORDS
from modelmon.errors import UnavailableError
from modelmon.ledger.exporting import (
    OTLP,
    Backlog,
    Export,
    backlog,
    forget_export,
    note_judged,
    read_export,
    read_judged,
    write_export,
)
from modelmon.model import WindowKey
from modelmon.sql.database import Database
from modelmon.sql.locks import EXPORTER

WRITERS, TRANSACTIONS = 4, 10


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def note(records: Database, *starts: int, endpoint_id: str = "e") -> None:
    with records.write() as connection:
        note_judged(connection, [(WindowKey(endpoint_id, "app", start), 2**40) for start in starts])


def waiting(records: Database, upto: int = 0, limit: int = 100) -> list[tuple[int, int]]:
    with records.read() as connection:
        found = read_judged(connection, upto, limit)
    assert {each.revision for each in found} <= {2**40}
    return [(each.number, each.key.start_us) for each in found]


def test_windows_wait_in_their_order_until_the_cursor_has_passed_them(records: Database) -> None:
    note(records, 30, 10)
    note(records)
    note(records, 20)
    assert waiting(records) == [(1, 30), (2, 10), (3, 20)]
    assert waiting(records, 1, 1) == [(2, 10)]
    there = Export(OTLP, 2, sent=7, refused=1, wait_until_us=2**50, tries=3, problem="ä" * 5_000)
    with records.write() as connection:
        write_export(connection, replace(there, upto=1))
        write_export(connection, there)
    with records.read() as connection:
        assert (read_export(connection, OTLP), read_export(connection, "other")) == (there, Export("other"))
        assert backlog(connection) == Backlog(1, 3)
    assert waiting(records) == [(3, 20)]


def test_what_is_forgotten_gives_no_number_a_second_time(records: Database) -> None:
    note(records, 10)
    with records.write() as connection:
        write_export(connection, Export(OTLP, 1, 1))
        forget_export(connection, OTLP)
    note(records, 20)
    assert waiting(records) == [(2, 20)]
    with records.read() as connection:
        assert read_export(connection, OTLP) == Export(OTLP)


def test_an_exporter_that_follows_writers_passes_over_none(records: Database) -> None:
    def write(writer: int) -> None:
        for turn in range(TRANSACTIONS):
            while True:
                try:
                    note(records, 2 * turn, 2 * turn + 1, endpoint_id=str(writer))
                    break
                except UnavailableError:
                    continue  # a deadlock, which a server ends

    seen, upto = [], 0
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        while not all(each.done() for each in writers) or waiting(records, upto, 1):
            found = [number for number, _ in waiting(records, upto, 5)]
            seen += found
            if found:
                upto = found[-1]
                with records.write() as connection:
                    write_export(connection, Export(OTLP, upto))
        for each in writers:
            each.result()
    assert seen == list(range(1, WRITERS * TRANSACTIONS * 2 + 1))


def test_one_exporter_holds_the_lease(records: Database) -> None:
    with records.lock(EXPORTER) as mine, records.lock(EXPORTER) as another:
        assert (mine, another) == (True, False)

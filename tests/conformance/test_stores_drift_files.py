"""Drift files on every database, with several who set one at once, and sums with what was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from conformance.store_backends import RECORDS
from modelmon.ledger import drift_files
from modelmon.ledger.access import list_deeds
from modelmon.ledger.held_choices import HeldChoices
from modelmon.model import Endpoint
from modelmon.sql.database import Database

TEXT = "format: 1\nendpoints:\n  '*': {floors: {Höhe: 1.5 °C}, ignore: ['🚀']}\n"
ENDPOINT = Endpoint("e1", "flights", "delay")
WRITERS = 4


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def test_versions_are_kept_as_they_were_written_and_the_newest_counts(records: Database) -> None:
    long, held = TEXT + "#" * 200_000, HeldChoices()
    for number, text in enumerate((TEXT, long), start=1):
        with records.write() as connection:
            assert drift_files.set_file(connection, text, "ada", number).version == number
        choices = held.of(records, ENDPOINT)
        assert (choices.version, choices.ignore) == (number, ("🚀",))
    with records.write() as connection:
        drift_files.set_file(connection, "", "ada", 3)
    with records.read() as connection:
        assert [each.text for each in drift_files.versions(connection, 10)] == ["", long, TEXT]
    assert held.of(records, ENDPOINT).ignore == ()


def test_of_those_who_set_a_file_at_once_each_gets_a_version_of_its_own(records: Database) -> None:
    together = Barrier(WRITERS)

    def put(number: int) -> int:
        together.wait()
        with records.write() as connection:
            return drift_files.set_file(connection, f"{TEXT}# {number}", f"w{number}", number).version

    with ThreadPoolExecutor(WRITERS) as writers:
        found = sorted(writers.map(put, range(WRITERS)))
    assert found == [1, 2, 3, 4]
    with records.read() as connection:
        deeds, _ = list_deeds(connection, 10)
    assert sorted(deed.outcome for deed in deeds) == [f"version {number}" for number in found]

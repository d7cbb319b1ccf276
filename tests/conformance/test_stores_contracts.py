"""Contracts and lost events on every database, with several who set one at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from conformance.store_backends import RECORDS
from modelmon.ledger import contracts
from modelmon.ledger.access import list_deeds
from modelmon.ledger.lost_events import Span, lost_between, note_lost
from modelmon.ledger.publishers import note_numbers
from modelmon.model import MINUTE_US, Endpoint
from modelmon.sql.database import Database

MODEL = "store://models/flights/delay"
ENDPOINT = Endpoint("e1", "flights", "delay", model_uri=MODEL)
TEXT = "format: 1\ncolumns:\n  'ä': {values: ['Ärger', '🚀']}\n"
WRITERS = 4


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def test_versions_are_kept_as_they_were_written_and_the_newest_counts(records: Database) -> None:
    long = TEXT + "#" * 200_000
    for number, text in enumerate((TEXT, long, ""), start=1):
        with records.write() as connection:
            assert contracts.set_contract(connection, MODEL, text, "ada", number).version == number
    with records.read() as connection:
        assert [each.text for each in contracts.versions(connection, MODEL, 10)] == ["", long, TEXT]
        assert contracts.contract_for(connection, ENDPOINT) is None
    own = contracts.subject_of_endpoint("e1")
    with records.write() as connection:
        contracts.set_contract(connection, own, TEXT, "bob", 9)
        found = contracts.contract_for(connection, ENDPOINT)
    assert found is not None
    assert (found.subject, found.version, found.who, found.set_us) == (own, 1, "bob", 9)


def test_of_those_who_set_a_contract_at_once_each_gets_a_version_of_its_own(records: Database) -> None:
    together = Barrier(WRITERS)

    def put(number: int) -> int:
        together.wait()
        with records.write() as connection:
            return contracts.set_contract(
                connection, MODEL, f"{TEXT}# {number}", f"w{number}", number
            ).version

    with ThreadPoolExecutor(WRITERS) as writers:
        found = sorted(writers.map(put, range(WRITERS)))
    assert found == [1, 2, 3, 4]
    with records.read() as connection:
        kept = contracts.versions(connection, MODEL, 10)
        deeds, _ = list_deeds(connection, 10)
    assert {each.text for each in kept} == {f"{TEXT}# {number}" for number in range(WRITERS)}
    assert sorted(deed.outcome for deed in deeds) == [f"version {number}" for number in found]


def test_lost_events_are_added_up_by_minute_and_taken_back(records: Database) -> None:
    with records.write() as connection:
        assert lost_between(connection, "e1", 0, 10 * MINUTE_US) is None
        note_numbers(connection, {("p", "e1"): [1]}, {}, 0)
        for events, minute in ((3, 1), (4, 1), (-2, 1), (5, 3), (-9, 5)):
            span = Span("e1", minute * MINUTE_US + 7, minute * MINUTE_US + 9)
            note_lost(connection, {"e1": events, "e2": 0}, [span], 0)
    with records.read() as connection:
        spans = ((0, 10), (1, 2), (2, 4), (5, 6), (1, 4))
        found = [lost_between(connection, "e1", first * MINUTE_US, last * MINUTE_US) for first, last in spans]
    assert found == [1, 5, 5, 0, 10]

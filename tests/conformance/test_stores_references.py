"""References of endpoints and counts of past windows on every database, with several at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from conformance.store_backends import RECORDS
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints, references
from modelmon.ledger.past_windows import KEPT_US, KeptWindow, keep_window, read_windows
from modelmon.model import Endpoint, WindowKey
from modelmon.sql.database import Database

STATS = {"ä": {"count": 3, "missing": 1, "kind": "numeric"}}
WRITERS = 4


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    with database.write() as connection:
        endpoints.put(connection, Endpoint("e1", "flights", "delay", feature_stats=STATS), 1)
    yield database
    database.close()


def make(records: Database, number: int) -> references.KeptReference:
    stats = {"ä": {**STATS["ä"], "count": number}}
    with records.write() as connection:
        return references.make_reference(
            connection, "e1", (1, number), number, f"profile {number} 🚀", stats, f"w{number}", number
        )


def test_a_reference_is_put_and_taken_back_as_it_was(records: Database) -> None:
    make(records, 10)
    make(records, 20)
    with records.write() as connection:
        again = references.take_back(connection, "e1", "ada", 30)
        first = endpoints.get(connection, "e1")
    assert (again.version, again.rows, again.end_us) == (4, 10, 10)
    assert first is not None
    assert (first.feature_stats["ä"]["count"], first.profile_hash) == (10, again.profile_hash)
    with records.write() as connection:
        references.take_back(connection, "e1", "ada", 40)
        last = endpoints.get(connection, "e1")
        versions = references.versions(connection, "e1", 10)
    assert last is not None
    assert (last.feature_stats, last.policy, last.profile_hash) == (STATS, {}, "")
    assert [each.kind for each in versions] == ["training", "period", "period", "period", "training"]
    assert [each.set_us for each in versions] == [40, 30, 20, 10, 1], "the first since it was logged"


def test_of_those_who_make_and_take_back_at_once_each_has_a_version_of_its_own(records: Database) -> None:
    make(records, 5)
    together = Barrier(WRITERS)

    def change(number: int) -> int:
        together.wait()
        if number % 2:
            return make(records, 100 + number).version
        with records.write() as connection:
            assert endpoints.find(connection, name="delay"), "as a name is looked for"
            return references.take_back(connection, "e1", "ada", number).version

    def quietly(number: int) -> int:
        try:
            return change(number)
        except ConfigError:  # the other one took back first: there was nothing left
            return 0

    with ThreadPoolExecutor(WRITERS) as writers:
        found = [version for version in writers.map(quietly, range(WRITERS)) if version]
    with records.read() as connection:
        versions = references.versions(connection, "e1", 20)
        now = endpoints.get(connection, "e1")
    assert sorted(found) == list(range(3, 3 + len(found)))
    assert now is not None
    assert references.is_newest(versions[0], now)
    assert [each.version for each in versions] == list(range(len(versions), 0, -1))


def test_a_past_window_is_kept_by_its_newest_revision_and_goes_after_five_weeks(records: Database) -> None:
    key = WindowKey("e1", "drift", KEPT_US)
    kept = KeptWindow(KEPT_US, KEPT_US + 60, "cells", True, None, 0.1, b"\x00\xff counts")
    with records.write() as connection:
        keep_window(connection, key, 2, kept)
        keep_window(connection, key, 1, replace(kept, counts=b"older"))
        assert read_windows(connection, "e1", "drift", [KEPT_US, 7], "cells") == [kept]
        newer = replace(kept, stands_out=1.25e-300, alarmed=False)
        keep_window(connection, key, 2, newer)
        assert read_windows(connection, "e1", "drift", [KEPT_US], "cells") == [newer]
        assert read_windows(connection, "e1", "other", [KEPT_US], "cells") == []
        later = WindowKey("e1", "drift", 2 * KEPT_US + 1)
        keep_window(connection, later, 1, replace(kept, start_us=later.start_us))
        assert read_windows(connection, "e1", "drift", [KEPT_US], "cells") == []

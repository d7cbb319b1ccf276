"""The ledger of the actuals on every database that can hold it: they wait, are settled and expire once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import event

from conformance.store_backends import RECORDS
from ledger_rows import counts_of_actuals
from modelmon.errors import ConfigError
from modelmon.ledger import actuals, batches, endpoints
from modelmon.ledger.actuals import ActualsCount, AppliedMeanwhileError, DerivedActuals, Seen, WaitingKey
from modelmon.ledger.actuals_schema import waiting_actuals
from modelmon.ledger.batches import Derived, EndpointCounts, OpenBatch
from modelmon.ledger.requirements import note_requirements, requirements_of, requiring
from modelmon.model import MINUTE_US, BatchRange, Endpoint
from modelmon.sql.database import Database
from modelmon.stores.row_hashes import row_hashes
from modelmon.stores.row_index import PART_ENTRIES, IndexCache, find_rows
from modelmon.stores.samples import ParquetSamples
from query_counter import counted
from sample_files import HOUR_US, add_file

NOW_US = 1_700_000_000_000_000


@pytest.fixture(params=RECORDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    with database.write() as connection:
        endpoints.put(connection, Endpoint("e", "p", "churn", label_names=("late",)), 1)
    yield database
    database.close()


def waiting(place: int, key_hash: int | None, **fields: Any) -> dict[str, Any]:
    row = {
        **WaitingKey("stream", 0, 0, 0, place)._asdict(), "endpoint_id": "e", "key_hash": key_hash,
        "request_id": f"ä{place}", "row": 0, "entity": "", "entity_value": "", "since_us": None,
        "until_us": None,
        "actuals": '{"late":1}', "arrived_us": NOW_US,
    }  # fmt: skip
    return {**row, **fields}


def commit(
    database: Database,
    offset: int,
    derived: DerivedActuals,
    partition: int = 0,
    stored: int = 0,
    failed: Sequence[str] = (),
) -> bool | None:
    """One batch of one message; `failed` are other endpoints that had an error each."""
    counts = [EndpointCounts("e", stored=stored, first_request_us=1, last_request_us=1)] if stored else []
    counts += [EndpointCounts(endpoint_id, errors=1) for endpoint_id in failed]
    with database.write() as connection:
        position = batches.take_over(connection, "stream", partition, "events")
        assert batches.open_batch(connection, position, OpenBatch(offset, offset, 1, NOW_US))
    batch = BatchRange("stream", partition, offset, offset)
    with database.write() as connection:
        return batches.commit_batch(
            connection, position, batch, Derived(counts=counts, actuals=derived), NOW_US
        )


def seen(database: Database) -> dict[str, Seen]:
    with database.read() as connection:
        return actuals.see(connection, ["e"])


def counts(database: Database) -> list[tuple[int, ...]]:
    with database.read() as connection:
        return counts_of_actuals(connection)


def test_actuals_wait_are_settled_and_expire_each_once(database: Database) -> None:
    rows = [waiting(place, place - 2**62) for place in range(3)]
    rows.append(waiting(3, None, entity="customer", entity_value="4711", since_us=5, until_us=9))
    came = DerivedActuals(waiting=rows, counts={"e": ActualsCount(4, 0, 4)}, seen=seen(database))
    assert commit(database, 0, came) is True
    assert counts(database) == [(4, 0, 4, 0)]
    with database.read() as connection:
        assert [row.request_id for row in actuals.read_waiting(connection, "e", [1 - 2**62, 7])] == ["ä1"]
        found = actuals.read_waiting(connection, "e", [place - 2**62 for place in range(3)])
        (of_entity,) = actuals.read_waiting_of_entities(connection, "e", 8, 20)
        assert not actuals.read_waiting_of_entities(connection, "e", 9, 20)
    assert {row.request_id for row in found} == {"ä0", "ä1", "ä2"}
    keys = [actuals.key_of(row) for row in (*found[:2], of_entity)]
    settled = DerivedActuals(
        settled=keys, counts={"e": ActualsCount(settled=3)}, seen=seen(database), predicted=["e"],
        dirty={("e", 0): 3},
    )  # fmt: skip
    assert commit(database, 0, settled, partition=1, stored=3) is True
    assert counts(database) == [(4, 3, 1, 0)]
    with pytest.raises(AppliedMeanwhileError):  # they are gone
        commit(database, 1, replace(settled, seen=seen(database)), partition=1)
    with database.write() as connection:
        assert actuals.expire(connection, waiting_actuals.c.arrived_us <= NOW_US, 10) == 1
        assert actuals.expire(connection, waiting_actuals.c.arrived_us <= NOW_US, 10) == 0
    assert counts(database) == [(4, 3, 0, 1)]


def test_who_was_not_first_gives_up_and_nothing_of_it_is_written(database: Database) -> None:
    before = seen(database)
    assert commit(database, 0, DerivedActuals(seen=before, predicted=["e"]), stored=2) is True
    late = DerivedActuals(waiting=[waiting(0, 1)], counts={"e": ActualsCount(1, 0, 1)}, seen=before)
    with pytest.raises(AppliedMeanwhileError):
        commit(database, 0, late, partition=1)
    assert counts(database) == []
    assert commit(database, 0, replace(late, seen=seen(database)), partition=1) is True
    with pytest.raises(AppliedMeanwhileError):
        commit(
            database, 1, DerivedActuals(seen={"e": replace(before["e"], stored=2)}, predicted=["e"]), stored=1
        )
    assert seen(database)["e"] == Seen(2, 1, 1)


def test_who_stores_actuals_takes_the_counts_of_all_its_endpoints_in_one_order(database: Database) -> None:
    taken: list[Any] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT traffic.endpoint_id, traffic.stored"):
            taken.append(sorted(parameters.values() if isinstance(parameters, dict) else parameters))

    came = DerivedActuals(waiting=[waiting(0, 1)], counts={"e": ActualsCount(1, 0, 1)}, seen=seen(database))
    event.listen(database._engine, "before_cursor_execute", note)
    assert commit(database, 0, came, failed=("a", "z")) is True
    assert taken == [["a", "e", "z"]]


def test_rows_are_found_in_files_of_any_length_by_an_index_that_is_made_once(
    database: Database, tmp_path: Path
) -> None:
    samples = ParquetSamples(str(tmp_path / "samples"), "process")
    count = PART_ENTRIES + 10
    add_file(database, samples, [HOUR_US + MINUTE_US] * count, {"x": [0] * count})
    add_file(database, samples, [9 * HOUR_US], {"x": [0]}, first=7)
    hashes = row_hashes(pa.array([f"r{count - 1}", "nobody", "r7"]), np.zeros(3, np.int64))
    for cache in (IndexCache(), IndexCache(), IndexCache(most_bytes=0)):
        found = find_rows(database, samples, "e", hashes, cache)
        pairs = list(zip(found.asked.tolist(), found.minutes_us.tolist(), strict=True))
        assert pairs == [(0, HOUR_US + MINUTE_US), (2, HOUR_US + MINUTE_US), (2, 9 * HOUR_US)]
        samples = ParquetSamples(str(tmp_path / "nothing"), "process")  # what is indexed is read no more


def test_an_index_that_has_no_room_is_read_once_and_not_kept(database: Database, tmp_path: Path) -> None:
    samples = ParquetSamples(str(tmp_path / "samples"), "process")
    for place in range(3):
        add_file(database, samples, [HOUR_US + MINUTE_US], {"x": [0]}, first=place)
    hashes = row_hashes(pa.array(["r0", "r1", "r2"]), np.zeros(3, np.int64))
    find_rows(database, samples, "e", hashes, IndexCache())
    lists = 2  # the files, and which of them are indexed
    for cache, times in ((IndexCache(most_bytes=30), (1, 1)), (IndexCache(), (1, 0))):
        for reads in times:
            with counted(database) as work:
                assert find_rows(database, samples, "e", hashes, cache).asked.tolist() == [0, 1, 2]
            assert work.statements == lists + reads


def test_a_sample_file_that_is_listed_and_gone_is_named(database: Database, tmp_path: Path) -> None:
    samples = ParquetSamples(str(tmp_path / "samples"), "process")
    add_file(database, samples, [HOUR_US], {"x": [0]})
    (path,) = samples.list("", "")
    samples.delete([path])
    with pytest.raises(ConfigError, match="is listed in the records and gone"):
        find_rows(database, samples, "e", row_hashes(pa.array(["r0"]), np.zeros(1, np.int64)), IndexCache())


def test_what_apps_require_is_known_by_app_and_by_what_it_is(database: Database) -> None:
    with database.write() as connection:
        note_requirements(connection, "a", {"actuals"})
        note_requirements(connection, "b", set())
        note_requirements(connection, "c", {"actuals"})
        note_requirements(connection, "c", set())
        assert requiring(connection, "actuals") == {"a"}
        assert requirements_of(connection, "c") == frozenset()

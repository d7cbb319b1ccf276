"""Decisions on challengers, and starts of jobs, on every database, with several who decide at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection

from conformance.store_backends import RECORDS
from modelmon.errors import ConfigError
from modelmon.ledger import challengers, job_runs
from modelmon.ledger.challengers import APPROVED, DEPLOYED, ROLLING_BACK
from modelmon.ledger.job_runs import JobRun
from modelmon.sql.database import Database

ENDPOINT, ROUNDS = "e" * 32, 10


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def put(records: Database, key: str) -> int:
    with records.write() as connection:
        return challengers.put_challenger(connection, ENDPOINT, key, "{}", None, 1)


def states(records: Database) -> dict[int, str]:
    with records.read() as connection:
        return {each.number: each.state for each in challengers.newest(connection, 100)}


def approve(number: int) -> Callable[[Connection], Any]:
    def deed(connection: Connection) -> Any:
        return challengers.approve(connection, challengers.one(connection, number), "{}", "ann", "", 2)

    return deed


def roll_back(number: int) -> Callable[[Connection], Any]:
    return lambda connection: challengers.roll_back(connection, number, "bob", "", 3)


def at_once(records: Database, deeds: Sequence[Callable[[Connection], Any]]) -> list[bool]:
    """Whether each was done; the others were refused."""
    barrier = Barrier(len(deeds))

    def do(deed: Callable[[Connection], Any]) -> bool:
        barrier.wait()
        try:
            with records.write() as connection:
                return bool(deed(connection))
        except ConfigError:
            return False

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(do, deeds))


def settle(records: Database, number: int) -> None:
    with records.write() as connection:
        before = challengers.one(connection, number).state
        assert challengers.settle(connection, number, before, 4)


def test_of_several_of_an_endpoint_that_are_approved_at_once_one_is(records: Database) -> None:
    for turn in range(ROUNDS):
        numbers = [put(records, f"m-{turn}-{each}") for each in range(4)]
        done = at_once(records, [approve(each) for each in numbers])
        found = states(records)
        approved = [each for each in numbers if found[each] == APPROVED]
        assert (sum(done), len(approved)) == (1, 1)
        settle(records, approved[0])


def test_who_approves_twice_at_once_has_approved_once(records: Database) -> None:
    for turn in range(ROUNDS):
        number = put(records, f"m-{turn}")
        assert sum(at_once(records, [approve(number)] * 4)) == 1
        settle(records, number)


def test_nothing_is_approved_beside_one_that_is_rolled_back(records: Database) -> None:
    for turn in range(ROUNDS):
        old, new = (put(records, f"m-{turn}-{each}") for each in range(2))
        assert at_once(records, [approve(old)]) == [True]
        settle(records, old)
        assert sum(at_once(records, [approve(new), roll_back(old)])) == 1
        found = states(records)
        assert (found[old], found[new]) in ((DEPLOYED, APPROVED), (ROLLING_BACK, "awaiting review"))
        settle(records, new if found[new] == APPROVED else old)


def test_a_run_that_several_begin_at_once_is_begun_once(records: Database) -> None:
    for turn in range(ROUNDS):
        run = JobRun(f"{turn:032}", "retrain", ENDPOINT, "{}", "ann", 1)
        assert at_once(records, [lambda connection, run=run: job_runs.request(connection, run)] * 3)
        start = [lambda connection, run=run: job_runs.start(connection, run.run_id, 2, 9)] * 4
        assert sum(at_once(records, start)) == 1
        end = [lambda connection, run=run: job_runs.finish(connection, run.run_id, "done", "", 3)] * 4
        assert sum(at_once(records, end)) == 1

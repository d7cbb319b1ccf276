"""What rules by the clock find is kept on every database, and their measures are read from each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.store_backends import RECORDS
from unit.timed_support import HOUR, Clocked

RULES = """
  - {name: quiet, when: {silent: 5m}}
  - {name: alone, when: {silent_alone: 5m}}
  - {name: few, when: {requests: '< 5', over: 5m}}
  - {name: usual, when: {requests_of_usual: '< 50 %'}}
  - {name: errors, when: {error_share: '> 5 %'}}
  - {name: slow, when: {latency_p95: '> 300 ms'}}
  - {name: late, when: {late_share: '> 5 %'}}
  - {name: missing, when: {missing_events: '> 0'}}
  - {name: columns, when: {schema_changes: '> 0'}}
  - {name: dead, when: {dead_letters: '> 0'}}
  - {name: lag, for: 2 of 3, when: {lag: '> 5'}}
"""


@pytest.fixture(params=RECORDS)
def clocked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clocked]:
    database = request.param(tmp_path)
    yield Clocked(tmp_path, RULES, endpoints=3, database=database)
    database.close()


def test_minutes_raise_go_on_and_end_on_every_database(clocked: Clocked) -> None:
    clocked.served(*clocked.endpoints)
    clocked.tick(5)
    assert clocked.open() == []
    for _ in range(2):
        clocked.served("endpoint-3")
        clocked.tick(2)
    quiet = [each for each in clocked.open() if each[0] in ("quiet", "alone")]
    assert sorted(quiet) == [(rule, f"endpoint-{n}") for rule in ("alone", "quiet") for n in (1, 2)]
    clocked.tick(1, step=HOUR)
    clocked.served(*clocked.endpoints)
    clocked.tick(1)
    assert {each for each in clocked.open() if each[0] in ("quiet", "alone")} == set()
    assert set(clocked.ended()) == {("quiet", "calm"), ("alone", "calm")}

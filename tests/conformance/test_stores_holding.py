"""Who writes of an endpoint and who forgets it wait for each other, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from conformance.store_backends import RECORDS
from modelmon.ledger import endpoints
from modelmon.model import Endpoint
from modelmon.sql.database import Database

PATIENCE_SECONDS = 30.0


@pytest.fixture(params=RECORDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def test_who_forgets_an_endpoint_waits_for_who_holds_it_and_the_next_finds_nothing(
    database: Database,
) -> None:
    with database.write() as connection:
        endpoints.put(connection, Endpoint("e", "p", "churn"), 1)
    told: list[str] = []
    begun = Event()

    def forget() -> None:
        begun.set()
        with database.write() as connection:
            endpoints.hold_alone(connection, "e")
            told.append("forgotten")
            endpoints.delete(connection, "e")

    other = Thread(target=forget, daemon=True)
    with database.write() as connection:
        assert endpoints.hold(connection, ["e", "f"]) == {"e"}
        other.start()
        assert begun.wait(PATIENCE_SECONDS)
        other.join(0.2)
        told.append("written")
    other.join(PATIENCE_SECONDS)
    assert told == ["written", "forgotten"]
    with database.write() as connection:
        assert endpoints.hold(connection, ["e"]) == set()

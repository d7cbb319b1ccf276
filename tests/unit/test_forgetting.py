"""An endpoint is forgotten with all that is of it, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select

from modelmon.ledger import dead_letters as letters
from modelmon.ledger import endpoints as registered
from modelmon.ledger import outbox
from modelmon.ledger.incident_schema import incident_events
from modelmon.ledger.metadata import metadata
from modelmon.ledger.schema import endpoints, erasures, files, judged
from modelmon.model import BatchRange, Endpoint, TrafficPoint, ValuePoint, WindowKey
from modelmon.settings import Settings
from modelmon.sql.types import LongText
from modelmon.stores.artifacts import ArtifactFiles
from modelmon.stores.samples import open_samples
from modelmon.upkeep.compaction import compact
from modelmon.upkeep.forgetting import Forgotten
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointQuery, list_endpoints
from sample_files import path_of, table
from sample_house import NOW, OLD, House, Killed, Mortal, forget
from series_files import series_in
from unit.window_support import E1, E2, Chain, at, done, metric, result, stats

BEFORE_THE_MARK = 2  # steps: its transaction begins, and is about to be committed
KEPT = ArtifactFiles("memory://kept")
FRESH = {"labels": "{}", "deleting_us": None}
OF_ENDPOINTS = [table for table in metadata.sorted_tables if "endpoint_id" in table.c]


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    fill(house)
    return house


def fill(house: House) -> None:
    """A row of each of two endpoints in every table that knows endpoints, and files."""
    for endpoint_id in "ef":
        house.fill(3, endpoint_id=endpoint_id)
        with house.database.write() as connection:
            for table in OF_ENDPOINTS:
                if table is not files:
                    connection.execute(table.insert(), [_row(table, endpoint_id)])
        series = series_in(house.database)
        series.write_traffic(BatchRange("s", 0, 0, 1), [TrafficPoint(endpoint_id, 0)])
        series.write_values([ValuePoint(endpoint_id, "app", 0, 1, "m", 1.0, 1)])


def _row(table: Table, endpoint_id: str) -> dict[str, Any]:
    samples = {bool: True, int: 1, float: 1.0, bytes: b"x"}
    texts = {False: endpoint_id, True: "[]"}
    row = {
        column.name: samples.get(_kind(column), texts[isinstance(column.type, LongText)])
        for column in table.columns
        if column.autoincrement is not True
    }
    own = {"number": ord(endpoint_id)} if table is judged else FRESH if table is endpoints else {}
    return {**row, "endpoint_id": endpoint_id, **own}


def _kind(column: Any) -> type:
    try:
        kind: type = column.type.python_type
    except NotImplementedError:  # a type of SQLAlchemy's that stands for no type of Python
        kind = str
    return kind


def left(connection: Connection, endpoint_id: str) -> set[str]:
    return {
        table.name
        for table in OF_ENDPOINTS
        if connection.execute(select(table.c.endpoint_id).where(table.c.endpoint_id == endpoint_id)).first()
    }


def test_nothing_is_left_of_it_and_everything_of_others(house: House) -> None:
    series = series_in(house.database)
    assert forget(house.database, house.samples, series, KEPT, "e", NOW, Settings()) == Forgotten(
        files=4, rows=9, windows=1, actuals=1
    )
    with house.database.read() as connection:
        assert left(connection, "e") == {erasures.name}  # who asked for what stays known
        assert left(connection, "f") == {table.name for table in OF_ENDPOINTS}
    assert house.on_disk() == house.listed()
    assert len(house.listed()) == 3
    assert [point.endpoint_id for point in series.read_traffic(["e", "f"], 0, 1)] == ["f"]


@pytest.mark.slow
def test_killed_at_any_step_it_is_found_by_its_name_and_done_again(house: House) -> None:
    counting = Mortal()
    forget(*house.stores(counting), series_in(house.database), KEPT, "e", NOW, Settings())
    for step in range(1, counting.steps + 1):
        place = House(house.folder / str(step))
        fill(place)
        with pytest.raises(Killed):
            forget(*place.stores(Mortal(step)), series_in(place.database), KEPT, "e", NOW, Settings())
        with place.database.read() as connection:
            known = registered_id(connection, "e")
            marked = [state_of(connection, endpoint_id) == "being deleted" for endpoint_id in "ef"]
            assert marked == [known and step > BEFORE_THE_MARK, False], step
            assert known or left(connection, "e") == {erasures.name}
        place.read("f")  # never an error
        if known:
            forget(*place.stores(), series_in(place.database), KEPT, "e", NOW, Settings())
        assert place.on_disk() == place.listed(), step
        with place.database.read() as connection:
            assert left(connection, "e") == {erasures.name}


def test_files_that_a_killed_merge_has_left_go_and_those_of_a_batch_under_way_stay(house: House) -> None:
    with pytest.raises(Killed):
        compact(*house.stores(Mortal(8)), NOW, float("inf"), min_files=2)  # its file is written, not listed
    assert any("/c-" in path for path in house.on_disk())
    coming = path_of(OLD, 100, 102)
    house.samples.write(coming, table([OLD], {"x": [1]}))
    assert (
        forget(house.database, house.samples, series_in(house.database), KEPT, "e", NOW, Settings()).files
        == 5
    )
    assert house.on_disk() == sorted([coming, *house.listed()])


def registered_id(connection: Connection, endpoint_id: str) -> bool:
    query = select(endpoints.c.endpoint_id).where(endpoints.c.endpoint_id == endpoint_id)
    return connection.execute(query).first() is not None


def state_of(connection: Connection, endpoint_id: str) -> str:
    found = list_endpoints(connection, Looking(NOW, Settings()), EndpointQuery())
    return {each.endpoint_id: each.state for each in found.endpoints}.get(endpoint_id, "")


def test_what_comes_for_it_later_registers_it_anew(tmp_path: Path) -> None:
    chain = Chain(tmp_path, samples_path=str(tmp_path / "samples"))
    chain.endpoint(E1, labels={"known": "long"})
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    forget(chain.database, open_samples(chain.settings), chain.series, KEPT, E1, NOW, Settings())
    chain.tick(at(12))
    chain.serve(at(20), at(31), now=at(31))
    chain.tick(at(31))
    with chain.database.read() as connection:
        found = registered.get(connection, E1)
    assert found is not None
    assert replace(found, created=None, updated=None) == Endpoint(
        E1, "flights", f"{E1}-name", discovered=True
    )
    assert chain.traffic().received == 2
    assert [each.start_us for each in chain.windows()] == [at(20), at(30)]
    chain.close()


def test_whoever_was_told_of_an_incident_is_told_that_it_is_over(tmp_path: Path) -> None:
    chain = Chain(tmp_path, samples_path=str(tmp_path / "samples"))
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    chain.report(result(event, status=2, value=0.9), done(event))
    forget(chain.database, open_samples(chain.settings), chain.series, KEPT, E1, at(12), Settings())
    with chain.database.read() as connection:
        told = [entry.fact.kind for entry in outbox.read(connection, "anybody", 100)]
        assert left(connection, E1) == set()
        assert connection.execute(select(incident_events)).all() == []
    assert told[-2:] == [outbox.INCIDENT_RESOLVED, outbox.ENDPOINT_REMOVED]
    chain.close()


def test_a_report_that_was_on_its_way_leaves_a_dead_letter_and_nothing_else(tmp_path: Path) -> None:
    chain = Chain(tmp_path, samples_path=str(tmp_path / "samples"))
    for endpoint_id in (E1, E2):
        chain.serve(at(0), at(11), now=at(11), endpoint_id=endpoint_id)
    chain.tick(at(11))
    events = {event.endpoint_id: event for event in chain.app_events()}
    forget(chain.database, open_samples(chain.settings), chain.series, KEPT, E1, at(12), Settings())
    given = [
        envelope
        for event in events.values()
        for envelope in (
            metric(event, 1.0), stats(event, {"a": {"count": 1}}), result(event, 2, 0.9), done(event),
        )
    ]  # fmt: skip
    chain.report(*given)
    with chain.database.read() as connection:
        assert left(connection, E1) == {"dead_letters"}
        (letter,) = letters.find(connection)
        assert {"windows", "verdicts", "app_stats", "incidents"} <= left(connection, E2)
    assert (letter.endpoint_id, letter.field) == (E1, "endpoint_id")
    assert "no endpoint endpoint-1 is registered" in letter.reason
    kept = [WindowKey(each, "app", at(0)) for each in (E1, E2)]
    values = chain.series.read_values(dict.fromkeys(kept, 1))
    assert {point.endpoint_id for point in values} == {E2}
    chain.serve(at(13), now=at(13))  # registered anew, it takes what was set aside
    chain.write([letter.body], at(14))
    assert "verdicts" in _left(chain, E1)
    chain.close()


def _left(chain: Chain, endpoint_id: str) -> set[str]:
    with chain.database.read() as connection:
        return left(connection, endpoint_id)

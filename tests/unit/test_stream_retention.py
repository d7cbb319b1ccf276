"""What of a stream is deleted, and what never is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from modelmon.ledger.batches import take_over
from modelmon.ledger.records import records_at
from modelmon.ledger.schema import positions, stream_marks
from modelmon.model import HOUR_US
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import events_of, reports_of, windows_of
from modelmon.upkeep.stream_retention import (
    Retention,
    Slowest,
    prune_stream,
    retention_of,
    slowest,
)
from unit.window_support import Chain, at, done

DAY = Retention(24, 0)
FAR = float("inf")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = records_at(f"sqlite:///{tmp_path}/records.db", durability="process")
    yield database
    database.close()


@pytest.fixture
def stream() -> Iterator[Stream]:
    stream = open_stream(f"memory://{uuid4().hex}")
    yield stream
    stream.close()


def publish(stream: Stream, count: int, body: bytes = b"message") -> None:
    stream.publish([("k", body)] * count)


def read(stream: Stream, group: str, offset: int) -> None:
    consumer = stream.consumer(group)
    consumer.poll(1, 0)
    consumer.commit({0: offset})
    consumer.close()


def hour(number: float) -> int:
    return round(number * HOUR_US)


def test_what_restored_records_do_not_know_of_stays(database: Database, stream: Stream) -> None:
    publish(stream, 10)
    read(stream, "g", 10)
    with database.write() as connection:
        take_over(connection, stream.stream_id, 0, "events")
        connection.execute(update(positions).values(applied=5))
    assert [prune_stream(database, stream, ["g"], DAY, hour(now), FAR) for now in (0, 24, 25)] == [0, 6, 0]


def test_what_all_have_read_goes_once_it_is_old_and_no_earlier(database: Database, stream: Stream) -> None:
    publish(stream, 10)
    read(stream, "g", 10)
    gone = [prune_stream(database, stream, ["g"], DAY, hour(now), FAR) for now in (0, 1, 23.9, 24, 25)]
    assert gone == [0, 0, 0, 10, 0]
    publish(stream, 1)
    read(stream, "g", 11)
    assert [prune_stream(database, stream, ["g"], DAY, hour(now), FAR) for now in (30, 53, 54)] == [0, 0, 1]


@pytest.mark.parametrize("slow", ["g", "of another project"])
def test_what_one_group_has_not_read_stays_however_old_it_is(
    database: Database, stream: Stream, slow: str
) -> None:
    publish(stream, 10)
    for group in ("g", "of another project"):
        read(stream, group, 4 if group == slow else 10)
    prune_stream(database, stream, ["g"], Retention(24, 1), hour(0), FAR)
    prune_stream(database, stream, ["g"], Retention(24, 1), hour(1_000), FAR)
    assert stream.begin_offsets() == {0: 4}
    assert slowest(stream, ["g"]) == {0: Slowest(slow, 4)}


def test_a_reader_that_never_committed_has_read_nothing(database: Database, stream: Stream) -> None:
    publish(stream, 10)
    read(stream, "other", 10)
    for now in (0, 100):
        assert prune_stream(database, stream, ["g", "other"], Retention(24, 1), hour(now), FAR) == 0
    assert slowest(stream, ["g", "other"]) == {0: Slowest("g", 0)}


def test_a_stream_that_takes_too_much_loses_its_oldest_messages_at_once(
    database: Database, stream: Stream
) -> None:
    publish(stream, 1_000, b"x" * 100)
    read(stream, "g", 1_000)
    assert prune_stream(database, stream, ["g"], Retention(24, 25_000), hour(0), FAR) == 750
    assert stream.size_bytes() == 25_000
    assert prune_stream(database, stream, ["g"], Retention(24, 25_000), hour(0), FAR) == 0


def test_deleting_stops_at_the_deadline_and_goes_on_from_there(database: Database, stream: Stream) -> None:
    publish(stream, 10)
    read(stream, "g", 10)
    prune_stream(database, stream, ["g"], DAY, hour(0), FAR)
    assert prune_stream(database, stream, ["g"], DAY, hour(30), 0) == 0
    assert prune_stream(database, stream, ["g"], DAY, hour(30), FAR) == 10


@pytest.mark.slow
def test_marks_do_not_pile_up(database: Database, stream: Stream) -> None:
    for number in range(400):
        publish(stream, 1)
        read(stream, "g", number + 1)
        prune_stream(database, stream, ["g"], DAY, hour(number / 10), FAR)
    with database.read() as connection:
        assert len(connection.execute(select(stream_marks)).all()) <= 74
    assert stream.end_offsets()[0] - stream.begin_offsets()[0] <= 245  # a day and a mark


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"stream_path": "sqlite:////tmp/streams"}, [Retention(72, 4 * 2**30)] * 3),
        ({"stream_path": "kafka://broker:9092"}, [Retention(0, 0)] * 3),
        ({"stream_path": "kafka://broker:9092", "kafka_retention_hours": 5.0}, [Retention(5, 0)] * 3),
        (
            {
                "stream_path": "kafka://broker:9092", "kafka_retention_hours": 5.0,
                "events_stream": "kafka://broker:9092/shared", "app_stream": "memory://apps/{name}",
            },
            [Retention(0, 0), Retention(0, 0), Retention(5, 0)],
        ),
        (
            {"stream_path": "memory://x", "stream_retention_hours": 0, "stream_max_bytes": 0},
            [Retention(0, 0)] * 3,
        ),
    ],
)  # fmt: skip
def test_only_streams_that_are_the_projects_own_lose_anything(
    values: dict[str, Any], expected: list[Retention]
) -> None:
    settings = Settings.load(None, {}, **values)
    reads = [events_of(settings), windows_of(settings, "app"), reports_of(settings)]
    assert [retention_of(settings, each) for each in reads] == expected


def test_the_controller_keeps_streams_by_their_own_setting_not_by_retention_days(tmp_path: Path) -> None:
    chain = Chain(tmp_path, retention_days=0.001)
    chain.serve(at(0), at(11), at(21), now=at(21))
    chain.tick(at(21))
    assert len(chain.app_events()) == 2
    assert "pruned_messages" not in chain.tick(at(60))["tidied"]
    with chain._stream(chain.settings.app_url("app")) as stream:
        assert stream.begin_offsets() == {0: 0}
        assert chain.tick(at(60 * 72 + 60))["tidied"]["pruned_messages"] == 2
        assert stream.begin_offsets() == {0: 2}
    chain.close()


def test_a_stream_that_is_down_keeps_no_other_from_being_looked_at(tmp_path: Path) -> None:
    chain = Chain(tmp_path, writer_stream="reports", events_partitions=1)
    chain.serve(at(0), at(11), now=at(21))
    chain.tick(at(21))
    for each in chain.app_events():
        chain.report(done(each))
    chain.controller._streams.writer().close()
    report = chain.tick(at(60 * 80))
    assert list(report["unavailable"]) == ["the retention of stream reports"]
    assert report["tidied"]["pruned_messages"] == 1
    chain.close()

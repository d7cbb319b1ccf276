"""What takes how much room, and what is deleted when."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelmon.errors import RejectedError
from modelmon.ledger import registry
from modelmon.ledger.dead_letters import keep, letter_of
from modelmon.ledger.records import open_records
from modelmon.model import HOUR_US, Message, from_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.controller.retention import StreamRetention
from modelmon.stages.controller.streams import ProjectStreams
from modelmon.stores.samples import open_samples
from modelmon.streams import open_stream
from modelmon.streams.subscriptions import events_of, reports_of, windows_of
from modelmon.views.disk import Room, rooms
from sample_files import add_file

APPS = ("drift", "old")
NOW = 1_700_000_400_000_000


class Place:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings.load(folder, {}, **settings)
        self.records: Database = open_records(self.settings)
        self.streams = ProjectStreams(self.settings)
        read = (events_of, reports_of, *(partial(windows_of, application_name=name) for name in APPS))
        for subscription in (each(self.settings) for each in read):
            open_stream(subscription.url, subscription.partitions, self.settings).close()
        with self.records.write() as connection:
            registry.register_app(connection, "drift", None, NOW)

    def rooms(self) -> dict[str, Room]:
        read = [(self.streams.open(each[0]), each) for each in self.streams.readers(["drift"]).values()]
        return {room.part: room for room in rooms(self.records, read, self.settings, NOW)}

    def close(self) -> None:
        self.streams.close()
        self.records.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def test_a_stream_says_who_has_to_read_what_is_in_it(place: Place) -> None:
    events = place.streams.events()
    events.publish([("k", b"x" * 1_000)] * 500, partition=1)
    consumer = events.consumer("modelmon-stream")
    consumer.poll(1, 0)
    consumer.commit({1: 400})
    consumer.close()
    room = place.rooms()["stream events"]
    assert room.count == 500
    assert room.bytes is not None
    assert room.bytes > 500_000
    assert room.held_by == "group modelmon-stream has 100 messages to read"
    assert room.deleted == "what every group has read, after 72 hours, or above 4.0 GiB"


def test_a_foreign_group_that_holds_a_stream_is_named(place: Place) -> None:
    events = place.streams.events()
    events.publish([("k", b"x")] * 500, partition=0)
    for group, offset in (("modelmon-stream", 500), ("somebody's copy", 3)):
        consumer = events.consumer(group)
        consumer.poll(1, 0)
        consumer.commit({0: offset})
        consumer.close()
    assert place.rooms()["stream events"].held_by == "group somebody's copy has 497 messages to read"


def test_what_everybody_has_read_is_held_by_nobody(place: Place) -> None:
    assert {name for name, room in place.rooms().items() if room.held_by} == set()


def test_a_stream_that_nobody_reads_is_named_with_its_place(place: Place) -> None:
    place.streams.app("old").publish([("k", b"x" * 5_000)])
    room = place.rooms()["stream app-old"]
    assert room.bytes is not None
    assert room.bytes > 5_000
    assert room.deleted.startswith("nothing: no function reads it; /")


def test_a_stream_that_does_not_answer_hides_no_other_part(place: Place) -> None:
    read = [(place.streams.open(each[0]), each) for each in place.streams.readers(["drift"]).values()]
    read[0][0].close()
    found = {room.part: room for room in rooms(place.records, read, place.settings, NOW)}
    assert (found["stream events"].bytes, found["stream events"].deleted[:10]) == (None, "not known:")
    assert found["stream writer"].count == 0


def test_samples_go_when_their_retention_is_over(tmp_path: Path) -> None:
    place = Place(tmp_path, retention_days=7)
    samples = open_samples(place.settings)
    for first in (0, 5):
        add_file(place.records, samples, [NOW + first, NOW + first + 1], {"x": [1, 2]}, first=first)
    room = place.rooms()["samples"]
    on_disk = sum(file.stat().st_size for file in tmp_path.rglob("*.parquet"))
    assert (room.count, room.deleted) == (2, "after 7 days (retention_days)")
    assert room.next == from_us(NOW + 1 + 7 * 24 * HOUR_US)
    assert on_disk
    place.close()


def test_without_retention_nothing_goes_and_that_is_said(place: Place) -> None:
    found = place.rooms()
    assert found["samples"] == Room("samples", 0, 0, "nothing (retention_days: 0)")
    assert found["records and series"].deleted == "windows nothing (retention_days: 0)"


def test_dead_letters_are_counted_with_their_bodies(place: Place) -> None:
    letter = letter_of(Message(0, 0, "", b"x" * 70), RejectedError("no"), "events", "s", NOW)
    with place.records.write() as connection:
        keep(connection, [letter])
    room = place.rooms()["dead letters"]
    assert (room.bytes, room.count) == (70, 1)
    assert room.next == from_us(NOW + 30 * 24 * HOUR_US)


def test_the_first_messages_go_when_their_time_is_over(place: Place) -> None:
    place.streams.events().publish([("k", b"x")] * 5, partition=0)
    retention = StreamRetention(place.settings, place.records, place.streams)
    retention.apply(["drift"], NOW)
    assert place.rooms()["stream events"].next == from_us(NOW + 72 * HOUR_US)


def test_series_elsewhere_and_a_stream_named_by_url_are_told_apart(tmp_path: Path) -> None:
    place = Place(tmp_path, series_url=f"sqlite:///{tmp_path}/series.db", writer_stream="memory://shared")
    found = place.rooms()
    assert {"records", "series"} < set(found)
    assert found["stream shared"].deleted.startswith("nothing: the settings name it by URL")
    place.close()


def test_logs_and_artifacts_are_measured(place: Place, tmp_path: Path) -> None:
    for name in ("logs", "artifacts", "archives"):
        folder = tmp_path / ".modelmon" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "file").write_bytes(b"x" * 2_000)
    found = place.rooms()
    assert (found["logs"].bytes, found["artifacts"].bytes) == (2_000, 2_000)
    assert found["archives of code"].bytes == 2_000
    assert found["archives of code"].deleted == "unused ones after 365 days (audit_days)"

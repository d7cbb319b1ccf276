"""`modelmon health` names the group that keeps a stream from losing what should be gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelmon.cli.health import read_held
from modelmon.ledger.records import open_records
from modelmon.model import HOUR_US
from modelmon.settings import Settings
from modelmon.stages.controller.retention import StreamRetention
from modelmon.stages.controller.streams import ProjectStreams
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import events_of, reports_of
from modelmon.views.held_streams import HeldStream

NOW = 1_700_000_400_000_000
READ_BY_ALL, COPY = 500, "somebody's copy"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings.load(tmp_path, {})
    for read in (events_of(settings), reports_of(settings)):
        open_stream(read.url, read.partitions, settings).close()
    return settings


@pytest.fixture
def events(settings: Settings) -> Iterator[Stream]:
    with closing(ProjectStreams(settings)) as streams:
        yield streams.events()


def commit(stream: Stream, group: str, offset: int) -> None:
    consumer = stream.consumer(group)
    consumer.poll(1, 0)
    consumer.commit({0: offset})
    consumer.close()


def look(settings: Settings, now_us: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("modelmon.cli.health.wall_clock_us", lambda: now_us)
    return read_held(settings)


def note_ends(settings: Settings, now_us: int) -> None:
    with closing(open_records(settings)) as records, closing(ProjectStreams(settings)) as streams:
        StreamRetention(settings, records, streams).apply([], now_us)


def test_a_group_is_named_once_what_it_has_not_read_should_be_gone(
    settings: Settings, events: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.publish([("k", b"x")] * READ_BY_ALL, partition=0)
    note_ends(settings, NOW)
    events.publish([("k", b"x")] * 7, partition=0)  # younger: nothing that has to go
    commit(events, events_of(settings).group, READ_BY_ALL)
    commit(events, COPY, 3)
    before, after = NOW + 71 * HOUR_US, NOW + 73 * HOUR_US
    assert look(settings, before, monkeypatch) == ([], {})
    assert look(settings, after, monkeypatch) == ([HeldStream("events", COPY, READ_BY_ALL - 3)], {})
    commit(events, COPY, READ_BY_ALL)
    assert look(settings, after, monkeypatch) == ([], {})


def test_a_group_that_keeps_a_stream_above_its_limit_is_named(
    settings: Settings, events: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.publish([("k", b"x" * 10_000)] * 100, partition=0)
    small = Settings.load(tmp_path, {}, stream_max_bytes=500_000)
    ((held,), unavailable) = look(small, NOW, monkeypatch)
    assert (held.stream, held.group, unavailable) == ("events", events_of(small).group, {})
    assert 0 < held.messages < 100


def test_a_stream_that_is_kept_whole_is_held_by_nobody(
    settings: Settings, events: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.publish([("k", b"x")] * 5, partition=0)
    note_ends(settings, NOW)
    kept = Settings.load(tmp_path, {}, stream_retention_hours=0, stream_max_bytes=0)
    assert look(kept, NOW + 10_000 * HOUR_US, monkeypatch) == ([], {})

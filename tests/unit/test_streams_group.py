"""Handing partitions over inside a group, on streams of this process."""

from __future__ import annotations

import pytest

from modelmon.errors import ConfigError
from modelmon.streams import Stream, group, memory, open_stream


@pytest.fixture(autouse=True)
def _look_for_others_at_every_poll(monkeypatch):
    monkeypatch.setattr(group, "CHECK_SECONDS", 0.0)


@pytest.fixture
def stream() -> Stream:
    memory.delete("memory://events")
    stream = open_stream("memory://events", 2)
    for partition in (0, 1):
        stream.publish([("", b"%d" % number) for number in range(6)], partition=partition)
    return stream


def test_a_partition_that_another_member_shall_have_waits_for_the_commit_of_what_was_delivered(stream):
    old = stream.consumer("g")
    assert len(old.poll(12, 0)) == 12
    new = stream.consumer("g")
    stream.publish([("", b"next")], partition=1)
    assert old.poll(1, 0) == []  # delivered no further
    assert old.assignment == {0}
    assert new.poll(12, 0) == []  # still the other's
    old.commit({1: 3})
    assert new.poll(12, 0) == []
    old.commit({1: 6})
    assert [(m.offset, m.body) for m in new.poll(12, 0)] == [(6, b"next")]


def test_what_is_not_committed_in_time_comes_again_and_its_commit_is_refused(stream, monkeypatch):
    monkeypatch.setattr(group, "HANDOVER_SECONDS", 0.0)
    old = stream.consumer("g")
    old.poll(12, 0)
    old.commit({0: 1, 1: 2})
    new = stream.consumer("g")
    old.poll(1, 0)
    assert [m.offset for m in new.poll(12, 0)] == [2, 3, 4, 5]
    old.commit({1: 6})
    assert dict(stream.committed("g")) == {0: 1, 1: 2}
    new.commit({1: 6})
    assert dict(stream.committed("g")) == {0: 1, 1: 6}


def test_a_partition_whose_next_owner_left_again_stays_and_goes_on_where_it_was(stream):
    old = stream.consumer("g")
    assert len(old.poll(4, 0)) == 4
    new = stream.consumer("g")
    old.poll(1, 0)
    assert len(old.assignment) == 1
    new.close()
    rest = old.poll(12, 0)
    assert old.assignment == {0, 1}
    assert len(rest) < 12
    assert [m.offset for m in rest if m.partition == 1] in ([0, 1, 2, 3, 4, 5], [4, 5])


def test_an_error_in_one_partition_skips_nothing_of_another(stream, monkeypatch):
    consumer = stream.consumer("g")
    consumer.poll(0, 0)
    second = consumer._logs[0 if consumer._turn % 2 else 1]  # type: ignore[attr-defined]
    monkeypatch.setattr(type(second), "read", _failing_once(type(second).read, second), raising=True)
    with pytest.raises(ConfigError, match="broken for once"):
        consumer.poll(12, 0)
    assert sorted((m.partition, m.offset) for m in consumer.poll(12, 0)) == [
        (partition, offset) for partition in (0, 1) for offset in range(6)
    ]


def _failing_once(read, victim):
    left = [1]

    def wrapped(self, offset, max_messages, max_bytes):
        if self is victim and left:
            left.pop()
            raise ConfigError("broken for once")
        return read(self, offset, max_messages, max_bytes)

    return wrapped


def test_a_memory_stream_needs_a_name():
    with pytest.raises(ConfigError, match="memory://name"):
        open_stream("memory://")

"""What Nuclio does with the messages of a stream, stated once; the embedded runner has to do the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from conformance.platforms import STREAMING, Make, Platform
from deploying import HTTP, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("kafka")]


@pytest.fixture(scope="module", params=STREAMING)
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    make: Make = request.param
    made = make(tmp_path_factory.mktemp("platform") / "project")
    try:
        for name, mode in (("explicit", "explicitOnly"), ("implicit", "disable"), ("enabled", "enable")):
            made.stream(name).close()
            made.deploy(name, events=made.reads(name, mode))
        made.start()
        yield made
    finally:
        made.close()


def test_init_context_knows_the_stream_trigger(platform: Platform) -> None:
    assert platform.notes("explicit", "init")[0]["trigger"] == ["kafka-cluster", "events"]


def test_a_task_started_in_init_context_lives_on_while_nothing_comes(platform: Platform) -> None:
    seen = len(platform.notes("enabled", "alive"))
    eventually(lambda: len(platform.notes("enabled", "alive")), lambda now: now > seen + 3)


def test_an_event_is_one_message_with_its_place_and_without_its_key(platform: Platform) -> None:
    platform.publish("explicit", "acknowledge")
    event = eventually(lambda: platform.notes("explicit", "event"))[0]
    assert event["trigger"] == ["kafka-cluster", "events"]
    assert event["body"] == ["bytes", repr(b'{"answer": "acknowledge"}')]
    assert event["content_type"] == ["str", "''"]
    assert event["method"] == ["str", "''"]
    assert event["url"] == ["str", "''"]
    assert event["size"] == ["int", "25"]
    assert event["topic"] == event["path"] == ["str", repr(platform.topic_of_events("explicit"))]
    assert event["shard_id"] == ["int", "0"]
    assert event["offset"] == ["int", "0"]
    assert event["num_shards"] == ["int", "0"]
    assert event["headers"] == event["fields"] == ["dict", "{}"]
    assert event["timestamp"][0] == "datetime"
    assert "tzinfo" not in event["timestamp"][1]


def test_messages_come_one_by_one_in_order(platform: Platform) -> None:
    start = len(platform.notes("implicit", "event"))
    platform.publish("implicit", *["text"] * 50)
    eventually(lambda: len(platform.notes("implicit", "answered")), lambda count: count >= start + 50)
    notes = [note for note in platform.notes("implicit") if note["what"] in ("event", "answered")]
    assert [note["what"] for note in notes] == ["event", "answered"] * (len(notes) // 2)
    offsets = platform.offsets("implicit")
    assert offsets == list(range(offsets[0], offsets[-1] + 1))


def test_explicit_only_commits_what_was_acknowledged_and_all_before_it(platform: Platform) -> None:
    end = end_of(platform, "explicit")
    platform.publish("explicit", "text", "fail", "acknowledge", "text", "fail")
    eventually(lambda: platform.committed("explicit"), lambda offset: offset == end + 3)
    eventually(lambda: platform.offsets("explicit"), lambda seen: end + 4 in seen)
    platform.publish("explicit", "fail")
    eventually(lambda: len(platform.notes("explicit", "event")), lambda count: count >= end + 6)
    assert platform.committed("explicit") == end + 3


def test_without_explicit_mode_even_a_failure_is_committed(platform: Platform) -> None:
    platform.publish("implicit", "fail", "leave", "fail")
    end = end_of(platform, "implicit")
    eventually(lambda: platform.committed("implicit"), lambda offset: offset == end)


def test_in_mode_enable_the_no_ack_header_keeps_a_message_uncommitted(platform: Platform) -> None:
    platform.publish("enabled", "text", "no ack")
    eventually(lambda: len(platform.notes("enabled", "answered")), lambda count: count == 2)
    eventually(lambda: platform.committed("enabled"), lambda offset: offset == 1)
    platform.publish("enabled", "text")
    eventually(lambda: platform.committed("enabled"), lambda offset: offset == 3)


def test_what_was_not_acknowledged_comes_again_after_a_restart(platform: Platform) -> None:
    deploy(platform, "again")
    platform.publish("again", "acknowledge", "text", "text")
    eventually(lambda: platform.offsets("again"), lambda seen: seen == [0, 1, 2])
    eventually(lambda: platform.committed("again"), lambda offset: offset == 1)
    platform.restart("again")
    eventually(lambda: platform.offsets("again"), lambda seen: seen == [0, 1, 2, 1, 2])
    first = platform.notes("again", "init")[0]["pid"]
    ends = [note["what"] for note in platform.notes("again") if note["what"] in ("drain", "termination")]
    assert ends == ["termination"], "no partition was taken away, so there was no drain"
    assert platform.notes("again", "termination")[0]["pid"] == first


def test_what_is_acknowledged_as_late_as_at_the_end_is_committed(platform: Platform) -> None:
    deploy(platform, "late")
    platform.publish("late", "hold", "hold", "hold")
    eventually(lambda: platform.offsets("late"), lambda seen: seen == [0, 1, 2])
    assert not platform.committed("late")
    platform.restart("late")
    eventually(lambda: platform.committed("late"), lambda offset: offset == 3)
    eventually(lambda: len(platform.notes("late", "init")), lambda count: count == 2)
    platform.publish("late", "text")
    eventually(lambda: platform.offsets("late"), lambda seen: seen == [0, 1, 2, 3])


def test_what_was_not_acknowledged_comes_again_when_a_worker_is_killed(platform: Platform) -> None:
    deploy(platform, "killed")
    platform.publish("killed", "text", "acknowledge", "text")
    eventually(lambda: platform.committed("killed"), lambda offset: offset == 2)
    eventually(lambda: platform.offsets("killed"), lambda seen: seen == [0, 1, 2])
    (worker,) = platform.workers("killed")
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: platform.offsets("killed"), lambda seen: seen == [0, 1, 2, 2])
    assert not platform.notes("killed", "termination")


def test_each_worker_reads_partitions_of_its_own(platform: Platform) -> None:
    deploy(platform, "shared", partitions=4, numWorkers=2)
    stream = platform.stream("shared", 4)

    def readers() -> dict[int, int]:
        """Which process read the newest message of each partition."""
        seen = len(platform.notes("shared", "event"))
        for partition in range(4):
            stream.publish([("", b'{"answer": "acknowledge"}')], partition=partition)
        eventually(lambda: len(platform.notes("shared", "event")), lambda count: count == seen + 4)
        return {int(event["shard_id"][1]): event["pid"] for event in platform.notes("shared", "event")[seen:]}

    first, then = eventually(
        lambda: (readers(), readers()),  # members that have just come may move partitions once more
        lambda found: len(set(found[0].values())) == 2 and found[0] == found[1],
    )
    assert first.keys() == then.keys() == {0, 1, 2, 3}
    stream.close()


def test_a_partition_moves_to_a_new_worker_after_a_drain_and_nothing_comes_twice(platform: Platform) -> None:
    deploy(platform, "first", "moved", partitions=2)
    stream = platform.stream("moved", 2)

    def publish() -> None:
        for partition in (0, 1):
            stream.publish([("", b'{"answer": "hold"}')] * 5, partition=partition)

    publish()
    eventually(lambda: len(platform.notes("first", "event")), lambda count: count == 10)
    deploy(platform, "second", "moved", partitions=2)
    eventually(lambda: platform.notes("first", "drain"))
    # What was held is acknowledged in the drain, so the new owner starts after it.
    eventually(lambda: stream.committed(platform.group("moved")), lambda offsets: offsets == {0: 5, 1: 5})
    eventually(lambda: platform.workers("second"))
    publish()
    counts = lambda: [len(platform.notes(name, "event")) for name in ("first", "second")]  # noqa: E731
    eventually(counts, lambda found: found == [15, 5])
    stream.close()


def test_a_function_may_read_a_stream_and_answer_requests(platform: Platform) -> None:
    platform.stream("both").close()
    platform.deploy("both", events=platform.reads("both"), http=HTTP)
    platform.publish("both", "acknowledge")
    eventually(lambda: platform.committed("both"), lambda offset: offset == 1)
    assert eventually(lambda: ask(platform, "both")) == "text"
    started = {note["trigger"][0]: note["pid"] for note in platform.notes("both", "init")}
    assert started.keys() == {"kafka-cluster", "http"}
    assert len(set(started.values())) == 2


def ask(platform: Platform, function: str) -> str:
    try:
        return platform.ask(function, "text").text
    except OSError:
        return ""


def deploy(platform: Platform, function: str, stream: str = "", partitions: int = 1, **trigger: int) -> None:
    """The probe on a stream that is there, ready to read."""
    name = stream or function
    platform.stream(name, partitions).close()
    platform.deploy(function, events=platform.reads(name, **trigger))
    eventually(lambda: platform.notes(function, "init"))


def end_of(platform: Platform, name: str) -> int:
    stream = platform.stream(name)
    try:
        return stream.end_offsets()[0]
    finally:
        stream.close()

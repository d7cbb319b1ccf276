"""What every stream back-end promises (modelmon/streams/base.py)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conformance.stream_backends import BACKENDS, Backend
from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.ledger.records import records_at
from modelmon.model import HOUR_US, Message
from modelmon.streams import Consumer, open_stream
from modelmon.upkeep.stream_retention import Retention, Slowest, prune_stream, slowest

PATIENCE_SECONDS = 30.0
ALL_DAY_SECONDS = 86_400.0


@pytest.fixture(params=BACKENDS, ids=lambda make: make.__name__.removesuffix("_backend"))
def backend(request: pytest.FixtureRequest, tmp_path) -> Iterator[Backend]:
    backend = request.param(tmp_path)
    yield backend
    backend.close()


def read(consumer: Consumer, count: int, at_once: int = 1000) -> list[Message]:
    """Exactly `count` messages, or what came until patience ended."""
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(messages) < count and time.monotonic() < deadline:
        messages += consumer.poll(min(at_once, count - len(messages)), 0.1)
    return messages


def poll_until(done: Callable[[], bool], consumers: Sequence[Consumer], commit: bool = True) -> list[Message]:
    """Poll (and commit) with every consumer in turn until `done()`; fails when it never is."""
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, "it never came to that"
        for consumer in consumers:
            found = consumer.poll(10, 0.01)
            messages += found
            if commit:
                commit_all(consumer, found)
    return messages


def commit_all(consumer: Consumer, messages: Sequence[Message]) -> None:
    consumer.commit({message.partition: message.offset + 1 for message in messages})


def bodies(messages: Sequence[Message]) -> list[bytes]:
    return [message.body for message in messages]


# There or not


def test_who_is_not_to_create_a_stream_finds_it_only_once_it_is_there(backend):
    with pytest.raises(ConfigError, match="there is no such stream, or it was deleted, and it is not made"):
        open_stream(backend.url(), 2, backend.settings, create=False)
    made = backend.open(partitions=2)
    with closing(open_stream(made.url, 1, backend.settings, create=False)) as found:
        assert (found.stream_id, found.partitions) == (made.stream_id, 2)


# Order, keys, partitions


def test_messages_come_in_the_order_they_were_published(backend):
    stream = backend.open()
    stream.publish([("a", b"1"), ("b", b"2")])
    stream.publish([("a", b"3")])
    messages = read(stream.consumer("g"), 3)
    assert [(m.partition, m.offset, m.key, m.body) for m in messages] == [
        (0, 0, "a", b"1"),
        (0, 1, "b", b"2"),
        (0, 2, "a", b"3"),
    ]


def test_a_key_keeps_its_partition_and_its_order(backend):
    stream = backend.open(partitions=3)
    stream.publish([(f"k{i % 7}", b"%d" % i) for i in range(100)])
    messages = read(stream.consumer("g"), 100)
    places = {message.key: message.partition for message in messages}
    assert {(m.key, m.partition) for m in messages} == set(places.items())
    assert len(set(places.values())) == 3
    for key in places:
        numbers = [int(m.body) for m in messages if m.key == key]
        assert numbers == sorted(numbers)


def test_the_partition_of_a_key_is_the_same_for_every_publisher(backend):
    one, other = backend.open(partitions=3), backend.open()
    one.publish([("k", b"1")])
    other.publish([("k", b"2")])
    assert len({m.partition for m in read(one.consumer("g"), 2)}) == 1


def test_a_partition_may_be_named(backend):
    stream = backend.open(partitions=3)
    stream.publish([("a", b"1"), ("b", b"2")], partition=2)
    assert stream.end_offsets() == {0: 0, 1: 0, 2: 2}


@pytest.mark.parametrize("partition", [-1, 3])
def test_a_partition_that_is_not_there_is_refused(backend, partition):
    stream = backend.open(partitions=3)
    with pytest.raises(ConfigError, match="partitions 0 to 2"):
        stream.publish([("a", b"1")], partition=partition)


def test_publishing_nothing_changes_nothing(backend):
    stream = backend.open()
    stream.publish([])
    assert stream.end_offsets() == {0: 0}


def test_a_poll_returns_at_most_what_was_asked_for_and_each_partition_in_order(backend):
    stream = backend.open(partitions=2)
    for partition in (0, 1):
        stream.publish([("", b"%d" % i) for i in range(50)], partition=partition)
    consumer = stream.consumer("g")
    polls = []
    while sum(map(len, polls)) < 100:
        polls.append(consumer.poll(7, 1.0))
    assert max(map(len, polls)) <= 7
    messages = [message for poll in polls for message in poll]
    for partition in (0, 1):
        assert [m.offset for m in messages if m.partition == partition] == list(range(50))


def test_a_busy_partition_does_not_starve_the_others(backend):
    stream = backend.open(partitions=2)
    for partition in (0, 1):
        stream.publish([("", b"x")] * 50, partition=partition)
    assert {m.partition for m in read(stream.consumer("g"), 20, at_once=10)} == {0, 1}


@pytest.mark.slow
def test_a_poll_without_news_returns_nothing_and_costs_next_to_nothing(backend):
    consumer = backend.open(partitions=2).consumer("g")
    consumer.poll(1, 0)
    looks, began = backend.looks(consumer), time.monotonic()
    assert list(consumer.poll(10, 1.0)) == []
    assert time.monotonic() - began >= 1.0
    assert 2 <= len(looks) <= 80  # of both partitions together; a busy machine looks less often


def test_a_waiting_poll_wakes_up_when_something_is_published(backend):
    stream = backend.open()
    consumer = stream.consumer("g")
    came: list[Sequence[Message]] = []
    thread = threading.Thread(target=lambda: came.append(consumer.poll(1, ALL_DAY_SECONDS)), daemon=True)
    thread.start()
    stream.publish([("a", b"1")])
    thread.join(PATIENCE_SECONDS)
    assert [bodies(messages) for messages in came] == [[b"1"]]


# What a message may be


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(range(256)), id="binary"),
        pytest.param("größe 温度 🛫".encode(), id="unicode"),
        pytest.param(b"x" * 20_000_000, id="huge"),
    ],
)
def test_a_body_comes_back_as_it_was(backend, body):
    stream = backend.open()
    stream.publish([("k", body)])
    assert bodies(read(stream.consumer("g"), 1)) == [body]


@pytest.mark.parametrize("key", ["", "größe 温度 🛫", "a\0b", "k" * 10_000, 'it\'s; "quoted"'])
def test_a_key_comes_back_as_it_was(backend, key):
    stream = backend.open(partitions=3)
    stream.publish([(key, b"1")])
    [message] = read(stream.consumer("g"), 1)
    assert message.key == key


@pytest.mark.slow
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would wait for each failure anew
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(records=st.lists(st.tuples(st.text(), st.binary(max_size=200)), min_size=1, max_size=20))
def test_any_records_come_back_in_order(backend, records):
    stream = backend.open(f"s{crc32(repr(records).encode())}", partitions=2)
    before = sum(stream.end_offsets().values())
    stream.publish(records)
    consumer = stream.consumer("g")
    messages = read(consumer, before + len(records))[before:]
    # Hypothesis does not bear with a client's thread that draws a random number while it does.
    stream.close()
    for partition in (0, 1):
        placed = [r for r in records if crc32(r[0].encode()) % 2 == partition]
        kept = [(m.key, m.body) for m in messages if m.partition == partition]
        assert kept[len(kept) - len(placed) :] == placed


@pytest.mark.parametrize(
    ("record", "field"), [(("\ud800", b"1"), "key"), ((7, b"1"), "key"), (("k", "text"), "body")]
)
def test_a_record_that_can_not_be_stored_is_refused_before_any_is(backend, record, field):
    stream = backend.open(partitions=2)
    with pytest.raises(RejectedError) as refused:
        stream.publish([("a", b"1"), ("b", b"1"), record])
    assert refused.value.field == field
    assert stream.end_offsets() == {0: 0, 1: 0}


def test_a_publish_that_one_partition_refuses_tells_what_the_others_have(backend):
    stream = backend.open(partitions=3)
    records = [(f"k{i % 7}", b"%d" % i) for i in range(40)]
    down = crc32(b"k0") % 3
    with backend.partition_down(stream, down), pytest.raises(UnavailableError) as failed:
        stream.publish(records)
    there = [place for place, (key, _) in enumerate(records) if crc32(key.encode()) % 3 != down]
    assert sorted(failed.value.published) == there
    assert there
    stream.publish([record for place, record in enumerate(records) if place not in failed.value.published])
    found = read(stream.consumer("g"), 40)
    assert sorted(bodies(found)) == sorted(body for _, body in records)
    for key in {key for key, _ in records}:
        assert [m.body for m in found if m.key == key] == [body for name, body in records if name == key]


@pytest.mark.slow
def test_huge_messages_do_not_come_all_at_once(backend):
    stream = backend.open()
    stream.publish([("k", b"x" * 12_000_000) for _ in range(5)])
    consumer = stream.consumer("g")
    first = read(consumer, 5, at_once=5)[:5]
    assert len(first) == 5
    again = stream.consumer("other").poll(5, PATIENCE_SECONDS)
    assert 1 <= len(again) < 5


# Commit and resume


def test_what_was_not_committed_comes_again(backend):
    stream = backend.open()
    stream.publish([("k", b"%d" % i) for i in range(10)])
    consumer = stream.consumer("g")
    read(consumer, 10)
    consumer.commit({0: 4})
    consumer.close()
    assert bodies(read(stream.consumer("g"), 6)) == [b"4", b"5", b"6", b"7", b"8", b"9"]


def test_a_commit_lasts_when_the_stream_is_opened_again(backend):
    stream = backend.open(partitions=2)
    stream.publish([("", b"1")] * 3, partition=1)
    consumer = stream.consumer("g")
    commit_all(consumer, read(consumer, 3))
    consumer.close()
    stream.close()
    assert dict(backend.open().committed("g")) == {1: 3}


def test_groups_read_and_commit_on_their_own(backend):
    stream = backend.open()
    stream.publish([("k", b"1"), ("k", b"2")])
    one, other = stream.consumer("one"), stream.consumer("other")
    commit_all(one, read(one, 2))
    assert bodies(read(other, 2)) == [b"1", b"2"]
    assert dict(stream.committed("one")) == {0: 2}
    assert dict(stream.committed("other")) == {}


@pytest.mark.parametrize("group", ["a/b", "..", "größe", "modelmon-app-x y"])
def test_a_group_may_have_any_name(backend, group):
    stream = backend.open()
    stream.publish([("k", b"1")])
    consumer = stream.consumer(group)
    commit_all(consumer, read(consumer, 1))
    assert dict(stream.committed(group)) == {0: 1}


def test_a_group_without_a_name_is_refused(backend):
    with pytest.raises(ConfigError, match="needs a name"):
        backend.open().consumer("")


@pytest.mark.parametrize("offset", [-1, 3])
def test_a_commit_outside_the_stream_is_refused(backend, offset):
    stream = backend.open()
    stream.publish([("k", b"1"), ("k", b"2")])
    consumer = stream.consumer("g")
    read(consumer, 2)
    with pytest.raises(ConfigError, match=f"can't commit offset {offset}"):
        consumer.commit({0: offset})
    assert dict(stream.committed("g")) == {}


def test_lag_counts_what_a_group_has_not_committed(backend):
    stream = backend.open(partitions=2)
    stream.publish([("", b"1")] * 5, partition=0)
    stream.publish([("", b"1")] * 2, partition=1)
    assert dict(stream.lag("g")) == {0: 5, 1: 2}
    consumer = stream.consumer("g")
    read(consumer, 7)
    consumer.commit({0: 3})
    assert dict(stream.lag("g")) == {0: 2, 1: 2}


# Groups


def test_two_consumers_share_the_partitions_and_each_message_comes_once(backend):
    stream = backend.open(partitions=4)
    one, other = stream.consumer("g"), stream.consumer("g")
    poll_until(lambda: len(one.assignment) == len(other.assignment) == 2, [one, other])
    assert one.assignment | other.assignment == {0, 1, 2, 3}
    stream.publish([(f"k{i}", b"%d" % i) for i in range(200)])
    messages = poll_until(lambda: sum(stream.lag("g").values()) == 0, [one, other])
    assert sorted(int(m.body) for m in messages) == list(range(200))


def test_a_member_more_than_partitions_waits_for_its_turn(backend):
    stream = backend.open(partitions=1)
    stream.publish([("k", b"1")])
    one, other = stream.consumer("g"), stream.consumer("g")
    poll_until(lambda: len(one.assignment) + len(other.assignment) == 1, [one, other])
    holder, waiting = (one, other) if one.assignment else (other, one)
    holder.close()
    poll_until(lambda: waiting.assignment == {0}, [waiting])


def test_a_member_that_leaves_hands_its_uncommitted_messages_on(backend):
    stream = backend.open(partitions=2)
    one, other = stream.consumer("g"), stream.consumer("g")
    poll_until(lambda: len(one.assignment) == len(other.assignment) == 1, [one, other])
    stream.publish([("", b"a")] * 3, partition=min(one.assignment))
    [first, *_] = read(one, 3)
    one.commit({first.partition: first.offset + 1})
    one.close()
    taken_over = read(other, 2)
    assert [(m.partition, m.offset) for m in taken_over] == [(first.partition, 1), (first.partition, 2)]


def test_members_that_come_and_go_never_hold_a_partition_together(backend):
    stream = backend.open(partitions=5)
    members: list[Consumer] = []
    got: list[Message] = []
    for turn in range(12):
        stream.publish([(f"k{i}", b"%d %d" % (turn, i)) for i in range(20)])
        if turn % 3 == 2:
            members.pop(0).close()
        else:
            members.append(stream.consumer("g"))
        for _ in range(3):
            for member in members:
                messages = member.poll(5, 0)
                got += messages
                commit_all(member, messages)
                held = [partition for each in members for partition in each.assignment]
                assert len(held) == len(set(held))
    got += poll_until(lambda: sum(stream.lag("g").values()) == 0, members)
    # Everything was committed as it came, so a hand-over repeats nothing and skips nothing.
    assert sorted(m.body for m in got) == sorted(b"%d %d" % (t, i) for t in range(12) for i in range(20))


def test_a_poll_in_one_thread_and_commits_in_another_get_along(backend):
    stream = backend.open(partitions=2)
    consumer = stream.consumer("g")
    stop = threading.Event()
    seen: list[Message] = []

    def follow() -> None:
        while not stop.is_set():
            seen.extend(consumer.poll(10, 0.02))

    thread = threading.Thread(target=follow)
    thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for i in range(300):
        stream.publish([(f"k{i}", b"%d" % i)])
        commit_all(consumer, seen[-1:])
    while len(seen) < 300 and time.monotonic() < deadline:
        commit_all(consumer, seen[-1:])
    stop.set()
    thread.join()
    assert sorted(int(m.body) for m in seen) == list(range(300))


def test_closing_a_consumer_ends_a_poll_that_waits(backend):
    consumer = backend.open().consumer("g")
    ended = []
    thread = threading.Thread(target=lambda: ended.append(consumer.poll(1, ALL_DAY_SECONDS)), daemon=True)
    thread.start()
    consumer_is_waiting = time.monotonic() + PATIENCE_SECONDS
    while not consumer.assignment and time.monotonic() < consumer_is_waiting:
        pass
    consumer.close()
    thread.join(PATIENCE_SECONDS)
    assert [list(messages) for messages in ended] == [[]]


def test_a_closed_consumer_refuses_to_poll_and_ignores_commits(backend):
    stream = backend.open()
    stream.publish([("k", b"1")])
    consumer = stream.consumer("g")
    read(consumer, 1)
    consumer.close()
    consumer.close()
    consumer.commit({0: 1})
    assert dict(stream.committed("g")) == {}
    with pytest.raises(ConfigError, match="closed"):
        consumer.poll(1, 0)


def test_a_closed_stream_refuses_everything(backend):
    stream = backend.open()
    stream.close()
    stream.close()
    for call in (lambda: stream.publish([("k", b"1")]), stream.end_offsets, lambda: stream.consumer("g")):
        with pytest.raises(ConfigError, match="closed"):
            call()


# Identity


def test_a_stream_keeps_its_identity_and_number_of_partitions_when_opened_again(backend):
    stream = backend.open(partitions=3)
    again = backend.open(partitions=7)
    assert (again.stream_id, again.partitions) == (stream.stream_id, 3)


def test_two_streams_have_two_identities(backend):
    assert backend.open("one").stream_id != backend.open("other").stream_id


def test_a_stream_made_anew_is_another_one_and_starts_empty(backend):
    old = backend.open()
    old.publish([("k", b"1")])
    old_id = old.stream_id
    backend.delete(backend.url())
    new = backend.open()
    assert new.stream_id != old_id
    assert new.end_offsets() == {0: 0}
    old.close()
    new.publish([("k", b"2")])
    assert bodies(read(new.consumer("g"), 1)) == [b"2"]


@pytest.mark.parametrize("anew", [False, True])
def test_who_holds_a_deleted_stream_open_is_told(backend, anew):
    stream = backend.open()
    stream.publish([("k", b"1")])
    consumer = stream.consumer("g")
    read(consumer, 1)
    backend.delete(backend.url())
    if anew:
        backend.open().publish([("k", b"other")])
    calls = [
        lambda: stream.publish([("k", b"2")]),
        lambda: consumer.poll(1, 1.0),
        lambda: consumer.commit({0: 1}),
        stream.end_offsets,
        lambda: stream.committed("g"),
        lambda: stream.prune({0: 1}),
    ]
    for call in calls:
        with pytest.raises(ConfigError, match=r"deleted|made anew"):
            call()


# Retention


def test_a_range_is_read_whatever_groups_have_committed(backend):
    stream = backend.open()
    stream.publish([("a", b"%d" % number) for number in range(8)])
    consumer = stream.consumer("group")
    commit_all(consumer, read(consumer, 8))
    assert bodies(stream.read(0, 2, 6, 3)) == [b"2", b"3", b"4"]
    assert bodies(stream.read(0, 5, 6, 3)) == [b"5"]
    stream.prune({0: 4})
    assert [message.offset for message in stream.read(0, 1, 8, 100)] == [4, 5, 6, 7]
    assert not stream.read(0, 1, 4, 100)
    assert stream.committed("group") == {0: 8}


def test_prune_forgets_what_is_below_and_offsets_go_on(backend):
    stream = backend.open()
    stream.publish([("k", b"%d" % i) for i in range(10)])
    stream.prune({0: 4})
    stream.publish([("k", b"10")])
    assert [(m.offset, m.body) for m in read(stream.consumer("g"), 7)] == [
        (i, b"%d" % i) for i in range(4, 11)
    ]


def test_offsets_go_on_after_everything_was_forgotten(backend):
    stream = backend.open()
    stream.publish([("k", b"%d" % i) for i in range(3)])
    stream.prune({0: 100})
    assert stream.end_offsets() == {0: 3}
    stream.publish([("k", b"3")])
    assert [(m.offset, m.body) for m in read(stream.consumer("g"), 1)] == [(3, b"3")]


@pytest.mark.parametrize("partitions", [0, -1])
def test_a_stream_has_at_least_one_partition(backend, partitions):
    with pytest.raises(ConfigError, match="partition"):
        backend.open(partitions=partitions)


def test_what_is_kept_begins_after_what_was_forgotten(backend):
    stream = backend.open(partitions=2)
    assert stream.begin_offsets() == {0: 0, 1: 0}
    stream.publish([("k", b"%d" % i) for i in range(5)], partition=1)
    stream.prune({1: 3})
    assert stream.begin_offsets() == {0: 0, 1: 3}
    stream.prune({1: 5})
    assert stream.begin_offsets() == {0: 0, 1: 5}


def test_every_group_that_has_committed_is_known(backend):
    stream = backend.open(partitions=2)
    assert set(stream.groups()) == set()
    stream.publish([("k", b"1")], partition=1)
    for group in ("a", "b"):
        consumer = stream.consumer(group)
        read(consumer, 1)
        if group == "a":
            consumer.commit({1: 1})
        consumer.close()
    assert set(stream.groups()) == {"a"}


def test_a_stream_takes_more_the_more_it_keeps(backend):
    stream = backend.open()
    empty = stream.size_bytes()
    stream.publish([("k", b"x" * 1_000) for _ in range(200)])
    full = stream.size_bytes()
    stream.prune({0: 200})
    if not backend.tells_its_size:
        assert (empty, full, stream.size_bytes()) == (None, None, None)
        return
    assert full - empty >= 200_000
    assert stream.size_bytes() - empty < 20_000


def test_retention_deletes_what_every_group_has_read_once_it_is_old(backend, tmp_path):
    stream = backend.open(partitions=2)
    stream.publish([("k", b"%d" % i) for i in range(10)], partition=1)
    for group, offset in (("g", 8), ("somebody else", 6)):
        consumer = stream.consumer(group)
        read(consumer, 10)
        consumer.commit({1: offset})
        consumer.close()
    day = Retention(24, 0)
    with closing(records_at(f"sqlite:///{tmp_path}/records.db", durability="process")) as records:
        gone = [
            prune_stream(records, stream, ["g"], day, hours * HOUR_US, float("inf"))
            for hours in (0, 20, 25, 26)
        ]
    assert gone == [0, 0, 6, 0]
    assert stream.begin_offsets() == {0: 0, 1: 6}
    assert slowest(stream, ["g"])[1] == Slowest("somebody else", 6)

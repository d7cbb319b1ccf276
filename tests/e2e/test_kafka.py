"""Kafka streams on a broker that is killed, that wants a password, whose topics are deleted."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from kafka.coordinator.base import BaseCoordinator

from deploying import deploy, eventually, log_of, make_project, stream_trigger, workers_of
from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.local import Runner
from modelmon.model import Message
from modelmon.serving.publisher import Publisher
from modelmon.settings import Settings
from modelmon.stages.controller import ProjectStreams
from modelmon.streams import Consumer, Stream, kafka_consumer, open_stream
from services import install, kafka
from services.kafka import KafkaBroker

pytestmark = kafka.needs_kafka("kafka-faults", install.KAFKA_VERSION, install.KAFKA_4_VERSION)
PATIENCE_SECONDS = 60.0
SETTINGS = kafka.SETTINGS
HASTY = SETTINGS.changed(kafka_timeout_seconds=1.5)
SASL = SETTINGS.changed(
    kafka_security_protocol="SASL_PLAINTEXT",
    kafka_sasl_mechanism="PLAIN",
    kafka_sasl_username=kafka.USER,
    kafka_sasl_password=kafka.PASSWORD,
)


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    broker = KafkaBroker()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def streams(broker: KafkaBroker) -> Iterator[list[Stream]]:
    """What is put into it is closed at the end."""
    opened: list[Stream] = []
    yield opened
    for stream in opened:
        stream.close()


def read_all(stream: Stream, group: str = "all") -> list[Message]:
    """All messages of a stream that nobody writes to any more."""
    consumer = stream.consumer(group)
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(messages) < sum(stream.end_offsets().values()):
        assert time.monotonic() < deadline, "the stream says it has more messages than it gives"
        messages += consumer.poll(10_000, 0.2)
    consumer.close()
    return messages


# A broker that is down


def test_a_broker_that_is_not_there_is_unavailable_by_name_and_says_its_time():
    with pytest.raises(UnavailableError, match=r"1:1/events: could not describe the topic within 1\.5 s"):
        open_stream("kafka://127.0.0.1:1/events", settings=HASTY)


def test_a_broker_that_is_down_or_frozen_is_unavailable_within_the_time_until_it_is_back(broker, streams):
    stream = open_stream(f"{broker.url}/down", settings=HASTY)
    streams.append(stream)
    publish_again(stream, [("k", b"1")])
    consumer = stream.consumer("g")
    read_until(consumer, b"1")
    for goes, comes_back in ((broker.freeze, broker.thaw), (broker.kill, broker.start)):
        goes()
        try:
            check_unavailable(stream, consumer)
        finally:
            comes_back()
    publish_again(stream, [("k", b"2")])
    patient = open_stream(stream.url, settings=SETTINGS)
    streams.append(patient)
    assert [message.body for message in read_all(patient)] == [b"1", b"2"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while dict(patient.committed("g")) != {0: 2}:  # a group that missed its member asks it to begin again
        assert time.monotonic() < deadline, "what the broker did not hear is not committed in the end"
        with suppress(UnavailableError):
            messages = consumer.poll(10, 0.2)
            consumer.commit({message.partition: message.offset + 1 for message in messages})


def check_unavailable(stream: Stream, consumer: Consumer) -> None:
    for call in (
        lambda: stream.publish([("k", b"lost")]),
        stream.end_offsets,
        lambda: consumer.commit({0: 1}),
        lambda: [consumer.poll(1, 0.5) for _ in range(10)],
        lambda: open_stream(stream.url, settings=HASTY),
    ):
        with pytest.raises(UnavailableError, match="down: could not"):
            call()


def test_who_leaves_a_broker_that_is_down_leaves_it_as_it_is_and_no_thread(broker):
    before = set(threading.enumerate())
    stream = open_stream(f"{broker.url}/left", settings=HASTY)
    publish_again(stream, [("k", b"1")])
    read_until(stream.consumer("g"), b"1")
    broker.freeze()
    try:
        stream.close()
    finally:
        broker.thaw()  # it could not answer before
    assert set(threading.enumerate()) == before


def read_until(consumer: Consumer, body: bytes) -> None:
    """Read until the message with this body came."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert time.monotonic() < deadline, f"{body!r} does not come"
        with suppress(UnavailableError):  # told once more for what was met while nobody asked
            if any(message.body == body for message in consumer.poll(10, 0.2)):
                return


def publish_again(stream: Stream, records: list[tuple[str, bytes]]) -> int:
    """Publish, as often as it takes; returns how many tries failed."""
    for tries in range(100):
        try:
            stream.publish(records)
            return tries
        except UnavailableError:
            time.sleep(0.05)  # what is down may say so at once
    raise AssertionError("the broker does not come back")


def test_a_broker_killed_under_load_loses_nothing_and_doubles_only_what_failed(broker, streams):
    stream = open_stream(f"{broker.url}/killed", 3, settings=SETTINGS.changed(kafka_timeout_seconds=3.0))
    streams.append(stream)
    failed: Counter[int] = Counter()
    sent = 0
    stop = threading.Event()

    def publish() -> None:
        nonlocal sent
        while not stop.is_set():
            failed[sent] = publish_again(stream, [(f"k{n}", b"%d %d" % (sent, n)) for n in range(20)])
            sent += 1

    thread = threading.Thread(target=publish)
    thread.start()
    for _ in range(3):
        reached = sent + 30
        while sent < reached and thread.is_alive():
            time.sleep(0.005)  # between looks, to leave the processor to who publishes
        broker.kill()
        broker.start()
    reached = sent + 30
    while sent < reached and thread.is_alive():
        time.sleep(0.005)
    stop.set()
    thread.join()
    found: Counter[tuple[int, int]] = Counter()
    last: dict[str, tuple[int, int]] = {}
    patient = open_stream(stream.url, settings=SETTINGS)
    streams.append(patient)
    for message in sorted(read_all(patient), key=lambda message: (message.partition, message.offset)):
        batch, number = map(int, message.body.split())
        found[batch, number] += 1
        assert last.get(message.key, (-1, -1))[0] <= batch, "a key lost its order"
        last[message.key] = (batch, number)
    assert set(found) == {(batch, number) for batch in range(sent) for number in range(20)}
    for (batch, _), times in found.items():
        assert times <= 1 + failed[batch]
    print(f"sent {sent * 20}, stored {sum(found.values())}, lost 0, tries that failed {sum(failed.values())}")


# Groups


def test_a_member_that_joins_again_over_several_polls_reads_on(broker, streams, monkeypatch):
    stream = open_stream(f"{broker.url}/grows", settings=SETTINGS)
    streams.append(stream)
    stream.publish([("k", b"1")])
    consumer = stream.consumer("g")
    read_until(consumer, b"1")
    join = BaseCoordinator._do_join_and_sync_async

    async def join_slowly(coordinator: BaseCoordinator) -> bytes:
        assignment = await join(coordinator)
        await coordinator._net.sleep(1.5 * kafka_consumer.READ_SECONDS)
        return assignment

    monkeypatch.setattr(BaseCoordinator, "_do_join_and_sync_async", join_slowly)
    consumer.commit({0: 1})
    kafka.add_partitions(stream.url, 2)
    grown = open_stream(stream.url, settings=SETTINGS)
    streams.append(grown)
    consumer._topic._known = grown._description  # type: ignore[attr-defined]  # as if opened with two
    consumer._consumer._manager.cluster.request_update()  # type: ignore[attr-defined]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while consumer.assignment != {0, 1}:
        assert time.monotonic() < deadline, "it did not join again"
        consumer.poll(1, 0.05)
    stream.publish([("k", b"2")])
    read_until(consumer, b"2")


# Topics


def test_a_deleted_topic_is_not_brought_back_by_who_still_uses_it(broker, streams):
    url = f"{broker.url}/deleted"
    stream = open_stream(url, 2, settings=SETTINGS)
    streams.append(stream)
    stream.publish([("k", b"1")])
    consumer = stream.consumer("g")
    read_until(consumer, b"1")
    kafka.delete_topic(url)
    calls = (lambda: stream.publish([("k", b"2")]), lambda: consumer.poll(1, 1.0), stream.end_offsets)
    until = time.monotonic() + 2.0  # its clients go on asking for it meanwhile
    while time.monotonic() < until:
        for call in calls:
            with pytest.raises(ConfigError, match="deleted"):
                call()


def test_a_deleted_topic_stays_away_from_who_may_not_make_it(broker, streams):
    url = f"{broker.url}/refused"
    refusing = SETTINGS.changed(kafka_missing_topic="refuse")
    streams.append(open_stream(url, settings=SETTINGS))
    streams.append(open_stream(url, settings=refusing))
    kafka.delete_topic(url)
    for _ in range(3):
        with pytest.raises(ConfigError, match=r"refused: there is no such stream, or it was deleted"):
            open_stream(url, settings=refusing)
    made = open_stream(url, settings=SETTINGS)
    streams.append(made)
    again = open_stream(url, settings=refusing)
    streams.append(again)
    assert again.stream_id == made.stream_id != streams[0].stream_id


def test_a_controller_and_a_publisher_do_not_bring_a_deleted_topic_back(broker, tmp_path):
    settings = replace(
        SETTINGS, project="gone", stream_path=broker.url, records_url=f"sqlite:///{tmp_path}/records.db"
    )
    streams = ProjectStreams(settings)
    connect = Publisher(settings.events_url, settings)._connect
    connect().close()
    kafka.delete_topic(settings.events_url)
    for opens in (streams.events, connect):
        with pytest.raises(ConfigError, match="gone-events: there is no such stream"):
            opens()
    streams.close()


def test_a_function_whose_topic_is_deleted_stays_down_until_somebody_begins_anew(broker, tmp_path):
    project = make_project(tmp_path / "stays", stream_path=broker.url)
    deploy(project, "reader", "def handler(context, event): pass", {"events": stream_trigger()})
    url = Settings.load(project).events_url
    runner = Runner(project)
    for _ in range(2):
        runner.start()
        eventually(lambda: url.rpartition("/")[2] in topics(broker))
        kafka.delete_topic(url)
        eventually(lambda: workers_of(project, "reader")[0]["restarts"] >= 3)
        assert "there is no such stream, or it was deleted" in log_of(project, "reader")
        assert url.rpartition("/")[2] not in topics(broker)
        runner.stop(within_seconds=1)


def topics(broker: KafkaBroker) -> list[str]:
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
    found: list[str] = admin.list_topics()
    admin.close()
    return found


def test_partitions_that_are_added_stop_who_reads_and_not_who_publishes(broker, streams):
    stream = open_stream(f"{broker.url}/wider", 2, settings=SETTINGS)
    streams.append(stream)
    stream.publish([("k", b"1")])
    consumer = stream.consumer("g")
    read_until(consumer, b"1")
    kafka.add_partitions(stream.url, 4)
    calls = (
        stream.end_offsets,
        lambda: stream.committed("g"),
        lambda: stream.lag("g"),
        lambda: [consumer.poll(1, 0.2) for _ in range(10)],
    )
    for call in calls:
        with pytest.raises(ConfigError, match="has 4 partitions, it had 2 when it was opened"):
            call()
    stream.publish([("k", b"2")])
    consumer.close()
    anew = open_stream(stream.url, settings=SETTINGS)
    streams.append(anew)
    anew.publish([("k", b"3")], partition=3)
    assert sorted(message.body for message in read_all(anew)) == [b"1", b"2", b"3"]


def test_a_session_longer_than_the_brokers_take_is_a_config_error(broker, streams):
    stream = open_stream(f"{broker.url}/session", settings=SETTINGS.changed(kafka_session_seconds=7_200.0))
    streams.append(stream)
    consumer = stream.consumer("g")
    with pytest.raises(ConfigError, match=r"don't take kafka_session_seconds 7200"):
        [consumer.poll(1, 0.2) for _ in range(100)]


def test_a_group_beyond_the_end_of_its_topic_stops(broker, streams):
    from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition

    stream = open_stream(f"{broker.url}/behind", settings=SETTINGS)
    streams.append(stream)
    stream.publish([("k", b"1")])
    admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
    admin.alter_group_offsets("g", {TopicPartition("behind", 0): OffsetAndMetadata(7, "", -1)})
    admin.close()
    consumer = stream.consumer("g")
    with pytest.raises(ConfigError, match=r"'g' has committed offset 7, but partition 0 .* ends at 1"):
        consumer.poll(1, PATIENCE_SECONDS)


def test_a_message_too_large_for_its_topic_is_refused_before_anything_is_written(broker, streams):
    small = SETTINGS.changed(kafka_max_message_bytes=2_000)
    open_stream(f"{broker.url}/small", settings=small).close()
    stream = open_stream(f"{broker.url}/small", settings=SETTINGS)
    streams.append(stream)
    with pytest.raises(RejectedError, match="2001 bytes with its key, at most 1872") as refused:
        stream.publish([("k", b"1"), ("k", b"x" * 2_000)])
    assert refused.value.field == "body"
    assert stream.end_offsets() == {0: 0}
    stream.publish([("k", b"x" * 1_871)] * 5)
    assert stream.end_offsets() == {0: 5}


def test_compressed_messages_come_back_as_they_were(broker, streams):
    stream = open_stream(f"{broker.url}/gzip", settings=SETTINGS.changed(kafka_compression="gzip"))
    streams.append(stream)
    records = [("k", b"%d " % number * 500) for number in range(50)]
    stream.publish(records)
    assert [(message.key, message.body) for message in read_all(stream)] == records


def test_a_compression_without_its_library_is_refused(broker, streams):
    pytest.importorskip("kafka")
    from kafka.codec import has_snappy

    stream = open_stream(f"{broker.url}/snappy", settings=SETTINGS.changed(kafka_compression="snappy"))
    streams.append(stream)
    if not has_snappy():
        with pytest.raises(ConfigError, match="kafka_compression: snappy needs its library"):
            stream.publish([("k", b"1")])


# Credentials


def test_a_user_with_a_password_publishes_and_reads(broker, streams, caplog):
    with caplog.at_level(logging.DEBUG, logger="kafka"):
        stream = open_stream(f"{broker.sasl_url}/secret", settings=SASL)
        streams.append(stream)
        stream.publish([("k", b"1")])
        assert [message.body for message in read_all(stream)] == [b"1"]
    assert kafka.PASSWORD not in caplog.text
    assert "Sasl" in caplog.text or "SASL" in caplog.text, "the log of kafka-python was looked at"


def test_a_wrong_password_is_a_config_error_that_does_not_show_it(broker, caplog):
    wrong = SASL.changed(kafka_sasl_password="not-the-password-9")
    before = set(threading.enumerate())
    with caplog.at_level(logging.DEBUG, logger="kafka"):
        for _ in range(5):
            with pytest.raises(ConfigError, match=r"refused user 'modelmon'.*check kafka_sasl_") as refused:
                open_stream(f"{broker.sasl_url}/secret", settings=wrong)
    assert "not-the-password-9" not in f"{refused.value!r} {refused.value} {caplog.text} {wrong}"
    assert set(threading.enumerate()) == before


def test_who_is_refused_after_the_broker_came_back_is_told(broker, streams):
    guest = SASL.changed(kafka_sasl_username=kafka.GUEST)
    stream = open_stream(f"{broker.sasl_url}/guest", settings=guest)
    streams.append(stream)
    publish_again(stream, [("k", b"1")])
    consumer = stream.consumer("g")
    read_until(consumer, b"1")
    broker.kill()
    broker.forget_guest()
    broker.start()
    for call in (
        lambda: stream.publish([("k", b"2")]),
        lambda: consumer.commit({0: 1}),
        lambda: [consumer.poll(1, 0.5) for _ in range(10)],
    ):
        with pytest.raises(ConfigError, match="refused user 'guest'"):
            call()


def test_a_client_without_credentials_can_not_use_a_listener_that_wants_them(broker):
    with pytest.raises(UnavailableError, match="over PLAINTEXT"):
        open_stream(f"{broker.sasl_url}/secret", settings=HASTY)


# Kafka 4


def test_kafka_4_keeps_the_port_s_promises():
    broker = KafkaBroker(install.KAFKA_4_VERSION)
    try:
        broker.start()
        check_port(f"{broker.url}/events", SETTINGS)
    finally:
        broker.stop()


def check_port(url: str, settings: Settings) -> None:
    """The port's promises in one go: order, groups, commit, lag, prune, identity."""
    stream = open_stream(url, 2, settings=settings)
    stream.publish([(f"k{n % 5}", b"%d" % n) for n in range(100)])
    one, other = stream.consumer("g"), stream.consumer("g")
    seen: list[int] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(stream.lag("g").values()) or len(one.assignment) != 1 or len(other.assignment) != 1:
        assert time.monotonic() < deadline
        for consumer in (one, other):
            messages = consumer.poll(10, 0.05)
            seen += [int(message.body) for message in messages]
            consumer.commit({message.partition: message.offset + 1 for message in messages})
    assert sorted(seen) == list(range(100))
    ends = stream.end_offsets()
    stream.prune({0: ends[0] - 1})
    one.close()
    other.close()
    kept = [message for message in read_first(stream, 1 + ends[1]) if message.partition == 0]
    assert [message.offset for message in kept] == [ends[0] - 1]
    kafka.delete_topic(url)
    with pytest.raises(ConfigError, match="deleted"):
        stream.publish([("k", b"1")])
    anew = open_stream(url, 2, settings=settings)
    assert anew.stream_id != stream.stream_id
    anew.close()
    stream.close()


def read_first(stream: Stream, count: int) -> list[Message]:
    consumer = stream.consumer("first")
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(messages) < count and time.monotonic() < deadline:
        messages += consumer.poll(1_000, 0.1)
    consumer.close()
    return messages

"""The publisher: bounded, never waiting, in order, numbered, and honest about what it lost."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import pytest
from msgspec import structs

from modelmon import wire
from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.model import Message
from modelmon.serving import publisher as publishing
from modelmon.serving import tracking_of
from modelmon.serving.messages import MAX_BYTES, Messages
from modelmon.serving.publisher import Publisher
from modelmon.serving.recorder import Call, Logged, Source, copied
from modelmon.settings import Settings
from modelmon.streams import Consumer, Record, Stream, open_stream
from modelmon.streams.partitioned import PartitionedStream
from unit.serving_support import NOON_US, any_stream, events_on, eventually, messages_on, serve


def source(endpoint_id: str = "e1") -> Source:
    return Source(
        endpoint_id=endpoint_id,
        endpoint_name="m",
        function_uri="p/f",
        model_class="M",
        version="",
        labels={},
        inputs=None,
        outputs=None,
        host="h",
        sampling_percentage=100.0,
    )


def event(number: int, endpoint_id: str = "e1", text: str = "") -> Logged:
    request = copied({"inputs": [[number, text]]})
    return Logged(
        source(endpoint_id), Call("infer", "r", NOON_US), 1, request, b'{"outputs":[1]}', None, None
    )


@contextmanager
def log_down(stream: Stream, partition: int) -> Iterator[list[int]]:
    """One partition of a memory stream can't be written; gives the tries."""
    assert isinstance(stream, PartitionedStream)
    log, tries = stream._logs[partition], []

    def refuse(records: Sequence[Record]) -> None:
        tries.append(len(records))
        raise UnavailableError("the disk is full")

    log.append, before = refuse, log.append  # type: ignore[method-assign]
    yield tries
    log.append = before  # type: ignore[method-assign]


class Gate(Stream):
    """A memory stream that answers with `error` while there is one, and holds the publisher while shut."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.inner = open_stream(url)
        self.error: Exception | None = None
        self.refuses: Callable[[bytes], bool] = lambda body: False
        self.open = threading.Event()
        self.open.set()
        self.tries = 0
        self.calls: list[int] = []

    stream_id = property(lambda self: self.inner.stream_id)
    partitions = property(lambda self: self.inner.partitions)

    def publish(self, records: Sequence[Record], partition: int | None = None) -> None:
        self.tries += 1
        self.open.wait(30)
        if self.error:
            raise self.error
        if any(self.refuses(body) for _, body in records):
            raise RejectedError("too long")
        self.inner.publish(records)
        self.calls.append(len(records))

    def consumer(self, group: str) -> Consumer:
        return self.inner.consumer(group)

    def end_offsets(self) -> Mapping[int, int]:
        return self.inner.end_offsets()

    def committed(self, group: str) -> Mapping[int, int]:
        return self.inner.committed(group)

    def begin_offsets(self) -> Mapping[int, int]:
        return self.inner.begin_offsets()

    def read(self, partition: int, start: int, end: int, max_messages: int) -> Sequence[Message]:
        return self.inner.read(partition, start, end, max_messages)

    def groups(self) -> Collection[str]:
        return self.inner.groups()

    def prune(self, before: Mapping[int, int]) -> None:
        self.inner.prune(before)

    def close(self) -> None: ...


def settings(**values: Any) -> Settings:
    quick = {
        "publish_flush_seconds": 0.02,
        "unavailable_first_wait_seconds": 0.001,
        "unavailable_max_wait_seconds": 0.01,
    }
    return Settings.load(project="p", environ={}, **(quick | values))


def publisher_on(gate: Gate, *, batch: int = 1, **values: Any) -> Publisher:
    return Publisher(gate.url, settings(**values), batch=batch, connect=lambda: gate)


def numbers(items: Sequence[Any]) -> list[int]:
    return [item.number for item in items]


def values(items: Sequence[Any]) -> list[Any]:
    return [item.inputs[0][0] for item in items]


def test_events_come_in_order_numbered_from_1_for_each_endpoint() -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate)
    for number in range(100):
        publisher.put(event(number, endpoint_id=f"e{number % 2}"))
    publisher.close()
    for endpoint in range(2):
        found = [item for item in events_on(gate.url) if item.endpoint_id == f"e{endpoint}"]
        assert values(found) == list(range(endpoint, 100, 2))
        assert numbers(found) == list(range(1, 51))
        assert {item.publisher_id for item in found} == {publisher.publisher_id}


def test_what_is_held_goes_out_without_being_asked() -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate, batch=1000)
    publisher.put(event(1))
    assert eventually(lambda: publisher.stats()["published"] == 1)
    assert publisher.stats()["held"] == 0
    publisher.close()


def test_batch_events_are_one_message_and_the_rest_goes_at_the_stop() -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate, batch=4, publish_flush_seconds=60)
    for number in range(10):
        publisher.put(event(number))
    publisher.close()
    bodies = [json.loads(message.body) for message in messages_on(gate.url)]
    assert [len(body["events"]["id"]) for body in bodies] == [4, 4, 2]
    assert values(events_on(gate.url)) == list(range(10))
    assert publisher.stats()["messages"] == 3


def test_a_batch_is_of_one_endpoint() -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate, batch=10, publish_flush_seconds=60)
    for endpoint in ("a", "b", "a"):
        publisher.put(event(1, endpoint))
    publisher.close()
    found = {message.key: json.loads(message.body) for message in messages_on(gate.url)}
    assert {key: (body["endpoint_id"], body["publisher"]["number"]) for key, body in found.items()} == {
        "a": ("a", 1), "b": ("b", 1),
    }  # fmt: skip
    assert [len(found[key]["events"]["id"]) for key in "ab"] == [2, 1]


def test_an_error_among_batched_events_stays_in_its_place() -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate, batch=10, publish_flush_seconds=60)
    for number in range(1, 6):
        failed = structs.replace(event(number), error="broken", response=b"")
        publisher.put(failed if number == 3 else event(number))
    publisher.close()
    assert publisher.stats()["messages"] == 1
    found = events_on(gate.url)
    assert numbers(found) == [1, 2, 3, 4, 5]
    assert [type(each) for each in found] == [
        wire.ServingEvent, wire.ServingEvent, wire.ErrorEvent, wire.ServingEvent, wire.ServingEvent,
    ]  # fmt: skip


def test_a_message_is_cut_before_it_grows_too_long_for_a_broker() -> None:
    messages = Messages(batch=1000)
    long = b'"' + b"x" * (MAX_BYTES // 3) + b'"'
    out = [message for _ in range(7) for message in messages.add("e", long)] + messages.rest()
    assert [events for _, events in out] == [2, 2, 2, 1]
    assert messages.held == 0


def test_a_full_buffer_drops_counts_and_leaves_a_gap_in_the_numbers() -> None:
    gate = Gate(any_stream())
    gate.open.clear()
    publisher = publisher_on(gate, publish_buffer_events=10)
    for number in range(25):
        publisher.put(event(number))
    assert publisher.stats()["held"] == 10
    gate.open.set()
    assert eventually(lambda: publisher.stats()["held"] == 0)
    publisher.put(event(99))
    publisher.close()
    assert publisher.stats()["dropped"] == 15
    assert numbers(events_on(gate.url)) == [*range(1, 11), 26]


def test_the_buffer_is_bounded_in_bytes_too_in_every_form() -> None:
    gate = Gate(any_stream())
    gate.open.clear()
    publisher = publisher_on(gate, publish_buffer_bytes=1_000_000)
    tracemalloc.start()
    for number in range(500):
        publisher.put(event(number, text="x" * 100_000))
    eventually(lambda: gate.tries > 0)
    time.sleep(0)
    held, peak = publisher.stats()["held"], tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held == 9  # of 100,512 and a few bytes each
    assert peak < 4_000_000
    gate.open.set()
    assert eventually(lambda: publisher.stats()["held"] == 0)
    publisher.put(event(99))  # there is room again
    publisher.close()
    assert publisher.stats() | {"publisher": ""} == {
        "publisher": "", "held": 0, "published": 10, "messages": 10, "dropped": 491, "unreadable": 0,
        "bad_timestamps": 0, "misfits": 0,
    }  # fmt: skip


def test_an_event_larger_than_the_buffer_is_dropped_and_the_others_go_on() -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate, batch=3, publish_buffer_bytes=5_000)
    publisher.put(event(1))
    publisher.put(event(2, text="x" * 10_000))
    publisher.put(event(3))
    publisher.close()
    assert numbers(events_on(gate.url)) == [1, 3]
    assert publisher.stats()["dropped"] == 1


def test_an_error_of_any_length_counts_with_its_length() -> None:
    gate = Gate(any_stream())
    gate.open.clear()
    publisher = publisher_on(gate, publish_buffer_bytes=100_000)
    for _ in range(5):
        publisher.put(structs.replace(event(1), error="x" * 40_000, response=b""))
    assert publisher.stats()["held"] == 2
    gate.open.set()
    publisher.close()


def test_while_one_partition_is_down_nothing_is_published_twice_and_the_others_get_theirs() -> None:
    url = any_stream()
    stream = open_stream(url, 2)
    publisher = Publisher(url, settings(), connect=lambda: stream)
    with log_down(stream, crc32(b"a") % 2) as tried:
        for number in range(40):
            publisher.put(event(number, endpoint_id="af"[number % 2]))
        assert eventually(lambda: len(tried) >= 3)
        assert eventually(lambda: publisher.stats()["published"] == 20)
        publisher.put(event(41, endpoint_id="f"))  # of an endpoint that can be served
        assert eventually(lambda: publisher.stats()["published"] == 21)
    assert eventually(lambda: publisher.stats()["held"] == 0)
    publisher.close()
    found = events_on(url)
    assert sorted((item.endpoint_id, item.number) for item in found) == sorted(
        [("a", number) for number in range(1, 21)] + [("f", number) for number in range(1, 22)]
    )


def test_a_stop_while_the_thread_empties_the_buffer_counts_each_event_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_encode, go_on = threading.Event(), threading.Event()
    encode = publishing.encode

    def slow(*arguments: Any) -> Any:
        in_encode.set()
        go_on.wait(30)
        return encode(*arguments)

    monkeypatch.setattr(publishing, "encode", slow)
    gate = Gate(any_stream())
    publisher = publisher_on(gate)
    for number in range(3):
        publisher.put(event(number))
    assert in_encode.wait(30)
    thread = publisher._thread
    publisher.close(0)
    go_on.set()
    assert thread is not None
    thread.join(30)
    assert (publisher.stats()["dropped"], publisher.stats()["published"]) == (3, 0)
    assert publisher.stats()["held"] == 0


def test_an_event_that_waits_in_a_batch_counts_as_held() -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate, batch=1000, publish_buffer_events=8, publish_flush_seconds=60)
    for number in range(8):
        publisher.put(event(number))
    # Half a buffer waiting for a batch that is larger than the buffer goes out before the hour.
    assert eventually(lambda: publisher.stats()["held"] < 8)
    publisher.close()
    assert publisher.stats()["dropped"] == 0


def test_while_the_stream_is_down_events_wait_and_then_all_come() -> None:
    gate = Gate(any_stream())
    gate.error = UnavailableError("the broker is down")
    publisher = publisher_on(gate)
    for number in range(5):
        publisher.put(event(number))
    assert eventually(lambda: gate.tries >= 3)
    assert publisher.stats() | {"publisher": ""} == {
        "publisher": "", "held": 5, "published": 0, "messages": 0, "dropped": 0, "unreadable": 0,
        "bad_timestamps": 0, "misfits": 0,
    }  # fmt: skip
    gate.error = None
    assert eventually(lambda: publisher.stats()["held"] == 0)
    publisher.close()
    assert values(events_on(gate.url)) == list(range(5))


@pytest.mark.parametrize("error", [ConfigError("made anew"), OSError("a bug")])
def test_a_stream_that_is_gone_is_opened_anew(error: Exception) -> None:
    gate = Gate(any_stream())
    gate.error = error
    connections = []
    publisher = Publisher(gate.url, settings(), connect=lambda: connections.append(1) or gate)  # type: ignore[func-returns-value]
    publisher.put(event(1))
    assert eventually(lambda: gate.tries >= 2)
    gate.error = None
    assert eventually(lambda: publisher.stats()["published"] == 1)
    publisher.close()
    assert (len(connections) > 1) == isinstance(error, ConfigError)


def test_a_stream_that_can_not_be_opened_is_tried_again() -> None:
    gate = Gate(any_stream())
    tries = []

    def connect() -> Stream:
        tries.append(1)
        if len(tries) < 3:
            raise UnavailableError("no route")
        return gate

    publisher = Publisher(gate.url, settings(), connect=connect)
    publisher.put(event(1))
    assert eventually(lambda: publisher.stats()["published"] == 1)
    publisher.close()


def test_a_message_that_the_stream_refuses_costs_only_itself() -> None:
    gate = Gate(any_stream())
    gate.refuses = lambda body: b"poison" in body
    publisher = publisher_on(gate, publish_flush_seconds=60)
    for number in range(6):
        publisher.put(event(number, text="poison" if number in (0, 3) else ""))
    publisher.close()
    assert values(events_on(gate.url)) == [1, 2, 4, 5]
    assert (publisher.stats()["unreadable"], publisher.stats()["held"]) == (2, 0)


def test_an_event_that_can_not_be_written_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate)
    bad = Logged(source(), Call("infer", "r", NOON_US), 1, copied({"inputs": [[1]]}), b"not json", None, None)
    with caplog.at_level(logging.WARNING):
        for each in (event(1), bad, bad, event(2)):
            publisher.put(each)
        publisher.close()
    assert values(events_on(gate.url)) == [1, 2]
    assert publisher.stats()["unreadable"] == 2
    assert len(caplog.records) <= 2  # not a line for each


def test_close_gives_up_after_its_time_and_counts_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(any_stream())
    gate.error = UnavailableError("the broker is down")
    publisher = publisher_on(gate)
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            publisher.put(event(number))
        publisher.close(0.2)
    assert publisher.stats()["dropped"] == 5
    assert "5 events were not logged" in caplog.text
    publisher.put(event(6))  # late: dropped, never an error
    assert publisher.stats()["dropped"] == 6


def test_close_does_not_wait_for_a_stream_that_hangs() -> None:
    gate = Gate(any_stream())
    gate.open.clear()
    publisher = publisher_on(gate)
    publisher.put(event(1))
    publisher.close(0.1)
    publisher.close(0.1)
    assert publisher.stats()["dropped"] == 1
    gate.open.set()


def test_a_stream_that_hangs_is_an_outage_before_it_has_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "STALLED_SECONDS", 0.0)
    gate = Gate(any_stream())
    publisher = publisher_on(gate)
    assert publisher.outage == ""
    gate.open.clear()
    publisher.put(event(1))
    assert eventually(lambda: "has taken no events for" in publisher.outage)
    gate.open.set()
    assert eventually(lambda: publisher.stats()["held"] == 0 and publisher.outage == "")
    publisher.close()


def test_rows_that_do_not_fit_together_are_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate)
    named = structs.replace(source(), inputs=("a", "b"))

    def put(inputs: Any, outputs: str) -> None:
        request = copied({"inputs": inputs})
        call = Call("infer", "r", NOON_US)
        publisher.put(Logged(named, call, 1, request, f'{{"outputs":{outputs}}}'.encode(), None, None))

    put([[1, 2], [3, 4]], "[0]")
    put([[1, 2]], "[[0],[1]]")
    put([[1]], "[0]")
    put([1, 2, 3], "[0]")
    for inputs, outputs in [([[1, 2]], "[0]"), ([1, 2], "[0,1,2]"), ([{"a": 1, "b": 2}], "[0]")]:
        put(inputs, outputs)
    with caplog.at_level(logging.WARNING):
        publisher.close()
    assert (publisher.stats()["misfits"], publisher.stats()["published"]) == (4, 7)
    assert [record.message for record in caplog.records] == [
        "model m answered a request with 1 output for 2 rows; it is logged as far as it goes (1 so far)"
    ]


def test_drops_are_reported_once_a_minute_not_once_each(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(any_stream())
    gate.open.clear()
    publisher = publisher_on(gate, publish_buffer_events=1)
    with caplog.at_level(logging.WARNING):
        for number in range(1000):
            publisher.put(event(number))
        gate.open.set()
        publisher.close()
    assert 1 <= len(caplog.records) <= 2


def test_a_request_never_waits_for_a_stream_that_hangs() -> None:
    gate = Gate(any_stream())
    gate.open.clear()
    publisher = publisher_on(gate, publish_buffer_events=100)
    for number in range(2000):
        publisher.put(event(number))
    assert gate.calls == []  # whoever waits goes on when the stream does
    gate.open.set()
    publisher.close()


def test_threads_that_publish_together_lose_nothing() -> None:
    gate = Gate(any_stream())
    publisher = publisher_on(gate, publish_buffer_events=10_000)

    def send(endpoint_id: str) -> None:
        for number in range(500):
            publisher.put(event(number, endpoint_id))

    threads = [threading.Thread(target=send, args=(f"e{place % 2}",)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publisher.close()
    found = events_on(gate.url)
    assert len(found) == 2000
    for endpoint in range(2):
        of_endpoint = [item.number for item in found if item.endpoint_id == f"e{endpoint}"]
        assert sorted(of_endpoint) == list(range(1, 1001))


FORKED = """
import os, sys
from modelmon.serving import *
from modelmon.settings import Settings
class Model(V2ModelServer):
    def predict(self, request): return [0]
spec = ServingSpec(project="p", function_name="f", models=[ModelSpec(key="m", class_name="Model")],
                   tracking=tracking_of(sys.argv[1]))
server = create_server(spec, Settings.load(project="p"), classes={"Model": Model})
ask = lambda who: server.test("/v2/models/m/infer", {"inputs": [[who]]})
for _ in range(3): ask("parent")
child = os.fork()
for _ in range(2): ask("child" if child == 0 else "parent")
server.close_now()
if child == 0: os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_worker_publishes_its_own_events_and_not_its_parents(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/events"
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED, url], check=True, timeout=60)
    found = events_of(url)
    who = {(item.inputs[0][0], item.publisher_id) for item in found}
    assert len(who) == 2
    for name, count in (("parent", 5), ("child", 2)):
        assert numbers([item for item in found if item.inputs[0][0] == name]) == list(range(1, count + 1))


KILLED = """
import os, sys
from modelmon.serving import *
from modelmon.settings import Settings
class Model(V2ModelServer):
    def predict(self, request): return [0]
spec = ServingSpec(project="p", function_name="f", models=[ModelSpec(key="m", class_name="Model")],
                   tracking=tracking_of(sys.argv[1]))
server = create_server(spec, Settings.load(project="p", publish_buffer_events=50), classes={"Model": Model})
for number in range(2000):
    server.test("/v2/models/m/infer", {"inputs": [[number]]})
print(server.stats()["dropped"], flush=True)
if sys.argv[2] == "kill": os.kill(os.getpid(), 9)
"""


def test_a_killed_server_loses_at_most_its_buffer(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/events"
    done = subprocess.run([sys.executable, "-c", KILLED, url, "kill"], capture_output=True, timeout=60)
    assert done.returncode == -9
    stored = numbers(events_of(url))
    assert stored == sorted(set(stored))
    assert len(stored) + int(done.stdout) >= 2000 - 50


def test_a_server_that_just_ends_publishes_what_it_holds(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/events"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, url, ""], capture_output=True, check=True, timeout=60
    )
    assert len(events_of(url)) + int(done.stdout) == 2000


def events_of(url: str) -> list[Any]:
    stream = open_stream(url, 2)
    count = sum(stream.end_offsets().values())
    consumer = stream.consumer("test")
    found: list[Any] = []
    while len(found) < count:
        found += consumer.poll(count, 20)
    consumer.close()
    stream.close()
    return [item for message in found for item in wire.read_message(message.body)]


def test_a_server_tells_what_its_publisher_did() -> None:
    url = any_stream()
    server = serve(tracking=tracking_of(url))
    server.test("/v2/models/m/infer", {"inputs": [[1]]})
    server.close_now()
    assert server.stats()["published"] == 1
    assert serve().stats() == {}

"""A message that takes longer to read than its size allows is a dead letter; good ones behind it go on."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from modelmon import wire
from modelmon.errors import RejectedError
from modelmon.model import Message
from modelmon.stages.stream import decode
from modelmon.stages.writer.incoming import read_messages
from modelmon.wire import allowance
from modelmon.wire.allowance import Allowance
from streaming import event, written


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "LEAST_SECONDS", 0.2)
    monkeypatch.setattr(allowance, "TICK_SECONDS", 0.05)


def in_python(_: bytes) -> list[Any]:
    while True:
        sum(range(1000))


def in_a_regular_expression(_: bytes) -> list[Any]:
    re.match("(a|b|ab)*c", "ab" * 40)
    return []


def stuck_at(reader: Any, mark: bytes) -> Any:
    return lambda body: in_python(body) if mark in body else reader(body)


@pytest.mark.slow
@pytest.mark.parametrize("reader", [in_python, in_a_regular_expression])
def test_a_reader_that_does_not_end_is_ended_and_the_next_one_reads(reader: Any) -> None:
    with Allowance() as given:
        for _ in range(2):
            with pytest.raises(RejectedError, match=r"than its size allows: 0\.2 s for 4 bytes"):
                given.read(reader, b"body")
        assert given.read(len, b"body") == 4
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_a_large_message_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "SECONDS_A_BYTE", 1.0)
    with Allowance() as given:
        assert given.read(lambda _: sum(range(20_000_000)), b"x" * 60) == 199999990000000


def test_in_another_thread_nothing_is_ended() -> None:
    found = []

    def read() -> None:
        with Allowance() as given:
            found.append(given.read(len, b"body"))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert found == [4]


def test_a_timer_of_somebody_else_is_left_alone() -> None:
    before = signal.signal(signal.SIGVTALRM, lambda *_: None)
    try:
        with Allowance() as given:
            assert given.read(len, b"body") == 4
            assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    finally:
        signal.signal(signal.SIGVTALRM, before)


def test_the_stream_function_sets_it_aside_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "read_message", stuck_at(wire.read_message, b"endless"))
    bed = written(tmp_path, event(), event([[["endless"]]]), event())
    assert bed.table("traffic", "stored", "rejected") == [(0, 1), (2, 0)]
    ((offset, item, reason),) = bed.letters("offset", "item", "reason")
    assert (offset, item) == (1, -1)
    assert "takes longer to read than its size allows" in reason


def test_the_writer_sets_it_aside_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "read_report", stuck_at(wire.read_report, b"endless"))
    bodies = (Path(__file__).parents[1] / "golden" / "wire" / "report.json").read_bytes(), b"endless"
    messages = [Message(0, offset, "", body) for offset, body in enumerate((*bodies, bodies[0]))]
    reading = read_messages(messages, "writer", "id", 0)
    assert len(reading.reports) == 2
    assert [(letter.offset, letter.item) for letter in reading.letters] == [(1, -1)]

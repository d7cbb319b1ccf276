"""Waiting for what is down."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from modelmon import waiting
from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.waiting import _Wait, away, back, when_available, when_awaitable

QUICK = Settings(unavailable_first_wait_seconds=0.001, unavailable_max_wait_seconds=0.004)
DOWN = UnavailableError("no answer")


def down_for(tries: int) -> Callable[[], str]:
    left = tries

    def action() -> str:
        nonlocal left
        left -= 1
        if left >= 0:
            raise DOWN
        return threading.current_thread().name

    return action


def test_the_result_comes_once_the_dependency_is_back_and_from_another_thread() -> None:
    assert asyncio.run(when_available(down_for(3), QUICK, "the records")) != threading.current_thread().name


def test_an_asynchronous_action_is_tried_again_too() -> None:
    action = down_for(2)

    async def later() -> str:
        return action()

    assert asyncio.run(when_awaitable(later, QUICK, "the records")) == threading.current_thread().name


def test_who_waits_waits_with_doubling_waits_up_to_the_longest() -> None:
    with _Wait(QUICK, "the records") as wait:
        assert [wait.next(DOWN) for _ in range(5)] == [0.001, 0.002, 0.004, 0.004, 0.004]


def test_the_log_says_what_is_waited_for_and_when_it_is_back_and_not_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        asyncio.run(when_available(down_for(50), QUICK, "the series"))
    first, last = [record.getMessage() for record in caplog.records]
    assert first == "waiting for the series: no answer"
    assert last.startswith("the series: back after")


def test_an_outage_that_several_notice_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        away("the ledger", "no answer")
        asyncio.run(when_available(down_for(3), QUICK, "the ledger"))
        back("the ledger")
    first, last = [record.getMessage() for record in caplog.records]
    assert first == "waiting for the ledger: no answer"
    assert last.startswith("the ledger: back after")


def test_a_long_outage_is_told_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([1000.0, 1030.0, 1061.0, 1090.0, 1125.0, 1125.0])
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    for _ in range(5):
        away("the samples", "no answer")
    back("the samples")
    assert [record.getMessage() for record in caplog.records] == [
        "waiting for the samples: no answer",
        "still waiting for the samples after 61 s: no answer",
        "still waiting for the samples after 125 s: no answer",
        "the samples: back after 125.0 s",
    ]


def test_an_outage_counts_from_the_call_that_got_no_answer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: now))
    action = down_for(1)

    def slow() -> str:
        nonlocal now
        now += 30.0  # until the driver gives up, and until the answer comes
        return action()

    assert asyncio.run(when_available(slow, QUICK, "the frozen"))
    for asked in (1050.0, 1020.0):  # who gives up later may have asked earlier
        away("the frozen", "no answer", asked)
    back("the frozen")
    assert [record.getMessage() for record in caplog.records] == [
        "waiting for the frozen: no answer",
        "the frozen: back after 60.0 s",
        "waiting for the frozen: no answer",
        "the frozen: back after 40.0 s",
    ]


def test_nothing_is_logged_where_nothing_was_down(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(when_available(down_for(0), QUICK, "the records"))
    assert caplog.records == []


def test_every_other_error_comes_out() -> None:
    def wrong() -> None:
        raise ConfigError("no such database")

    with pytest.raises(ConfigError):
        asyncio.run(when_available(wrong, QUICK, "the records"))

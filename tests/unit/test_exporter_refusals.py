"""A collector of OpenTelemetry that is down, slow, busy, or refuses what it gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmon.errors import ConfigError
from modelmon.ledger.exporting import OTLP, Export
from modelmon.settings import Settings
from modelmon.stages.exporter import Exporter
from modelmon.stages.exporter import exporter as exporter_module
from otlp_collector import Collector, Reply, partly
from unit.exporting_support import NOW, SECOND, Exporting, results, window


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture
def exporting(tmp_path: Path, collector: Collector) -> Iterator[Exporting]:
    found = Exporting(tmp_path, collector.address)
    yield found
    found.chain.close()


# --- a collector that does not take it


def test_a_collector_that_is_down_is_waited_for_and_gets_everything_in_order(tmp_path: Path) -> None:
    with Collector() as gone:
        pass
    exporting = Exporting(tmp_path, gone.address)
    exporting.judge(window(), window(1))
    told = exporting.tick()
    assert told["left"] == 2
    (reason,) = told["unavailable"].values()
    assert f"{gone.address}/v1/metrics does not answer" in reason
    assert told["progress"] == (2, 0)
    assert exporting.state().tries == 1
    with Collector(gone.port) as back:
        assert exporting.tick(NOW + SECOND)["left"] == 2, "the wait is not over"
        exporting.judge(window(2))
        told = exporting.tick(NOW + 60 * SECOND)
        assert (told["left"], told["unavailable"]) == (0, {})
        assert [number for number, _ in results(back.taken)] == [0, 1, 2]
    exporting.chain.close()
    assert exporting.state() == Export(OTLP, upto=3, sent=6)


def test_a_wait_gets_longer_and_has_an_end(exporting, collector) -> None:
    exporting.judge(window())
    collector.answers = lambda points: Reply(500)
    now, waits = NOW, []
    for _ in range(12):
        exporting.tick(now)
        waits.append(round((exporting.state().wait_until_us - now) / SECOND))
        now = exporting.state().wait_until_us
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-2:] == [300, 300]


def test_a_clock_that_went_back_does_not_make_the_wait_longer(exporting, collector) -> None:
    exporting.judge(window())
    collector.answers = lambda points: Reply(503, headers={"Retry-After": "100"})
    exporting.tick(NOW + 86_400 * SECOND)
    collector.answers = lambda points: Reply()
    assert exporting.tick(NOW)["sent"] == 2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("said", ["120", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_collector_that_says_when_to_come_again_is_left_alone_until_then(
    exporting, collector, status: int, said: str
) -> None:
    exporting.judge(window())
    collector.answers = lambda points: Reply(status, b"too much", {"Retry-After": said})
    (reason,) = exporting.tick()["unavailable"].values()
    assert f"answers {status}" in reason
    assert "too much" in reason
    seconds = 120 if said == "120" else 3600  # a date may be far: nobody is left alone for longer
    exporting.begin()  # it stands in the ledger
    exporting.tick(NOW + (seconds - 5) * SECOND)
    assert len(collector.requests) == 1
    collector.answers = lambda points: Reply()
    assert exporting.tick(NOW + (seconds + 5) * SECOND)["sent"] == 2


def test_a_point_that_is_refused_holds_up_no_other(exporting, collector) -> None:
    collector.answers = lambda points: Reply(400 if (1, 0.1) in results(points) else 200, b"out of order")
    for number in range(4):
        exporting.judge(window(number), value=number / 10)
    told = exporting.tick()
    assert [number for number, _ in results(collector.taken)] == [0, 2, 3]
    assert (told["sent"], told["refused"], told["left"]) == (6, 2, 0)
    assert (exporting.state().sent, exporting.state().refused) == (6, 2)
    exporting.judge(window(4))
    exporting.judge(window(5))
    exporting.tick()
    assert len(collector.requests[-1]) == 4, "after that they go together again"


def test_a_time_that_is_over_between_refused_windows_is_gone_on_from(
    exporting, collector, monkeypatch
) -> None:
    collector.answers = lambda points: Reply(400 if len(points) > 2 else 200)
    exporting.judge(*map(window, range(4)))
    times = iter(range(0, 1000, 10))
    monkeypatch.setattr(exporter_module.time, "monotonic", lambda: float(next(times)))
    ticks = 0
    while exporting.waiting().windows:
        exporting.tick()
        ticks += 1
    assert [number for number, _ in results(collector.taken)] == [0, 1, 2, 3]
    assert ticks > 1


@pytest.mark.slow
def test_what_a_partial_success_refuses_is_counted_and_told_of(exporting, collector, caplog) -> None:
    collector.answers = lambda points: partly(1, "too old")
    exporting.judge(window())
    told = exporting.tick()
    assert (told["sent"], told["refused"], told["left"]) == (1, 1, 0)
    assert "has refused 1 point: too old" in caplog.text
    exporting.tick()
    assert len(collector.requests) == 1


@pytest.mark.parametrize("status", [301, 401, 404, 502])
def test_a_wrong_address_or_key_loses_nothing(exporting, collector, status: int) -> None:
    exporting.judge(window())
    collector.answers = lambda points: Reply(status, headers={"Location": "/elsewhere"})
    assert exporting.tick()["left"] == 1
    assert set(collector.paths) == {"/v1/metrics"}
    collector.answers = lambda points: Reply()
    assert exporting.tick(NOW + 3600 * SECOND)["left"] == 0


def test_a_collector_that_says_nothing_is_given_up_after_the_timeout(tmp_path: Path, collector) -> None:
    exporting = Exporting(tmp_path, collector.address, otlp_timeout_seconds=0.2)
    exporting.judge(window())
    collector.answers = lambda points: Reply(hangs=True)
    (reason,) = exporting.tick()["unavailable"].values()
    assert "timed out" in reason
    exporting.chain.close()


# --- headers and settings


def test_headers_of_the_setting_are_sent_and_shown_nowhere(tmp_path: Path, collector, caplog) -> None:
    key = "s3cret-of-the-collector"
    exporting = Exporting(tmp_path, collector.address, otlp_headers=f"Authorization=Bearer%20{key},X-Scope=a")
    exporting.judge(window(), window(1))
    collector.answers = lambda points: Reply(503, f"not {key}, not Bearer {key}".encode())
    told = exporting.tick()
    collector.answers = lambda points: Reply(400, f"unknown: {key}".encode())
    exporting.tick(NOW + 60 * SECOND)
    assert collector.headers[0]["Authorization"] == f"Bearer {key}"
    assert collector.headers[0]["X-Scope"] == "a"
    exporting.chain.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for place in (repr(told), caplog.text, repr(exporting.chain.settings), stored.decode(errors="ignore")):
        assert key not in place


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"otlp_endpoint": "localhost:4318"}, "no http:// or https:// address"),
        ({"otlp_endpoint": "grpc://a:4317"}, "no http:// or https:// address"),
        ({"otlp_endpoint": "http://a:port"}, "no http:// or https:// address"),
        ({"otlp_endpoint": "https://me:s3cret@a"}, "put keys into otlp_headers"),
        ({"otlp_endpoint": "https://a?key=s3cret"}, "put keys into otlp_headers"),
        ({"otlp_headers": "Authorization"}, "number 1 is no header"),
        ({"otlp_headers": "a=1,b c=s3cret"}, "number 2 is no header"),
        ({"otlp_headers": "a=s3cret%0d%0ab"}, "number 1 is no header"),
        ({"otlp_prefix": "1st"}, "is no beginning of an instrument's name"),
        ({"otlp_interval_seconds": 0}, "at least 1"),
    ],
)
def test_a_wrong_setting_is_told_without_its_secrets(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as raised:
        Settings.load(environ={}, **wrong)
    assert "s3cret" not in str(raised.value)


def test_an_exporter_without_an_address_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="otlp_endpoint: it is empty"):
        Exporter.open(Settings.load(tmp_path, {}))

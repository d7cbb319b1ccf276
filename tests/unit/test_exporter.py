"""What a collector of OpenTelemetry gets of the windows of a chain; the collector is `otlp_collector`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import ledger_rows
from modelmon.ledger.exporting import OTLP, Backlog, Export, forget_export
from modelmon.ledger.sum_schema import SLOW_DRIFT
from modelmon.model import ValuePoint, to_us
from modelmon.sql.locks import EXPORTER
from modelmon.stages.exporter import exporter as exporter_module
from modelmon.stages.writer import writing
from modelmon.stages.writer.folding import FoldedResults
from modelmon.stores.series.base import SeriesStore
from otlp_collector import Collector, Point
from unit.exporting_support import Exporting, results, window
from unit.window_support import E1, E2, Chain, at, done, failed, metric, result


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture
def exporting(tmp_path: Path, collector: Collector) -> Iterator[Exporting]:
    found = Exporting(tmp_path, collector.address)
    yield found
    found.chain.close()


# --- what is sent


def test_results_and_metrics_have_the_names_and_attributes_of_mlrun(exporting, collector) -> None:
    exporting.judge(window())
    told = exporting.tick()
    common = {
        "project": "flights", "app.name": "app", "function.name": "serving", "endpoint.uid": E1,
        "endpoint.name": f"{E1}-name",
    }  # fmt: skip
    times = (at(0) * 1000, at(10) * 1000)
    verdict = {"result.name": "drift", "result.kind": "data_drift", "result.status": "detected"}
    assert collector.taken == [
        Point("mlrun.model_monitoring.result", 0.5, *times, {**common, **verdict}),
        Point("mlrun.model_monitoring.metric", 7.0, *times, {**common, "metric.name": "rows"}),
    ]
    assert (told["sent"], told["left"], told["unavailable"]) == (2, 0, {})
    assert collector.paths == ["/v1/metrics"]
    assert exporting.waiting() == Backlog(0, 0)


def test_an_attribute_that_says_nothing_is_left_out(exporting, collector) -> None:
    exporting.chain.endpoint(E1, function_name="")
    exporting.judge(window())
    exporting.tick()
    assert all("function.name" not in each.said for each in collector.taken)
    assert all(all(each.said.values()) for each in collector.taken)


def test_the_beginning_of_the_names_is_a_setting(tmp_path: Path, collector: Collector) -> None:
    exporting = Exporting(tmp_path, collector.address, otlp_prefix="shop/monitoring")
    exporting.judge(window())
    exporting.tick()
    exporting.chain.close()
    assert {each.name for each in collector.taken} == {"shop/monitoring.result", "shop/monitoring.metric"}


def test_what_is_called_as_a_private_column_is_not_sent(tmp_path: Path, collector: Collector) -> None:
    exporting = Exporting(tmp_path, collector.address, private="salary*")
    secret, event = "salary_mean", window()
    exporting.chain.report(
        result(event, extra_data=f'{{"feature":"{secret}"}}'), metric(event, 9.0, name=secret), done(event)
    )
    exporting.tick()
    exporting.chain.close()
    assert [each.about for each in collector.taken] == ["drift"]
    assert secret not in repr(collector.taken)


def test_nothing_is_noted_where_nothing_is_sent(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    chain.endpoint(E1)
    chain.report(metric(window()), done(window()))
    assert chain.read(ledger_rows.all_judged) == []
    chain.close()


def test_a_window_that_failed_or_whose_endpoint_is_gone_sends_nothing(exporting, collector) -> None:
    exporting.chain.report(failed(window()))
    exporting.judge(window(1), window(1, endpoint_id=E2))
    exporting.chain.forget_endpoint(E2)
    exporting.tick()
    assert {each.said["endpoint.uid"] for each in collector.taken} == {E1}
    assert exporting.waiting().windows == 0


# --- in order, at least once, the newest


def test_verdicts_go_in_the_order_in_which_they_were_told(exporting, collector, monkeypatch) -> None:
    monkeypatch.setattr(exporter_module, "MOST_WINDOWS", 2)
    order = [3, 0, 4, 1, 2]
    for number in order:
        exporting.judge(window(number), value=number / 10)
    exporting.tick()
    assert results(collector.taken) == [(number, number / 10) for number in order]
    assert [len(each) for each in collector.requests] == [4, 4, 2]


def test_a_revised_verdict_is_sent_again_at_its_own_time(exporting, collector) -> None:
    exporting.judge(window(), value=0.9)
    exporting.tick()
    exporting.judge(window(1))
    exporting.judge(window(revision=3), value=0.1)
    exporting.tick()
    assert results(collector.taken) == [(0, 0.9), (1, 0.5), (0, 0.1)]
    first, last = (
        each.time_ns for each in collector.taken if each.about == "drift" and each.start_ns == at(0) * 1000
    )
    assert (first, last) == (at(10) * 1000, at(10) * 1000 + 2_000_000)


def test_of_a_window_that_was_judged_twice_meanwhile_only_what_counts_is_sent(exporting, collector) -> None:
    exporting.judge(window(), value=0.9)
    exporting.judge(window(revision=2), value=0.2)
    exporting.judge(window(revision=1), value=0.7)  # one that was late on its way
    exporting.tick()
    assert results(collector.taken) == [(0, 0.2)]
    exporting.judge(window(revision=1), value=0.7)
    exporting.tick()
    assert len(collector.requests) == 1
    assert exporting.waiting().windows == 0


def test_killed_before_the_cursor_moved_it_sends_the_same_points_again(
    exporting, collector, monkeypatch
) -> None:
    exporting.judge(window(), window(1))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(exporter_module, "write_export", killed)
        with pytest.raises(KeyboardInterrupt):
            exporting.tick()
    assert len(collector.taken) == 4
    exporting.begin()
    exporting.tick()
    assert collector.taken[:4] == collector.taken[4:]
    assert exporting.waiting().windows == 0
    exporting.tick()
    assert len(collector.requests) == 2


def test_one_exporter_is_at_work_at_a_time(exporting, collector) -> None:
    exporting.judge(window())
    with exporting.chain.database.lock(EXPORTER):
        assert exporting.tick() == {"state": exporter_module.BUSY}
    assert collector.requests == []


def test_what_waits_is_forgotten_where_nothing_is_sent_any_more(exporting) -> None:
    exporting.judge(window())
    with exporting.chain.database.write() as connection:
        forget_export(connection, OTLP)
    assert (exporting.waiting(), exporting.state()) == (Backlog(0, 0), Export(OTLP))


def test_what_was_gathered_over_windows_is_told_though_the_exporter_looks_just_before_it_is_written(
    exporting, collector, monkeypatch
) -> None:
    event = window()
    span = to_us(event.window.start), to_us(event.window.end)
    gathered = ValuePoint(E1, "app", *span, SLOW_DRIFT, 0.25, event.window_revision, 0, 0, "{}")
    folded = FoldedResults([gathered])
    monkeypatch.setattr(writing, "fold_reports", lambda *_: folded)
    series = type(exporting.chain.series)
    write_values = series.write_values

    def look_first(store: SeriesStore, points: Sequence[ValuePoint]) -> None:
        if points == folded.points:
            exporting.tick()
        write_values(store, points)

    monkeypatch.setattr(series, "write_values", look_first)
    exporting.judge(event)
    exporting.tick()
    told = [each.said.get("result.name") for each in collector.taken]
    assert sorted(filter(None, told)) == ["drift", SLOW_DRIFT]

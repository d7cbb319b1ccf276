"""The performance apps on a project's own streams: windows are judged again as actuals come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelmon import wire
from modelmon.apps import ConceptDriftApplication, ModelMonitoringApplicationBase, ModelPerformanceApplication
from modelmon.apps.stage import AppStage
from modelmon.ledger import registry
from modelmon.model import Endpoint, Window, to_us
from modelmon.model_monitoring.endpoints import register
from modelmon.model_task import ModelTask, TaskKind
from modelmon.stages.controller import Controller
from modelmon.stats.performance.reference import performance_reference, reference_to_json
from modelmon.stats.performance.rows import TaskRows
from modelmon.streams import open_stream
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run
from wire_actuals import actuals

THEN_US, LATER_US = NOW_US - 1_200_000_000, NOW_US + 3_600_000_000
TASK = ModelTask(TaskKind.binary, "late", ("chance",), "1")
ROWS = 200


def drawn(seed: int, rows: int, turned: float = 0.0) -> TaskRows:
    random = np.random.default_rng(seed)
    score = random.random(rows).round(3)
    likely = np.where(random.random(rows) < turned, 1 - score, score)
    return TaskRows((random.random(rows) < likely) * 1.0, (score >= 0.5) * 1.0, score, 2)


class House:
    """A project with one app, whose endpoint has a task and a reference of its performance."""

    def __init__(self, folder: Path, app: ModelMonitoringApplicationBase) -> None:
        self.bed = Bed(folder, grace_seconds=0.0, app_stream="app-{name}")
        self.settings = self.bed.settings
        endpoint = Endpoint(
            ENDPOINT, "flights", "model", feature_names=("x",), label_names=("late", "chance"),
            feature_stats={"x": {"hist": [[1], [0, 1]]}}, policy={"task": TASK.to_json()},
        )  # fmt: skip
        reference = reference_to_json(performance_reference(drawn(0, 5000), by_time=True))
        with self.bed.records.write() as connection:
            register(connection, endpoint, NOW_US, performance=reference)
            registry.register_app(connection, "app", None, 0)
        for url in (self.settings.writer_url, self.settings.app_url("app")):
            open_stream(url, 1).close()
        self.controller = Controller.open(self.settings)
        self.stage = run(self._open(app))
        self.read = 0

    async def _open(self, app: ModelMonitoringApplicationBase) -> AppStage:
        return AppStage(app, self.settings, self._acknowledge, "app")

    async def _acknowledge(self, partition: int, offset: int) -> None: ...

    def take(self, *bodies: bytes) -> None:
        run(feed(self.bed, self.bed.publish(*bodies)))

    def judged(self) -> list[tuple[int, dict[str, Any]]]:
        """Revision, and results and metrics by name, of each window of then that is due."""
        self.controller.tick_blocking(LATER_US)
        stream = open_stream(self.settings.app_url("app"))
        end = stream.end_offsets()[0]
        messages = stream.read(0, self.read, end, 100) if end > self.read else ()
        self.read = end
        return [self._answer(each) for each in messages if _is_then(wire.read_app_event(each.body).window)]

    def _answer(self, message: Any) -> tuple[int, dict[str, Any]]:
        writer = open_stream(self.settings.writer_url)
        before = writer.end_offsets()[0]
        asyncio.run(self.stage.accept(message))
        (report,) = (each.body for each in writer.read(0, before, before + 1, 1))
        envelopes = [each for each in wire.read_report(report) if isinstance(each, wire.Envelope)]
        values = {each.content.name: each.content for each in envelopes if hasattr(each.content, "value")}
        return envelopes[-1].window_revision, values

    def close(self) -> None:
        asyncio.run(self.stage.close())
        asyncio.run(self.controller.close())
        self.bed.close()


def _is_then(window: Window) -> bool:
    return to_us(window.start) <= THEN_US < to_us(window.end)


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[Any]:
    made: list[House] = []

    def make(app: ModelMonitoringApplicationBase, rows: TaskRows) -> House:
        made.append(House(tmp_path / str(len(made)), app))
        for when_us in (THEN_US - 7_200_000_000, NOW_US):  # so that the window between is whole, and closed
            made[-1].take(event(request_id=f"at {when_us}", when_us=when_us, outputs=((0, 0.5),)))
        outputs = zip(rows.predicted.astype(int).tolist(), rows.score.tolist(), strict=True)  # type: ignore[union-attr]
        made[-1].take(
            *(
                event(request_id=f"r{place}", when_us=THEN_US, outputs=(each,))
                for place, each in enumerate(outputs)
            )
        )
        return made[-1]

    yield make
    for house in made:
        house.close()


def came(house: House, rows: TaskRows, first: int, last: int) -> None:
    ids = tuple(f"r{place}" for place in range(first, last))
    house.take(actuals({"late": rows.actual[first:last].astype(int).tolist()}, ids))


@pytest.mark.slow
def test_a_window_is_judged_when_its_actuals_have_come_and_estimated_before(houses: Any) -> None:
    rows = drawn(1, ROWS)
    house = houses(ModelPerformanceApplication(alarm_budget=0.01), rows)
    ((revision, found),) = house.judged()
    assert (revision, found["maturity"].value) == (1, 0.0)
    assert "accuracy" not in found
    assert '"no actuals"' in found["performance"].extra_data
    estimated = found["estimated_accuracy"].value
    came(house, rows, 0, ROWS // 2)
    ((revision, found),) = house.judged()
    assert (revision, found["maturity"].value) == (2, 0.5)
    assert '"warming up"' in found["performance"].extra_data
    came(house, rows, ROWS // 2, ROWS)
    ((revision, found),) = house.judged()
    assert (revision, found["maturity"].value) == (3, 1.0)
    assert found["performance"].status == 0
    assert found["accuracy"].value == (rows.actual == rows.predicted).mean()
    assert found["estimated_accuracy"].value == estimated
    assert abs(estimated - found["accuracy"].value) < 0.1
    assert house.judged() == []


def test_a_model_that_is_worse_is_detected_and_a_correction_takes_it_back(houses: Any) -> None:
    worse, right = drawn(2, ROWS, turned=1.0), drawn(2, ROWS)
    house = houses(ModelPerformanceApplication(alarm_budget=0.01), worse)
    came(house, worse, 0, ROWS)
    ((_, found),) = house.judged()
    assert found["performance"].status == 2
    actual = (np.random.default_rng(3).random(ROWS) < worse.score) * 1.0  # type: ignore[operator]
    came(house, TaskRows(actual, right.predicted, right.score, 2), 0, ROWS)
    ((_, found),) = house.judged()
    assert found["performance"].status == 0


def test_concept_drift_is_judged_by_the_reference_in_the_records(houses: Any) -> None:
    rows = drawn(4, ROWS, turned=1.0)
    house = houses(ConceptDriftApplication(alarm_budget=0.01), rows)
    ((_, found),) = house.judged()
    assert found["concept_drift"].status == -1
    came(house, rows, 0, ROWS)
    ((_, found),) = house.judged()
    assert found["concept_drift"].status == 2

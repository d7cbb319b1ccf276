"""Apps that ask for what came true: their windows are judged again when it comes, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ledger_rows
from modelmon import wire
from modelmon.apps import ModelMonitoringApplicationBase, MonitoringApplicationContext
from modelmon.apps.stage import AppStage
from modelmon.errors import ConfigError
from modelmon.feature_store import get_offline_features, iter_offline_features
from modelmon.ledger import registry
from modelmon.ledger.requirements import requirements_of
from modelmon.model import Message, to_us
from modelmon.stages.controller import Controller
from modelmon.streams import open_stream
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run
from wire_actuals import actuals

THEN_US, LATER_US = NOW_US - 1_200_000_000, NOW_US + 3_600_000_000
ASKING, OTHER = "asking", "other"


def predicted(request_id: str) -> bytes:
    return event(request_id=request_id, when_us=THEN_US)


class Right(ModelMonitoringApplicationBase):
    """The share of predictions that came true, and of how many that is known."""

    requires = frozenset({"actuals"})

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> dict[str, float]:
        table = monitoring_context.actuals
        known = [each for each in table.column("late").to_pylist() if each is not None]
        frame = monitoring_context.sample_df
        assert list(frame["actual.late"].dropna()) == known
        return {"known": len(known) / monitoring_context.rows, "right": float(sum(known))}


class Counting(ModelMonitoringApplicationBase):
    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> dict[str, float]:
        assert not [each for each in monitoring_context.sample.column_names if each.startswith("actual.")]
        return {"rows": monitoring_context.rows}


class House:
    """A project with two apps, one of which asks for actuals."""

    def __init__(self, folder: Path) -> None:
        self.bed = Bed(folder, grace_seconds=0.0, app_stream="app-{name}")
        self.bed.register(feature_names=("x",), label_names=("late",))
        self.settings = self.bed.settings
        open_stream(self.settings.writer_url, 1).close()
        for name in (ASKING, OTHER):
            open_stream(self.settings.app_url(name)).close()
            with self.bed.records.write() as connection:
                registry.register_app(connection, name, None, 0)
        self.controller = Controller.open(self.settings)
        self.read = {ASKING: 0, OTHER: 0}
        self.stages = run(self._open())

    async def _open(self) -> dict[str, AppStage]:
        apps = {ASKING: Right(), OTHER: Counting()}
        return {name: AppStage(app, self.settings, self._acknowledge, name) for name, app in apps.items()}

    async def _acknowledge(self, partition: int, offset: int) -> None: ...

    def take(self, *bodies: bytes) -> None:
        run(feed(self.bed, self.bed.publish(*bodies)))

    def judged(self) -> list[tuple[str, int, dict[str, float]]]:
        """App, revision and metrics of each window of then that is due now."""
        self.controller.tick_blocking(LATER_US)
        found = []
        for name, stage in self.stages.items():
            stream = open_stream(self.settings.app_url(name))
            end = stream.end_offsets()[0]
            messages = stream.read(0, self.read[name], end, 100) if end > self.read[name] else ()
            self.read[name] = end
            of_then = [each for each in messages if to_us(wire.read_app_event(each.body).window.end) < NOW_US]
            found += [self._answer(name, stage, message) for message in of_then]
        return found

    def _answer(self, name: str, stage: AppStage, message: Message) -> tuple[str, int, dict[str, float]]:
        writer = open_stream(self.settings.writer_url)
        before = writer.end_offsets()[0]
        asyncio.run(stage.accept(message))
        ((report,),) = [[each.body for each in writer.read(0, before, before + 1, 1)]]
        envelopes = [each for each in wire.read_report(report) if isinstance(each, wire.Envelope)]
        metrics = {
            each.content.name: each.content.value for each in envelopes if hasattr(each.content, "value")
        }
        return name, envelopes[-1].window_revision, metrics

    def close(self) -> None:
        for stage in self.stages.values():
            asyncio.run(stage.close())
        asyncio.run(self.controller.close())
        self.bed.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.take(event(request_id="last"))  # so that the window before it is closed
    yield house
    house.close()


def test_only_windows_of_apps_that_ask_for_them_are_judged_again(house: House) -> None:
    house.take(*(predicted(f"r{number}") for number in range(4)))
    assert house.judged() == [(ASKING, 1, {"known": 0.0, "right": 0.0}), (OTHER, 1, {"rows": 4.0})]
    house.take(actuals({"late": [1, 0]}, ("r0", "r1")))
    assert house.judged() == [(ASKING, 2, {"known": 0.5, "right": 1.0})]
    house.take(actuals({"late": [1]}, ("r1",)))  # a correction
    assert house.judged() == [(ASKING, 3, {"known": 0.5, "right": 2.0})]
    assert house.judged() == []
    with house.bed.records.read() as connection:
        assert {row.late for row in ledger_rows.all_windows(connection)} == {0}


def test_an_actual_that_waits_opens_nothing_until_its_prediction_comes(house: House) -> None:
    house.take(predicted("r0"))
    house.judged()
    house.take(actuals({"late": [1]}, ("r1",)))
    assert house.judged() == []
    house.take(predicted("r1"))
    assert house.judged() == [(ASKING, 2, {"known": 0.5, "right": 1.0}), (OTHER, 2, {"rows": 2.0})]


def test_what_an_app_requires_is_remembered_from_its_start_on(house: House) -> None:
    def known() -> frozenset[str]:
        with house.bed.records.read() as connection:
            return requirements_of(connection, ASKING)

    assert known() == {"actuals"}
    asyncio.run(_restarted(house, Counting()))
    assert known() == frozenset()


async def _restarted(house: House, app: ModelMonitoringApplicationBase) -> None:
    await AppStage(app, house.settings, house._acknowledge, ASKING).close()


@pytest.mark.parametrize(
    ("wanted", "said"), [("actuals", "a set of texts"), ({"actual"}, "did you mean actuals?")]
)
def test_what_there_is_not_can_not_be_required(house: House, wanted: Any, said: str) -> None:
    class Odd(Counting):
        requires = wanted

    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        asyncio.run(_restarted(house, Odd()))


def test_offline_features_have_them_beside_the_predictions_where_they_are_asked_for(house: House) -> None:
    house.take(*(predicted(f"r{number}") for number in range(3)), actuals({"late": [1]}, ("r1",)))
    frame = get_offline_features(ENDPOINT, actuals=True, project=house.bed)
    assert frame["actual.late"].isna().tolist() == [True, False, True, True]
    assert "actual.late" not in get_offline_features(ENDPOINT, project=house.bed).columns
    one = get_offline_features(
        ENDPOINT, columns=["actual.late"], actuals=True, as_arrow=True, project=house.bed
    )
    assert one.to_pydict() == {"actual.late": [None, 1, None, None]}
    (piece,) = iter_offline_features(ENDPOINT, actuals=True, project=house.bed)
    assert piece.column("actual.late").to_pylist() == [None, 1, None, None]
    with pytest.raises(ConfigError, match=r"no column 'actual\.lat'"):
        get_offline_features(ENDPOINT, columns=["actual.lat"], actuals=True, project=house.bed)


def test_evaluate_takes_them_from_columns_of_the_frame() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "late": [0, 1], "actual.late": [1, None]})
    found = Right.evaluate(sample_data=frame, label_names=["late"])
    assert {each.name: each.value for each in found} == {"known": 0.5, "right": 1.0}
    with pytest.raises(ConfigError, match=r"requires = \{'actuals'\}"):
        Right.evaluate(sample_data=frame[["x", "late"]], label_names=["late"])

"""The chain on series that are no SQL database: what counts is decided in the ledger alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import inspect

from modelmon import model_monitoring
from modelmon.apps.histogram_drift import HistogramDataDriftApplication
from modelmon.apps.stage import AppStage
from modelmon.errors import ConfigError
from modelmon.ledger import registry
from modelmon.model import ValuePoint, WindowKey, from_us, to_us
from modelmon.stages.controller import Controller
from modelmon.stages.writer import Writer
from modelmon.stats import describe
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_feature_history, read_traffic, read_values
from modelmon.streams import open_stream
from modelmon.upkeep.maintenance import maintain
from streaming import ENDPOINT, NOW_US, Bed, feed, run
from unit.test_drift_live import APP, LABELS, REFERENCE, START, event, frame, rows_of

MINUTE_US = 60_000_000
BEGIN_US = (to_us(START) // (10 * MINUTE_US) + 1) * 10 * MINUTE_US
SECONDS = (BEGIN_US - to_us(START)) // 1_000_000
ROWS = 660  # eleven minutes: the window of the first ten is over


class Chain(Bed):
    """All four functions in one process, each reading its stream to the end."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, series_url=f"memory://{folder}", grace_seconds=1.0, maintenance_seconds=60.0)
        stats = json.loads(json.dumps(describe(REFERENCE)))
        self.register(feature_stats=stats, label_names=LABELS, function_name="serving")
        open_stream(self.settings.app_url(APP)).close()
        with self.records.write() as connection:
            registry.register_app(connection, APP, None, NOW_US)
        self.now_us = self.clock_us = BEGIN_US + 20 * MINUTE_US

    async def judge(self) -> int:
        """Let the controller look, the app judge and the writer write; returns how many windows."""
        controller = Controller.open(self.settings)
        controller.tick_blocking(self.now_us)
        await controller.close()
        app = AppStage(HistogramDataDriftApplication(), self.settings, self._acknowledge, APP)
        judged = await self._read(self.settings.app_url(APP), "app", app)
        writer = Writer.open(self.settings, self._acknowledge)
        await self._read(self.settings.writer_url, "writer", writer)
        self.now_us += MINUTE_US
        return judged

    async def _read(self, url: str, group: str, stage: AppStage | Writer) -> int:
        stream = open_stream(url)
        consumer = stream.consumer(group)
        messages = consumer.poll(100, 0)
        for message in messages:
            await stage.accept(message)
            consumer.commit({message.partition: message.offset + 1})
        consumer.close()
        await stage.close()
        return len(messages)


def events(rows: list[dict[str, Any]]) -> list[bytes]:
    """One request a second, from the start of the window on."""
    return [event(row, SECONDS + number) for number, row in enumerate(rows)]


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def test_the_chain_runs_on_series_in_memory_and_late_rows_replace_what_was_judged(chain: Chain) -> None:
    rows = rows_of(frame(ROWS, 2))
    window = WindowKey(ENDPOINT, APP, BEGIN_US)
    series = open_series(chain.settings)

    def shown() -> dict[str, ValuePoint]:
        page = read_values(chain.records, series, [ENDPOINT], 0, 2**62)
        assert {point.key for point in page.points} <= {window}
        return {point.name: point for point in page.points}

    run(feed(chain, chain.publish(*events(rows))))
    assert run(chain.judge()) == 1
    first = shown()
    assert first["general_drift"].revision == 1
    assert json.loads(first["general_drift"].extra_data)["rows"] == 600

    late = rows_of(frame(300, 3).assign(amount=9.0))
    run(feed(chain, chain.publish(*events(late))))
    run(chain.judge())
    run(chain.judge())
    second = shown()
    assert (second["general_drift"].revision, set(second)) == (2, set(first))
    assert second["feature_drift"].value > first["feature_drift"].value

    (features,) = read_feature_history(
        chain.records, series, ENDPOINT, APP, 0, 2**62, ["amount", "kind"]
    ).windows
    assert (features.revision, features.features["amount"].rows) == (2, 900)
    assert features.features["amount"].mean == pytest.approx(3.0, abs=0.2)
    share = features.features["kind"].share
    assert share is not None
    assert 1 / 3 < share < 1

    project = SimpleNamespace(settings=chain.settings)
    times = {"start": from_us(BEGIN_US), "end": from_us(BEGIN_US + 10 * MINUTE_US)}
    (again,) = model_monitoring.read_feature_history(project, "model", APP, ["amount", "kind"], **times)
    assert again == features
    whole = model_monitoring.compare_features(project, "model", **times)
    scores = dict(zip(whole.features, whole.scores.tolist(), strict=True))
    assert scores["amount"] == pytest.approx(features.features["amount"].score, rel=1e-4)
    assert whole.sample_stats["amount"]["count"] == whole.rows == 900
    for wrong in ({"endpoint": "modle"}, {"start": times["end"]}):
        with pytest.raises(ConfigError, match=r"no 'modle'.*model|must come after the start"):
            model_monitoring.compare_features(project, **{"endpoint": "model", **times, **wrong})

    traffic = read_traffic(chain.records, series, [ENDPOINT], 0, 2**62, 10 * MINUTE_US)
    assert [(point.start_us - BEGIN_US, point.rows) for point in traffic] == [
        (0, 900), (10 * MINUTE_US, 60),
    ]  # fmt: skip
    maintain(chain.records, chain.settings, BEGIN_US + 60 * MINUTE_US)
    assert read_traffic(chain.records, series, [ENDPOINT], 0, 2**62, 10 * MINUTE_US) == traffic
    with chain.records.read() as connection:
        assert not [name for name in inspect(connection).get_table_names() if name.startswith("series")]
    chain.close()

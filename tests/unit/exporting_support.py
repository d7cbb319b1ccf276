"""A chain of windows whose verdicts go to a collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelmon import wire
from modelmon.export.collector import Collector as Sender
from modelmon.export.export_settings import ExportSettings
from modelmon.ledger.exporting import OTLP, Backlog, Export, backlog, read_export
from modelmon.model import Window, from_us
from modelmon.stages.exporter import Exporter
from otlp_collector import Point
from unit.window_support import E1, E2, Chain, at, done, metric, result

NOW = at(60)
SECOND = 1_000_000


class Exporting:
    """A chain whose verdicts go to a collector."""

    def __init__(self, folder: Path, address: str, **settings: Any) -> None:
        self.chain = Chain(folder, otlp_endpoint=address, **settings)
        for endpoint_id in (E1, E2):
            self.chain.endpoint(endpoint_id, function_name="serving")
        self.chain.serve(*[at(10 * number) for number in range(7)], now=at(60))
        self.chain.tick(at(61))
        self.exporter = self.begin()

    def begin(self) -> Exporter:
        settings = self.chain.settings
        sender = Sender(settings.of(ExportSettings))
        self.exporter = Exporter(settings, self.chain.database, self.chain.series, sender)
        return self.exporter

    def tick(self, now: int = NOW) -> Any:
        return self.exporter.tick_blocking(now)

    def judge(self, *events: wire.AppEvent, value: float = 0.5, now: int = NOW) -> None:
        for event in events:
            self.chain.report(result(event, 2, value), metric(event, 7.0), done(event), now=now)

    def state(self) -> Export:
        with self.chain.database.read() as connection:
            return read_export(connection, OTLP)

    def waiting(self) -> Backlog:
        with self.chain.database.read() as connection:
            return backlog(connection)


def window(number: int = 0, revision: int = 1, endpoint_id: str = E1, app: str = "app") -> wire.AppEvent:
    span = Window(from_us(at(10 * number)), from_us(at(10 * number + 10)))
    return wire.AppEvent(endpoint_id, f"{endpoint_id}-name", app, span, revision)


def results(points: list[Point]) -> list[tuple[int, float]]:
    """Window and value of each result, as they came."""
    return [
        (round((each.start_ns // 1000 - at(0)) / 600e6), each.value)
        for each in points
        if each.about == "drift"
    ]

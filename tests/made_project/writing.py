"""Writes a project in bulk, through the tables of the schema."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert

from made_project.alarms import incident, incident_windows, spans
from made_project.rows import EndpointRows
from made_project.shape import APP, HOUR, Shape, endpoint_id
from made_project.statistics import reference
from modelmon.ledger import endpoints, latencies, registry
from modelmon.ledger.incident_schema import incident_windows as evidence_table
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import app_stats, endpoint_apps, traffic, verdicts, windows
from modelmon.model import BatchRange, Endpoint, from_us, wall_clock_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks
from modelmon.stores.series import open_series
from modelmon.stores.series.schema import series_traffic, series_values

AT_ONCE = 20
"""Endpoints of one transaction."""
FUNCTIONS, TEAMS = 12, ("search", "risk", "pricing")


@dataclass(frozen=True, slots=True)
class Made:
    """A project that was made."""

    settings: Settings
    shape: Shape

    @property
    def now_us(self) -> int:
        """Some minutes after the newest window ended."""
        return self.shape.until_us + 300_000_000


def make(folder: Path, shape: Shape, **others: str) -> Made:
    """Make the project in this folder; `others` are settings, as `records_url`."""
    settings = configure(folder, **others)
    fill(settings, shape)
    return Made(settings, shape)


def configure(folder: Path, **others: str) -> Settings:
    """A folder with settings and nothing else."""
    folder.mkdir(parents=True)
    lines = {"project": "made", "durability": "process", "base_period": "60", **others}
    text = "".join(f"{name}: {value}\n" for name, value in lines.items())
    (folder / "modelmon.yaml").write_text(text, encoding="utf-8")
    return Settings.load(folder)


def fill(settings: Settings, shape: Shape) -> None:
    """Write everything of a project that has nothing yet."""
    database, series = open_records(settings), open_series(settings)
    with database.write() as connection:
        registry.register_app(connection, APP, None, shape.starts_us.start)
        registry.set_value(connection, "base_period", 60)
    numbers = count(1)
    for some in chunks(range(shape.endpoints), AT_ONCE):
        _write(database, series._database, shape, [EndpointRows(shape, each) for each in some], numbers)
    for each in range(min(shape.with_features, shape.endpoints)):
        for page in chunks(EndpointRows(shape, each).features()):
            series.write_features(page)
    series.close()
    database.close()


def _write(
    database: Database, series: Database, shape: Shape, made: Sequence[EndpointRows], numbers: Iterable[int]
) -> None:
    alarms = [(rows, next(numbers), span) for rows in made for span in spans(rows)]
    ledger: list[tuple[Table, Iterable[dict[str, Any]]]] = [
        (traffic, (rows.traffic() for rows in made)),
        (windows, (row for rows in made for row in rows.windows())),
        (endpoint_apps, (rows.endpoint_app() for rows in made)),
        (verdicts, (row for rows in made for row in rows.verdicts())),
        (app_stats, (row for rows in made if rows.number < shape.with_features for row in rows.app_stats())),
        (incidents, (incident(rows, number, *span) for rows, number, span in alarms)),
        (evidence_table, (row for rows, _, span in alarms for row in incident_windows(rows, *span[:2]))),
    ]
    with database.write() as connection:
        for rows in made:
            endpoints.put(connection, _endpoint(shape, rows.number), shape.starts_us.start)
            latencies.add(connection, BatchRange("made", 0, 0, 0), rows.latencies())
    _insert(database, ledger)
    _insert(
        series,
        [
            (series_values, (row for rows in made for row in rows.values())),
            (series_traffic, (row for rows in made for row in rows.traffic_points())),
        ],
    )


def _insert(database: Database, found: Iterable[tuple[Table, Iterable[dict[str, Any]]]]) -> None:
    with database.write() as connection:
        for table, rows in found:
            for page in chunks(rows, 20_000):
                connection.execute(insert(table), page)


def _endpoint(shape: Shape, number: int) -> Endpoint:
    return Endpoint(
        endpoint_id(number), "made", f"model-{number:04}", function_name=f"serving-{number % FUNCTIONS:02}",
        model_class="Classifier", model_uri=f"store://models/model-{number:04}", version="v1",
        labels={"team": TEAMS[number % len(TEAMS)]}, feature_names=shape.feature_names,
        feature_stats=reference(shape.features), created=from_us(shape.starts_us.start),
    )  # fmt: skip


def main() -> None:
    """`python -m made_project FOLDER --endpoints 1000 --features 100 --days 90`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records-url", default="", help="postgresql://user@host/name; none: SQLite")
    now_us = wall_clock_us()
    for field in fields(Shape):
        if field.name != "until_us":
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)
    given = vars(parser.parse_args())
    folder, url = given.pop("folder"), given.pop("records_url")
    make(folder, Shape(now_us - now_us % HOUR, **given), **({"records_url": url} if url else {}))

"""The page's queries on 1,000 endpoints of 100 features and 90 days of hourly windows, and on 7 days of it.

The limit is what the rows of the answer cost alone, read by plain SQL, with their JSON. On PostgreSQL, where
it is there, the shorter history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from made_project import APP, HOUR, Made, Shape
from modelmon.ledger.records import open_records
from modelmon.model import from_us
from modelmon.sql.database import Database
from modelmon.stores.series import open_series
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointQuery
from modelmon.views.feature_page import read_feature_page
from modelmon.views.overview import read_home
from tests.bench.made_fixtures import FEATURES, LONG, SHORT, kept, named, on_postgresql

TIMES = 7
_PAGE = "(select endpoint_id from endpoints order by endpoint_id limit 100)"
_OF_APP = f"application_name = '{APP}'"
_PLAIN_LIST = (
    "select * from traffic",
    "select * from endpoint_apps",
    "select endpoint_id, name, function_name, model_uri, mode, labels from endpoints",
    "select endpoint_id, application_name, start_us, status, value from verdicts",
    "select * from incidents where resolved_us is null",
    f"select * from verdicts where endpoint_id in {_PAGE}",
    f"select * from windows where endpoint_id in {_PAGE} and {_OF_APP} and start_us >= :line",
    f"select * from series_values where endpoint_id in {_PAGE} and {_OF_APP} and window_start >= :line_moment"
    " and name = 'feature_drift'",
    f"select * from series_traffic where endpoint_id in {_PAGE} and minute >= :recent",
    "select * from series_traffic where endpoint_id in (select endpoint_id from traffic)"
    " and minute >= :recent_of_all",
)
_PLAIN_FEATURES = (
    "select * from app_stats where endpoint_id = :worst",
    "select feature_stats from endpoints where endpoint_id = :worst",
    f"select * from series_features where endpoint_id = :worst and {_OF_APP}"
    " and window_start >= :line_moment",
)


def measure() -> list[dict[str, Any]]:
    """Seconds of the first page and of the page of features, the least of some."""
    found = [each for days in (LONG, SHORT) for each in _measured("SQLite", kept(days))]
    with on_postgresql() as made:
        if made is not None:
            found += _measured("PostgreSQL", made)
    return found


def _measured(technology: str, made: Made) -> Iterator[dict[str, Any]]:
    settings, now_us, end = made.settings, made.now_us, from_us(made.shape.until_us)
    of = named(technology, made)
    with closing(open_records(settings)) as database, closing(open_series(settings)) as series:

        def home() -> object:
            looking, start = Looking(now_us, settings), end - timedelta(7)
            return read_home(database, series, {}, looking, EndpointQuery(), start, end)

        def features() -> object:
            return read_feature_page(database, series, settings, "model-0000", now_us)

        for name, view, queries in (
            ("first page", home, _PLAIN_LIST), (f"page of {FEATURES} features", features, _PLAIN_FEATURES)
        ):  # fmt: skip
            value, limit = _seconds(view), _seconds(lambda: _plain(database, made.shape, queries))  # noqa: B023
            yield {
                "name": f"{name}, {of}", "value": value, "unit": "s", "limit": limit,
                "ratio": value / limit,
            }  # fmt: skip


def _plain(database: Database, shape: Shape, queries: tuple[str, ...]) -> int:
    """The rows of these queries, read; the series are in the same database."""
    line_us, minute_us = shape.until_us - 30 * HOUR, 60_000_000
    moments = {
        name: from_us(us)
        for name, us in (
            ("line_moment", line_us), ("recent", shape.until_us - 10 * minute_us),
            ("recent_of_all", shape.until_us - 5 * minute_us),
        )
    }  # fmt: skip
    with database.read() as connection:
        if connection.dialect.name == "sqlite":  # it has no moments, only texts
            moments = {name: f"{each:%Y-%m-%d %H:%M:%S}" for name, each in moments.items()}
        known = {"line": line_us, "worst": f"{0:032x}", **moments}
        return sum(
            _decoded(connection.execute(text(query), {k: v for k, v in known.items() if f":{k}" in query}))
            for query in queries
        )


def _decoded(rows: Iterable[Iterable[Any]]) -> int:
    """How many there are; what is JSON in them is read, as whoever shows it must."""
    many = 0
    for row in rows:
        many += 1
        for value in row:
            if isinstance(value, str) and value.startswith(("{", "[")):
                msgspec.json.decode(value)
    return many


def _seconds(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)

"""The list of endpoints says the same on each database: its order, and what was said last of silent ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from conformance.view_databases import ON, sqlite
from made_project import HOUR, Shape, make
from modelmon.ledger.records import open_records
from modelmon.model import from_us
from modelmon.stores.series import open_series
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointQuery
from modelmon.views.feature_page import read_feature_page
from modelmon.views.overview import read_home

UNTIL_US = 1_767_225_600_000_000


def listed(folder: Path, settings: dict[str, str]) -> list[object]:
    """What the page tells of each endpoint, in its order, and how many alerts it counts."""
    made = make(folder, Shape(UNTIL_US, endpoints=12, days=3, with_features=12), **settings)
    looking, until = Looking(made.now_us, made.settings), from_us(UNTIL_US)
    with closing(open_records(made.settings)) as database, closing(open_series(made.settings)) as series:
        with database.write() as connection:
            connection.exec_driver_sql(
                f"update windows set incomplete = 1 where start_us = {UNTIL_US - HOUR}"
            )
        span = until - timedelta(days=3), until
        overview, rows = read_home(database, series, {}, looking, EndpointQuery(), *span)
        page = read_feature_page(database, series, made.settings, "model-0000", made.now_us)
    told = [(each.endpoint.endpoint_name, each.endpoint.why, each.last) for each in rows.rows]
    return [told, overview.alerts, overview.open_incidents, page.features.window, page.newer]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    return listed(tmp_path_factory.mktemp("sqlite") / "project", sqlite())


@pytest.mark.parametrize("where", ON)
def test_the_order_and_the_last_verdicts_are_those_of_every_database(
    where: Callable[[], dict[str, str]], expected: list[object], tmp_path: Path
) -> None:
    told, *others = listed(tmp_path / "project", where())
    assert told[0][0] == "model-0000"
    assert any(last for _, _, last in told)
    assert [told, *others] == expected

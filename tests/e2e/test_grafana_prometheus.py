"""Every query of the dashboards over Prometheus has samples in a real Prometheus that scrapes the page.

Grafana itself is in no package: the test does to a query what it does.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import modelmon
from grafana import FILES, links, read, targets, variables
from made_functions import make_functions
from made_project import Shape, make, nearest_hour_us
from modelmon.ledger import latencies
from modelmon.ledger.latencies import LatencyBucket
from modelmon.ledger.records import open_records
from modelmon.model import BatchRange
from modelmon.settings import Settings
from services.prometheus import Prometheus, missing

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(missing()), reason=missing())]
DASHBOARDS = [read(path) for path in FILES if path.parent.name == "prometheus"]
PANELS = [
    pytest.param(dashboard, panel, target, id=f"{dashboard['uid']}: {panel['title']}")
    for dashboard in DASHBOARDS
    for panel, target in targets(dashboard)
]


class Scraped:
    """A Prometheus that scrapes the page of a project."""

    def __init__(self, prometheus: Prometheus, settings: Settings) -> None:
        self._prometheus = prometheus
        self._settings = settings

    def chosen(self, dashboard: dict[str, Any]) -> dict[str, str]:
        """What each variable is when it is opened; of several all, as a pattern."""
        values: dict[str, str] = {}
        for variable in variables(dashboard):
            if variable["type"] == "query":
                call = re.fullmatch(r"label_values\((.+), (\w+)\)", with_values(variable["query"], values))
                assert call is not None, variable["query"]
                found = sorted({each["metric"][call[2]] for each in self._prometheus.ask(call[1])})
                many = "(" + "|".join(map(re.escape, found)) + ")"
                values[variable["name"]] = many if variable["multi"] else found[0]
        return values

    def ask(self, query: str, dashboard: dict[str, Any]) -> list[dict[str, Any]]:
        """Once a request has come in, for some ask about the last seconds."""
        database = open_records(self._settings)
        with database.write() as connection:
            latencies.add(connection, BatchRange("made", 0, 0, 0), {11: LatencyBucket(1, 1_500)})
        database.close()
        return self._prometheus.ask(with_values(query, self.chosen(dashboard)))


def with_values(query: str, values: dict[str, str]) -> str:
    """The query that Prometheus gets. Nothing is left that it would not know."""
    for name, value in {**values, "__rate_interval": "30s"}.items():
        query = query.replace(f"${name}", value.replace("\\", "\\\\") if name in values else value)
    assert "$" not in query, query
    return query


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    until_us = nearest_hour_us()  # verdicts of now: stale ones have no sample
    made = make(tmp_path_factory.mktemp("grafana") / "project", Shape(until_us))
    project = modelmon.get_or_create_project("made", context=made.settings.project_dir)
    project.enable_model_monitoring(base_period=60)  # the functions that read a stream
    make_functions(made.settings)
    command = [sys.executable, "-m", "modelmon", "dashboard", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--project-dir", made.settings.project_dir], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    where = (re.search(r"http://(127\.0\.0\.1:\d+)", line) for line in process.stderr)
    page = next((found[1] for found in where if found), "")
    assert page, f"it ended with {process.wait()}"
    try:
        assert httpx.get(f"http://{page}/metrics", timeout=60).status_code == 200
        with Prometheus(page) as prometheus:
            yield Scraped(prometheus, made.settings)
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize(("dashboard", "panel", "target"), PANELS)
def test_each_query_has_samples_with_the_labels_that_the_panel_names(
    scraped: Scraped, dashboard: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]
) -> None:
    found = scraped.ask(target["expr"], dashboard)
    assert all(float(each["value"][1]) == float(each["value"][1]) for each in found), "a number"
    overrides = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}
    named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    named |= {name for url in links(panel) for name in re.findall(r"__data\.fields\.(\w+)", url)}
    named |= overrides - {"Time", "Value", "__name__", "instance", "job"}
    for each in found:
        assert named <= each["metric"].keys()
    if panel["type"] == "stat":
        assert len(found) == 1, "one number"

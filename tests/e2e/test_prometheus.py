"""A real Prometheus scrapes the page; its own tool checks what is served, and our alerting rules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from made_project import APP, Made, Shape, make, nearest_hour_us
from modelmon.ledger import latencies
from modelmon.ledger.latencies import LatencyBucket
from modelmon.ledger.records import open_records
from modelmon.model import BatchRange
from services.prometheus import Prometheus, missing, promtool

GUIDE = Path(__file__).parents[2] / "docs/how-to/prometheus-and-grafana.md"
RULES = Path(__file__).parents[2] / "dashboards" / "prometheus"
pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    until_us = nearest_hour_us()  # verdicts of now: stale ones have no sample
    return make(tmp_path_factory.mktemp("made") / "project", Shape(until_us))


@pytest.fixture(scope="module")
def page(made: Made) -> Iterator[str]:
    command = [sys.executable, "-m", "modelmon", "dashboard", "--port", "0"]
    folder = made.settings.project_dir
    process = subprocess.Popen(
        [*command, "--project-dir", folder], stderr=subprocess.PIPE, text=True,
        env=os.environ | {"MODELMON_METRICS_THRESHOLDS": "on", "MODELMON_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    )  # fmt: skip
    assert process.stderr is not None
    found = next(
        (hit[1] for line in process.stderr if (hit := re.search(r"http://(127\.0\.0\.1:\d+)", line))), ""
    )
    assert found, f"it ended with {process.wait()}"
    yield found
    process.terminate()
    process.communicate(timeout=60)


def test_promtool_is_content_with_the_rules_and_the_metrics(page: str) -> None:
    assert "8 rules found" in promtool("check", "rules", "alerts.yaml", folder=RULES)
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yaml", folder=RULES)
    said = httpx.get(f"http://{page}/metrics", timeout=30).text
    promtool("check", "metrics", folder=RULES, given=said)


def test_prometheus_knows_how_long_requests_take(made: Made, page: str) -> None:
    database = open_records(made.settings)
    with Prometheus(page) as prometheus:
        (before,) = prometheus.ask("modelmon_request_latency_seconds_count")
        slow = {19: LatencyBucket(90, 90 * 400_000), 21: LatencyBucket(10, 10 * 2_000_000)}
        with database.write() as connection:
            latencies.add(connection, BatchRange("events", 1, 0, 0), slow)
        name = "modelmon_request_latency_seconds"
        prometheus.ask(f"{name}_count == {int(before['value'][1]) + 100}")
        asked, answer = re.findall(r"```(?:promql|text)\n(.+)\n```", GUIDE.read_text(encoding="utf-8"))
        (quantile,) = prometheus.ask(f"({asked}) >= 0")
        assert quantile["metric"] == {"project": "made"}
        assert float(quantile["value"][1]) == pytest.approx(float(answer.partition(" ")[2]))
        (mean,) = prometheus.ask(f"rate({name}_sum[5m]) / rate({name}_count[5m]) >= 0")
        assert float(mean["value"][1]) == pytest.approx(0.56)
    database.close()


def test_prometheus_says_what_the_api_says(made: Made, page: str) -> None:
    api = httpx.get(f"http://{page}/api/v1/projects/made/endpoints", timeout=30).json()
    listed = [row["endpoint"] for row in api["rows"]]
    worst = listed[0]
    with Prometheus(page) as prometheus:
        assert prometheus.ask('up{job="modelmon"} == 1')
        asked = f'modelmon_rows_total{{endpoint="{worst["endpoint_name"]}",outcome="stored"}}'
        (rows,) = prometheus.ask(asked)
        assert float(rows["value"][1]) == worst["stored"]
        (top,) = prometheus.ask(f'topk(1, modelmon_result{{application="{APP}"}})')
        highest = max(
            verdict["result_value"] for each in listed for verdict in each["verdicts"]
            if not verdict["stale"]
        )  # fmt: skip
        assert float(top["value"][1]) == pytest.approx(highest, rel=1e-12)
        assert prometheus.ask('modelmon_otlp_points_total{outcome="sent"} == 0')
        levels = prometheus.ask("count by (level) (modelmon_result_threshold)")
        assert {each["metric"]["level"] for each in levels} == {"suspected", "detected"}
        counted = prometheus.ask("sum by (state) (modelmon_endpoint_state)")
        assert {each["metric"]["state"]: int(each["value"][1]) for each in counted} == api["by_state"]

"""`modelmon demo` as a newcomer runs it: the whole year through the real functions."""

from __future__ import annotations

import html
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from api_client import ApiClient, addresses
from made_pages import rows_of, text_of
from modelmon.demo.chain import run_chain
from modelmon.settings import Settings
from reader import blocks

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("demo")]
FLIGHTS, WEEKS = 336_776, 53


def modelmon(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"MODELMON_DEMO_INSTALL_SECONDS": "12", "COLUMNS": "100"}
    line = [sys.executable, "-m", "modelmon.cli", *arguments]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("newcomer")


STATUS = ("status", "--json", "--since", "2012-01-01", "--project-dir", "modelmon-demo")


@pytest.fixture(scope="module")
def page(folder) -> str:
    return modelmon(folder, "demo")


@pytest.fixture(scope="module")
def status(folder, page) -> dict[str, Any]:
    return json.loads(modelmon(folder, *STATUS))


def results(status: dict[str, Any], endpoint: str, name: str) -> list[dict[str, Any]]:
    """Of the whole weeks, by time."""
    found = [
        result
        for result in status["results"]
        if (result["endpoint_name"], result["result_name"]) == (endpoint, name)
    ]
    assert len(found) == WEEKS
    assert [result["result_status"] for result in (found[0], found[-1])] == [-1, -1]
    return found[1:-1]


def test_every_row_of_the_year_is_received_and_every_week_is_judged(status):
    assert [endpoint["endpoint_name"] for endpoint in status["endpoints"]] == [
        "delay-weather",
        "delay-schedule",
    ]
    for endpoint in status["endpoints"]:
        assert (endpoint["received"], endpoint["stored"]) == (FLIGHTS, FLIGHTS)
        # How many rows come late depends on how busy the machine is; each of them is judged again.
        assert (endpoint["errors"], endpoint["rejected"]) == (0, 0)
        assert (endpoint["windows"]["done"], endpoint["windows"]["failed"]) == (WEEKS, 0)
        assert endpoint["first_request"].startswith("2013-01-01 10:00")
        assert endpoint["last_request"].startswith("2014-01-01 04:00")
    assert status["dead_letters"] == 0
    assert sum(each["lag"] for each in status["lag"]) == 0


def test_the_weather_is_suspected_in_march_detected_in_april_and_the_training_weeks_are_calm(status):
    drift = results(status, "delay-weather", "feature_drift")
    training = [result for result in drift if result["start_infer_time"] < "2013-02-22"]
    assert len(training) == 8
    assert {result["result_status"] for result in training} == {0}
    suspected = next(result for result in drift if result["result_status"] == 1)
    detected = next(result for result in drift if result["result_status"] == 2)
    assert suspected["start_infer_time"].startswith("2013-02-28")
    assert json.loads(suspected["result_extra_data"])["feature"] == "pressure"
    assert detected["start_infer_time"].startswith("2013-04-11")
    assert detected["result_value"] == pytest.approx(0.71, abs=0.005)
    evidence = json.loads(detected["result_extra_data"])
    assert (evidence["feature"], evidence["rows"]) == ("temperature", 6626)
    assert max(result["result_value"] for result in drift) > 0.99


def test_the_mean_over_all_features_never_alarms(status):
    for endpoint in ("delay-weather", "delay-schedule"):
        drift = results(status, endpoint, "general_drift")
        assert {result["result_status"] for result in drift} == {0}
        assert max(result["result_value"] for result in drift) < 0.31


def test_the_schedule_is_calm_all_year(status):
    drift = results(status, "delay-schedule", "feature_drift")
    assert {result["result_status"] for result in drift} == {0}
    assert max(result["result_value"] for result in drift) < 0.12


def test_the_page_says_what_was_found_how_long_it_took_and_what_to_look_at_next(page):
    for words in ("pressure 0.65", "temperature 0.71", "on 6,626 rows", "51 + 2 incomplete", "never",
                  "·▄▄▃▃▄▃▄▃▆▄▃▆▅▆▆▆██████", "The run took", "the installation before it: 12 s",
                  "What to look at next", "status --project-dir modelmon-demo"):  # fmt: skip
        assert words in page
    last = page.partition("What to look at next:\n")[2]
    assert last.startswith("  make dashboard\n")  # as `make demo` tells what installing took


def test_the_year_came_to_three_incidents_each_with_its_course(page):
    assert "The year came to 3 incidents, 1 detected." in page
    assert "incident 2 escalated: data-drift-detected (high): delay-weather" in " ".join(page.split())
    lines = [line.split() for line in page.splitlines()]
    for course in ("1 delay-weather 28 Feb never 07 Mar 1 pressure 0.65",
                   "2 delay-weather 21 Mar 11 Apr 07 Nov 33 temperature 1.00",
                   "3 delay-weather 14 Nov never 21 Nov 1 temperature 0.54"):  # fmt: skip
        assert course.split() in lines


@pytest.mark.parametrize("document", ["README.md", "docs/tutorials/demo.md"])
def test_what_the_documents_show_of_the_demo_is_what_it_prints(page, document):
    text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
    shown = [block for language, block in blocks(text) if not language and "delay-weather" in block]
    assert shown
    printed = f" {' '.join(page.split())} "
    lines = [" ".join(line.split()) for block in shown for line in block.splitlines()]
    assert [line for line in lines if f" {line} " not in printed and line] == []


def test_the_incidents_of_the_year_are_in_the_status_after_it(folder, page):
    shown = modelmon(folder, "status", "--project-dir", "modelmon-demo")
    assert re.search(r"^delay-weather +no data +since 2014-01-01", shown, re.MULTILINE)
    assert (
        "  delay-weather: no detection since 2013-11-21 00:00, temperature 0.40, feature_drift, window from "
        "2013-12-19 00:00 UTC\n    highest: detected, temperature 1.00, feature_drift, window from 2013-07-04"
    ) in shown
    assert "Incidents that ended\n" in shown
    assert "  data-drift-detected: delay-weather, temperature 1.00, feature_drift\n" in shown
    assert (
        "2: resolved (calm), 33 windows from 2013-03-21 00:00 to 2013-10-31 00:00 UTC, "
        "28 detected from 2013-04-11 00:00 UTC on"
    ) in shown


def test_the_first_page_is_full_and_leads_to_the_histogram_of_what_drifted(folder, status):
    client = ApiClient(Settings.load(folder / "modelmon-demo"))
    home = client.get("/projects/flights-2013/endpoints").text
    text = text_of(home)
    assert "2013-01-01 04:01 – 2014-01-01 04:01 (up to the newest data)" in text
    assert "3 alerts in this time" in text
    assert "Endpoints suspected and detected" in text
    first, second = rows_of(home)
    assert first.startswith("delay-weather serving – no data since 2014-01-01 04:00 UTC")
    assert "last verdict: ● no detection since 21 Nov 2013 , temperature 0.40" in first
    assert "highest: ◆ detected , temperature 1.00, feature_drift , 04 Jul 2013" in first
    assert second.startswith("delay-schedule")
    links = [html.unescape(each) for each in addresses(home, ["href="])]
    features = client.get(next(each for each in links if "window=2013-07-04" in each)).text
    links = [html.unescape(each) for each in addresses(features.partition("<tbody>")[2], ["href="])]
    feature = client.get(links[0]).text
    assert 'class="chart overlay"' in feature
    score = float(re.search(r'data-score="([^"]+)"', feature)[1])
    worst = max(each["result_value"] for each in results(status, "delay-weather", "feature_drift"))
    assert score == pytest.approx(worst, rel=1e-3)
    client.close()


def test_run_again_it_starts_afresh(folder, status):
    console = Console(file=io.StringIO(), width=100)
    assert run_chain(folder / "modelmon-demo", console, months=1) == 0
    assert "Removed the state" in console.file.getvalue()
    again = json.loads(modelmon(folder, *STATUS))
    assert [endpoint["received"] for endpoint in again["endpoints"]] == [27_004, 27_004]

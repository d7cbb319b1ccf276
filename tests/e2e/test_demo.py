"""`modelmon demo` as a newcomer runs it: the whole year through the real functions."""

from __future__ import annotations

import html
import io
import json
import math
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from api_client import ApiClient, addresses
from made_pages import rows_of, text_of
from modelmon.demo.chain import APP, read_status, run_chain
from modelmon.demo.outcome import outcomes
from modelmon.demo.second_act import second_act
from modelmon.model_monitoring.locating import opened
from modelmon.settings import Settings
from modelmon.views.challenger_words import sentences
from modelmon.views.challengers import list_challengers
from reader import blocks

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("demo")]
FLIGHTS, ARRIVED, WEEKS, APPS = 336_776, 327_346, 53, 4


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
        assert (endpoint["windows"]["done"], endpoint["windows"]["failed"]) == (APPS * WEEKS, 0)
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


def test_drift_sees_the_spring_and_new_destinations_and_suspects_for_the_reference_is_short(status):
    text = (Path(__file__).parents[2] / "docs" / "tutorials" / "demo.md").read_text(encoding="utf-8")
    for endpoint, weeks, first, feature in (
        ("delay-weather", 37, "2013-04-04", "temperature"),
        ("delay-schedule", 32, "2013-05-16", "destination"),
    ):
        alarms = [each for each in results(status, endpoint, "drift") if each["result_status"] > 0]
        assert (len(alarms), {each["result_status"] for each in alarms}) == (weeks, {1})
        assert alarms[0]["start_infer_time"].startswith(first)
        evidence = json.loads(alarms[0]["result_extra_data"])
        assert evidence["calibration"]["how"] == "too little reference"
        assert "take shorter windows, or log the model with more of its past" in evidence["next"]
        assert evidence["findings"][feature][0] in " ".join(text.split())
    slow = [each for each in status["results"] if each["result_name"] == "slow_drift"]
    slow = [each for each in slow if each["result_status"] > 0]
    assert {each["endpoint_name"] for each in slow} == {"delay-weather"}
    assert min(each["start_infer_time"] for each in slow).startswith("2013-05-02")


def test_every_flight_that_arrived_has_its_actual_and_no_other(status):
    for endpoint in ("delay-weather", "delay-schedule"):
        weeks = [each for each in status["results"] if each["result_name"] == "performance"]
        known = [
            json.loads(each["result_extra_data"])["known_rows"]
            for each in weeks
            if each["endpoint_name"] == endpoint
        ]
        assert (len(known), sum(known)) == (WEEKS, ARRIVED)
        storm = json.loads(results(status, endpoint, "performance")[5]["result_extra_data"])
        assert (storm["state"], round(storm["maturity"], 2)) == ("warming up", 0.84)


@pytest.mark.parametrize(
    ("endpoint", "training", "july", "worst"),
    [("delay-weather", 0.880, 0.880, 0.807), ("delay-schedule", 0.708, 0.683, 0.570)],
)
def test_accuracy_falls_in_december_whatever_drifts_and_the_estimate_does_not_see_it_all(
    status, endpoint, training, july, worst
):
    found = {
        each["start_infer_time"][:10]: json.loads(each["result_extra_data"])
        for each in results(status, endpoint, "performance")
    }
    assert found["2013-07-11"]["values"]["accuracy"]["value"] == pytest.approx(july, abs=0.0005)
    december = found["2013-12-05"]["values"]["accuracy"]
    assert december["value"] == pytest.approx(worst, abs=0.0005)
    assert december["reference"] == pytest.approx(training, abs=0.0005)
    assert found["2013-12-05"]["calibration"] == {"how": "too little reference"}
    expected = {
        each["start_infer_time"][:10]: json.loads(each["result_extra_data"])
        for each in results(status, endpoint, "estimated_performance")
    }
    realised = expected["2013-12-05"]["realised"]["accuracy"]
    assert realised["realised"] == december["value"]
    assert realised["off"] > 0.05
    assert not realised["within"]


@pytest.mark.parametrize("name", ["performance", "estimated_performance", "concept_drift"])
def test_weeks_of_storms_are_within_what_the_training_weeks_differ(status, name):
    for endpoint in ("delay-weather", "delay-schedule"):
        assert {each["result_status"] for each in results(status, endpoint, name)} <= {-1, 0}


def test_the_page_says_what_was_found_how_long_it_took_and_what_to_look_at_next(page):
    for words in ("week of 28 Feb: pressure 0.65", "week of 11 Apr: temperature 0.71", "6,626 rows",
                  "51 + 2 incomplete", "never", "·▄▄▃▃▄▃▄▃▆▄▃▆▅▆▆▆██████", "The run took",
                  "the installation before it: 12 s", "What to look at next",
                  "status --project-dir modelmon-demo"):  # fmt: skip
        assert words in page
    last = page.partition("What to look at next:\n")[2]
    assert last.startswith("  make dashboard\n")  # as `make demo` tells what installing took
    assert max(map(len, page.partition("The year came")[2].partition("The run took")[0].splitlines())) <= 100


def test_the_year_came_to_four_incidents_each_with_its_course(page):
    assert "The year came to 4 incidents, 0 detected." in page
    said = re.sub(r"incident \d+", "incident", " ".join(page.split()))
    assert (
        "incident raised: data-drift-suspected (medium): delay-weather, app drift, window 2013-04-04" in said
    )
    lines = [line.split() for line in page.splitlines()]
    for course in ("delay-weather drift 04 Apr never 07 Nov 31 temperature above the",
                   "delay-weather slow_drift 02 May never 07 Nov 27 chance tails up, gathered",
                   "delay-schedule drift 16 May never still open 32 destination not among the",
                   "delay-weather drift 14 Nov never still open 6 pressure above the training"):  # fmt: skip
        words = course.split()
        assert words in [line[: len(words)] for line in lines]


def _without_numbers(text: str) -> str:
    return re.sub(r"incident \d+", "incident", " ".join(text.split()))


@pytest.mark.parametrize("document", ["README.md", "docs/tutorials/demo.md"])
def test_what_the_documents_show_of_the_demo_is_what_it_prints(page, document):
    text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
    shown = [block for language, block in blocks(text) if not language and "delay-weather" in block]
    assert shown
    printed = f" {_without_numbers(page)} "  # which of two models' incidents is the first is chance
    lines = [_without_numbers(line) for block in shown for line in block.splitlines()]
    missing = [line for line in lines if f" {line} " not in printed and line]
    estimates = [_without_numbers(line) for line in page.splitlines() if ESTIMATED.search(line)]
    assert [line for line in missing if not any(_are_near(line, each) for each in estimates)] == []


ESTIMATED = re.compile(r"estimate|±|its band")
"""Lines with an estimate: it stands on the actuals that had come when its week was first judged, and where a
year is replayed in a minute, that is a week more or less."""
BARS = "▁▂▃▄▅▆▇█"
FIGURE = re.compile(rf"\d+\.\d+|\d+|[{BARS}]")


def _are_near(shown: str, printed: str) -> bool:
    """Whether the lines differ at most by a bar's step, a hundredth or three weeks in their figures."""
    ours, theirs = FIGURE.findall(shown), FIGURE.findall(printed)
    if FIGURE.sub("#", shown) != FIGURE.sub("#", printed):
        return False
    return all(_far(one, other) <= 1 for one, other in zip(ours, theirs, strict=True))


def _far(one: str, other: str) -> float:
    """
    >>> _far("▆", "▇"), _far("7", "10"), round(_far("0.713", "0.708"), 3)
    (1, 1.0, 0.5)
    """
    if one in BARS or other in BARS:
        return abs(BARS.index(one) - BARS.index(other)) if one in BARS and other in BARS else math.inf
    return abs(float(one) - float(other)) / (0.01 if "." in one else 3)


def test_the_incidents_of_the_year_are_in_the_status_after_it(folder, page):
    shown = modelmon(folder, "status", "--project-dir", "modelmon-demo")
    assert re.search(r"^delay-weather +suspected +pressure 17.85, drift \(stale\)", shown, re.MULTILINE)
    assert "Open incidents\n" in shown
    assert re.search(r"incident \d: raised, 32 windows from 2013-05-16 00:00 to 2013-12-19 00:00 UTC", shown)
    assert "Incidents that ended\n" in shown
    assert "  data-drift-suspected: delay-weather, temperature 53.55, drift\n" in shown
    assert re.search(
        r"incident \d: resolved \(calm\), 31 windows from 2013-04-04 00:00 to 2013-10-31 00:00 UTC", shown
    )


def test_the_first_page_is_full_and_leads_to_the_histogram_of_what_drifted(folder, status):
    client = ApiClient(Settings.load(folder / "modelmon-demo"))
    home = client.get("/projects/flights-2013/endpoints").text
    text = text_of(home)
    assert "2013-01-01 04:01 – 2014-01-01 04:01 (up to the newest data)" in text
    assert "4 alerts in this time" in text
    assert "Endpoints suspected and detected" in text
    first, second = rows_of(home)
    assert first.startswith("delay-weather serving ▲ suspected pressure 17.85, drift (stale)")
    assert "since 14 Nov 2013" in first
    assert "336,776 rows" in first  # in 6,936 requests
    assert second.startswith("delay-schedule serving ▲ suspected destination 3.07, drift (stale)")
    links = [html.unescape(each) for each in addresses(home, ["href="])]
    page = next(each for each in links if each.endswith("/features"))
    features = client.get(f"{page}?window=2013-07-04T00:00:00Z").text
    for words in ("temperature above the training range 100 %", "accuracy 0.896 (0.888 to 0.904)",
                  "humidity moved and raised the loss", "too little reference"):  # fmt: skip
        assert words in text_of(features)
    links = [html.unescape(each) for each in addresses(features.partition("<tbody>")[2], ["href="])]
    feature = client.get(links[0]).text
    assert 'class="chart overlay"' in feature
    score = float(re.search(r'data-score="([^"]+)"', feature)[1])
    worst = max(each["result_value"] for each in results(status, "delay-weather", "feature_drift"))
    assert score == pytest.approx(worst, rel=1e-3)
    client.close()


def test_in_the_second_act_the_drifted_model_is_trained_anew_and_judged_on_what_followed(
    folder: Path, page: str
) -> None:
    """Training it anew brings it nearer to the data, and makes its answers worse: as the tutorial says."""
    console = Console(file=io.StringIO(), width=300)
    project = folder / "modelmon-demo"
    stored = read_status(Settings.load(project))
    assert second_act(project, outcomes(stored.endpoints, stored.results, APP), console) == []
    with opened(Settings.load(project)) as database, database.read() as connection:
        (found,) = list_challengers(connection, Settings.load(project)).challengers
    assert (found.endpoint_name, found.model, found.state) == (
        "delay-weather", "delay-weather-2", "awaiting review",
    )  # fmt: skip
    assert found.trained_until == datetime(2013, 7, 3, 23, 59, 59, 999_999, tzinfo=UTC)  # times are of hours
    review = found.review
    assert review is not None
    assert (review.verdict, review.rows, review.cluster) == ("worse", 167_818, "day")
    assert review.drift_champion is not None
    assert review.drift_challenger is not None
    assert review.drift_challenger.mean < review.drift_champion.mean
    told = console.file.getvalue()  # type: ignore[attr-defined]
    tutorial = (Path(__file__).parents[2] / "docs/tutorials/demo.md").read_text(encoding="utf-8")
    for sentence in sentences(review)[:3]:
        assert sentence in told
        assert sentence.partition(" (")[0] in " ".join(tutorial.split())
    assert "modelmon challenger approve 1" in told


def test_run_again_it_starts_afresh(folder, status):
    """The last one: it leaves a month of the year."""
    console = Console(file=io.StringIO(), width=100)
    assert run_chain(folder / "modelmon-demo", console, months=1) == 0
    assert "Removed the state" in console.file.getvalue()
    again = json.loads(modelmon(folder, *STATUS))
    assert [endpoint["received"] for endpoint in again["endpoints"]] == [27_004, 27_004]

"""Metrics over HTTP, on a small project: boxes under their apps, selection, thresholds, marks, calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_pages import UNTIL_US, WORST, Pages, text_of
from made_project import HOUR
from modelmon.model import from_us

RESULT = "histogram-data-drift/feature_drift"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("pages") / "project")
    made.change("update endpoints set created_us = created_us + 3600000000")
    yield made
    made.client.close()


def written(time_us: int) -> str:
    """As SQLite keeps a time."""
    return f"{from_us(time_us):%Y-%m-%d %H:%M:%S}"


def boxes(page: str) -> dict[str, str]:
    """Of each metric its box."""
    found = re.findall(r'<section class="box" id="[^"]*-([a-z_]+)">(.*?)</section>', page, re.S)
    return dict(found)


def test_every_metric_has_a_box_under_its_app(pages: Pages) -> None:
    page = pages.get("metrics")
    assert set(boxes(page)) == {"feature_drift", "general_drift", "hellinger_mean"}
    assert "<h2>histogram-data-drift</h2>" in page
    for box in boxes(page).values():
        assert 'class="chart spread"' in box
        assert 'class="chart timeline"' in box


def test_the_box_says_since_when_it_is_bad_and_leads_to_the_incident(pages: Pages) -> None:
    box = boxes(pages.get("metrics"))["feature_drift"]
    assert re.search(r"◆ high, escalated, since \d{4}-\d\d-\d\d \d\d:\d\d", text_of(box))
    assert "/incidents/1" in pages.link(box, "/incidents/")
    assert 'class="mark raised"' in box
    assert text_of(boxes(pages.get("metrics"))["hellinger_mean"]).startswith("hellinger_mean How often")


def test_the_numbers_are_of_all_windows_in_the_time(pages: Pages) -> None:
    box = text_of(boxes(pages.get("metrics"))["feature_drift"])
    assert re.search(r"last 0\.\d+ · mean 0\.\d+ · min 0\.\d+ · max 0\.\d+ · n 72", box)
    short = text_of(boxes(pages.get("metrics?range=24h"))["feature_drift"])
    assert re.search(r"· n 2[34]", short)


def test_thresholds_are_those_that_were_stored_with_each_window(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1)
    before = boxes(pages.get("metrics"))["feature_drift"]
    pages.change(
        "update series_values set extra_data = replace(extra_data, '\"detected_threshold\":0.7', "
        f"'\"detected_threshold\":0.9') where window_start >= '{written(UNTIL_US - 24 * HOUR)}'"
    )
    after = boxes(pages.get("metrics"))["feature_drift"]
    heights = [
        set(re.findall(r"[MV][\d.]* ?([\d.]+)", re.search(r'd="([^"]*)" class="threshold detected"', box)[1]))  # type: ignore[index]
        for box in (before, after)
    ]
    assert (len(heights[0]), len(heights[1])) == (1, 2)
    pages.client.close()


def test_one_chooses_by_the_address_and_a_range_keeps_the_choice(pages: Pages) -> None:
    page = pages.get(f"metrics?metric={RESULT}&metric=histogram-data-drift/hellinger_mean")
    assert set(boxes(page)) == {"feature_drift", "hellinger_mean"}
    other = pages.get(pages.link(page, "range=30d"))
    assert set(boxes(other)) == {"feature_drift", "hellinger_mean"}
    assert set(boxes(pages.get(pages.link(page, "metric=none")))) == set()
    assert re.findall(r'value="([^"]*)" checked', page) == [RESULT, "histogram-data-drift/hellinger_mean"]


def test_the_search_keeps_what_names_contain(pages: Pages) -> None:
    assert set(boxes(pages.get("metrics?q=GENERAL"))) == {"general_drift"}
    assert "No metric is called like “nothing”" in text_of(pages.get("metrics?q=nothing"))


def test_calls_stand_beside_those_of_the_time_before(pages: Pages) -> None:
    said = text_of(pages.get("metrics?range=24h"))
    found = re.search(
        r"([\d,]+) calls in this time ([+-]\d+) % against the same length before: ([\d,]+)", said
    )
    assert found is not None
    now, change, before = (int(each.replace(",", "")) for each in found.groups())
    assert change == round(100 * (now / before - 1))
    assert "against the same length before: 0" in text_of(pages.get("metrics?range=1y"))


def test_a_deployment_is_marked_where_it_happened(pages: Pages) -> None:
    assert 'class="mark model"' in boxes(pages.get("metrics"))["general_drift"]


def test_a_window_that_failed_is_hatched_and_one_that_was_judged_again_is_marked(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=2)
    at_us = UNTIL_US - 5 * HOUR
    pages.change(f"update windows set incomplete = 1 where start_us = {at_us}")
    pages.change(f"update windows set answered = 2, sent = 2, wanted = 2 where start_us = {at_us - 4 * HOUR}")
    pages.change(f"update series_values set revision = 2 where window_start = '{written(at_us - 4 * HOUR)}'")
    box = boxes(pages.get("metrics"))["feature_drift"]
    assert re.findall(r'class="hatch incomplete[^"]*"', box)
    assert re.findall(r'class="mark judged"', box)
    assert "1 judged again" in text_of(box)
    pages.client.close()


def test_without_windows_in_the_time_the_page_says_so_and_looks_further(pages: Pages) -> None:
    old = f"from={from_us(UNTIL_US - 900 * HOUR):%Y-%m-%d}&to={from_us(UNTIL_US - 800 * HOUR):%Y-%m-%d}"
    page = pages.get(f"metrics?{old}")
    assert "In this time there is no window with" in text_of(page)
    assert len(boxes(pages.get(pages.link(page, "metrics?range=1y")))) == 3


def test_without_any_metric_the_page_says_what_to_do(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    pages.change("delete from windows")
    assert "No app has given a metric yet" in text_of(pages.get("metrics"))
    assert WORST in pages.link(pages.get("metrics"), "/features")
    pages.client.close()

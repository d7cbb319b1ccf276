"""Two endpoints side by side: facts that differ, lines over the same windows, features, traffic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api_client import addresses
from made_pages import UNTIL_US, WORST, Pages, rows_of, text_of
from made_project import HOUR
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records

OTHER = f"{1:032x}"
BOTH = f"endpoint={WORST}&endpoint={OTHER}"
PAGE = "/projects/made/compare"
REST = "/api/v1/projects/made/comparison"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("compare") / "project", with_features=2)
    database = open_records(made.made.settings)
    with database.write() as connection:
        known = endpoints.get(connection, OTHER)
        assert known is not None
        names = (*known.feature_names, "only_here")
        endpoints.put(connection, replace(known, version="v2", feature_names=names), UNTIL_US - 5 * HOUR)
    database.close()
    yield made
    made.client.close()


def section(page: str, title: str) -> str:
    return page.split(f"<h2>{title}")[1].split("<h2>")[0]


def test_facts_that_differ_are_told_and_those_that_are_the_same_are_not(pages: Pages) -> None:
    told = rows_of(section(pages.get(f"{PAGE}?{BOTH}"), "What they are"))
    assert "Version v1 v2" in told
    assert "Features of one alone – only_here" in told
    assert any(each.startswith("State ◆ detected: feature_03") for each in told)
    assert not [each for each in told if each.startswith(("Class", "Reference"))]


def test_the_two_stand_in_the_form_by_their_names(pages: Pages) -> None:
    page = pages.get(f"{PAGE}?{BOTH}")
    assert ['value="model-0000"' in page, 'value="model-0001"' in page] == [True, True]
    pages.change(f"update endpoints set name = 'model-0000' where endpoint_id = '{OTHER}'")
    page = pages.get(f"{PAGE}?{BOTH}")
    assert [f'required value="{each}"' in page for each in (WORST, OTHER)] == [True, True]
    pages.change(f"update endpoints set name = 'model-0001' where endpoint_id = '{OTHER}'")


def test_each_metric_has_one_chart_with_both_lines_over_the_same_time(pages: Pages) -> None:
    page = section(pages.get(f"{PAGE}?{BOTH}"), "Results and metrics")
    charts = re.findall(r"<svg.*?</svg>", page, re.S)
    assert [text_of(each) for each in re.findall(r"<figcaption>.*?</figcaption>", page)] == [
        "feature_drift histogram-data-drift", "general_drift histogram-data-drift",
        "hellinger_mean histogram-data-drift",
    ]  # fmt: skip
    for chart in charts:
        assert chart.count('class="line"') == chart.count('class="line second"') == 1
        assert "model-0000: 72 windows, last 0." in chart
        assert "model-0001: 72 windows, last 0." in chart
    assert "solid: last 0." in text_of(page)


def scores(page: str, feature: str) -> list[str]:
    row = next(each for each in page.split("<tr>") if f'<th scope="row">{feature}<' in each)
    return re.findall(r'<td class="numeric">([^<]*)</td>', row)


def test_features_are_of_the_newest_window_of_both_with_the_scores_of_their_own_pages(pages: Pages) -> None:
    page = section(pages.get(f"{PAGE}?{BOTH}"), "Features")
    for feature in ("feature_03", "feature_07"):
        alone = [
            re.search(r'data-score="([\d.]+)"', pages.get(f"{each}/feature?name={feature}")).group(1)
            for each in (f"/projects/made/endpoints/{uid}" for uid in (WORST, OTHER))
        ]
        assert [float(each) for each in scores(page, feature)] == pytest.approx(
            [float(each) for each in alone], abs=1e-3
        )
    assert page.count('class="chart overlay"') == 2 * len(rows_of(page))


def test_traffic_of_both_stands_in_the_same_charts(pages: Pages) -> None:
    traffic = section(pages.get(f"{PAGE}?{BOTH}"), "Traffic")
    assert traffic.count('class="line second"') == traffic.count("<svg") == 3


def test_programs_get_what_the_page_shows(pages: Pages) -> None:
    answer = pages.client.get(f"{REST}?{BOTH}&start=0").json()
    assert [(each["first"], each["second"], each["both"]) for each in answer["windows"]] == [(72, 72, 72)]
    assert {each["name"]: each["second"] for each in answer["differs"]}["Version"] == "v2"
    assert answer["features"][0]["feature"] == "feature_03"
    assert answer["window"] == answer["windows"][0]["newest"]
    swapped = pages.client.get(f"{REST}?endpoint={OTHER},{WORST}&start=0").json()
    assert swapped["first"]["endpoint_id"] == OTHER


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        (f"endpoint={WORST}", 400, "name two to be compared, got 1"),
        ("", 400, "name two to be compared, got 0"),
        (f"endpoint={WORST}&endpoint=model-0000", 404, "'model-0000' is chosen twice"),
        (f"endpoint={WORST}&endpoint={WORST}", 400, "is named twice"),
        (f"{BOTH}&endpoint=model-0000", 400, "name two to be compared, got 3"),
        (f"endpoint={WORST}&endpoint=model-9999", 404, "there is no 'model-9999'"),
    ],
)
def test_what_can_t_be_compared_is_told(pages: Pages, query: str, status: int, said: str) -> None:
    answer = pages.client.get(f"{REST}?{query}")
    assert answer.status_code == status
    assert said in answer.text
    page = pages.client.get(f"{PAGE}?{query}")
    if "endpoint=" in query and query.count("endpoint=") > 1:
        assert page.status_code == status
        assert said in text_of(page.text)
    else:
        assert page.status_code == 200
        assert "Choose two" in page.text


def test_a_time_without_windows_is_told(pages: Pages) -> None:
    page = text_of(pages.get(f"{PAGE}?{BOTH}&from=2001-01-01T00:00:00Z&to=2001-02-01T00:00:00Z"))
    assert "No window of either was judged in this time" in page
    assert "No window of one of them was judged in this time" in page
    assert "No request to either in this time" in page


def test_models_and_an_endpoint_s_page_lead_there(pages: Pages) -> None:
    models = pages.get("/projects/made/models")
    assert models.count('type="checkbox" name="endpoint-') == 2
    assert f'action="{PAGE}"' in models
    link = pages.link(pages.get("features"), "/compare?")
    page = pages.get(link)
    assert f'value="{WORST}"' in page
    assert [each for each in addresses(page, ["value="]) if each == OTHER]


def test_windows_that_only_one_has_are_told_and_none_in_common_compares_no_features(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", days=2)
    half_us = UNTIL_US - 24 * HOUR
    pages.change(f"delete from windows where endpoint_id = '{OTHER}' and start_us < {half_us}")
    page = pages.get(f"{PAGE}?{BOTH}")
    assert rows_of(section(page, "Windows in this time")) == ["histogram-data-drift 48 24 24"]
    assert "Not all windows are there of both" in page
    pages.change(
        f"update windows set start_us = start_us + 60000000, end_us = end_us + 60000000"
        f" where endpoint_id = '{OTHER}'"
    )
    page = text_of(pages.get(f"{PAGE}?{BOTH}"))
    assert "They have no window in common" in page
    assert "No two of their windows begin and end at the same moments in this time" in page
    pages.client.close()

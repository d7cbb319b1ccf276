"""The list of endpoints over HTTP: the needle, what one chooses by, its size and its cost; the heat map."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_pages import WORST, Pages, rows_of, text_of
from made_project.shape import drifted_feature
from query_counter import Work, counted

LIST, MAP = "/projects/made/endpoints", "/projects/made/endpoints/heat-map"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("pages") / "project", endpoints=120)
    yield made
    made.client.close()


def work(pages: Pages, path: str) -> Work:
    project = pages.client.application.state.projects["made"]
    pages.get(path)  # opens what there is to open
    with counted(project.database, project.series._database) as found:
        pages.get(path)
    return found


@pytest.mark.parametrize(("many", "needle"), [(120, 111), pytest.param(500, 321, marks=pytest.mark.slow)])
def test_of_many_endpoints_the_one_that_drifts_is_the_first_row_and_its_feature_is_named(
    tmp_path: Path, many: int, needle: int
) -> None:
    pages = Pages(tmp_path / "project", endpoints=many, days=1, needle=needle)
    first, *others = rows_of(pages.get(LIST))
    assert first.startswith(f"model-0{needle}")
    assert "◆ detected" in first
    assert pages.made.shape.feature_names[drifted_feature(pages.made.shape, needle)] in first
    assert "detected from 0.7" in first
    assert len(others) == 99
    assert not any("detected" in each.replace("no detection", "") for each in others)
    assert work(pages, LIST).statements < 44
    pages.client.close()


@pytest.mark.slow
def test_a_page_of_100_endpoints_is_small_on_the_wire(pages: Pages) -> None:
    page = pages.get(LIST)
    assert len(rows_of(page)) == 100
    assert len(gzip.compress(page.encode())) < 60_000


@pytest.mark.slow
def test_the_page_costs_as_many_statements_whatever_the_history(tmp_path: Path) -> None:
    costs = []
    for days in (3, 9):
        pages = Pages(tmp_path / str(days), endpoints=20, days=days)
        costs.append(work(pages, LIST).statements)
        pages.client.close()
    assert costs[0] == costs[1]


@pytest.mark.slow
def test_more_goes_on_where_the_page_ended(pages: Pages) -> None:
    first = pages.get(LIST)
    second = pages.get(pages.link(first, "after="))
    assert len(rows_of(second)) == 20
    assert not {each.split()[0] for each in rows_of(first)} & {each.split()[0] for each in rows_of(second)}


def test_a_chip_shows_its_state_alone_and_again_all(pages: Pages) -> None:
    chosen = pages.get(pages.link(pages.get(LIST), "state=detected"))
    assert all("detected" in each for each in rows_of(chosen))
    assert len(rows_of(chosen)) == 6
    both = pages.get(pages.link(chosen, "state=detected%2Cfailed"))
    assert len(rows_of(both)) == 12
    assert "state=failed" in pages.link(both, "state=failed")


def test_the_form_keeps_the_state_and_the_time_and_shows_what_was_chosen(pages: Pages) -> None:
    page = pages.get(f"{LIST}?state=detected&range=24h&q=model-00&after=")
    form = page.split("<form")[1].split("</form>")[0]
    assert 'type="hidden" name="state" value="detected"' in form
    assert 'type="hidden" name="range" value="24h"' in form
    assert form.count('name="q"') == 1
    assert 'value="model-00"' in form
    assert all(each.startswith("model-00") for each in rows_of(page))


def test_what_nothing_matches_leads_back(pages: Pages) -> None:
    page = pages.get(f"{LIST}?q=nothing-is-called-so&range=24h")
    assert "No endpoint is as you asked for" in text_of(page)
    assert len(rows_of(pages.get(pages.link(page.split('class="empty"')[1], "range=24h")))) == 100


def test_an_order_is_a_link(pages: Pages) -> None:
    by_name = pages.get(pages.link(pages.get(LIST), "sort=name"))
    names = [each.split()[0] for each in rows_of(by_name)]
    assert names == sorted(names)
    assert 'aria-sort="ascending"' in by_name


def test_the_heat_map_shows_when_it_began_for_each_in_the_order_of_the_list(pages: Pages) -> None:
    page = pages.get(f"{MAP}?limit=30")
    names = [each.split()[0] for each in rows_of(page)]
    assert names == [each.split()[0] for each in rows_of(pages.get(f"{LIST}?limit=30"))]
    worst = page.split("<tbody>")[1].split("</tr>")[0]
    assert "detected in" in worst
    assert "cell detected" in worst


def test_the_heat_map_costs_as_many_statements_for_ten_as_for_a_hundred(pages: Pages) -> None:
    assert work(pages, f"{MAP}?limit=10").statements == work(pages, MAP).statements


def test_a_project_without_endpoints_says_three_commands(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=0)
    for path in (LIST, MAP):
        page = pages.get(path)
        for command in ("modelmon up", "modelmon publish", "modelmon status"):
            assert f"<code>{command}" in page
    pages.client.close()


def test_a_page_has_an_end_whatever_is_asked_for(pages: Pages) -> None:
    assert "limit: expected `int` &lt;= 500" in pages.get(f"{LIST}?limit=501", status=400)


def test_on_the_heat_map_endpoints_of_one_name_are_told_apart(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=3, days=1)
    pages.change("update endpoints set name = 'same', function_name = 'one'")
    pages.change(f"update endpoints set function_name = 'two' where endpoint_id = '{WORST}'")
    names = [row.partition(")")[0] for row in rows_of(pages.get(MAP))]
    assert names[0] == "same (two"
    assert sorted(names[1:]) == [f"same ({each:032x}" for each in (1, 2)]
    pages.client.close()

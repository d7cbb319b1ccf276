"""What a notebook shows: charts of the pages in one box, without a script, a request or an exception."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from made_pages import UNTIL_US, WORST, Pages, rows_of, text_of
from modelmon.client import RemoteProject
from modelmon.client.reports import read_report
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from modelmon.model import Endpoint
from modelmon.model_monitoring.shown import EndpointList, ShownEndpoint
from modelmon.model_monitoring.shown_metrics import MetricValues
from modelmon.pages.report import Report
from modelmon.project import Project
from modelmon.views.incident_lists import IncidentPage
from unit.test_client import through

NAME = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("notebook") / "project", endpoints=25)
    yield made
    made.client.close()


@pytest.fixture
def project(pages: Pages) -> Project:
    return Project("made", Path(pages.made.settings.project_dir))


@pytest.fixture
def remote(pages: Pages) -> Iterator[RemoteProject]:
    with RemoteProject("made", "http://127.0.0.1", transport=through(pages.client)) as project:
        yield project


@pytest.fixture(params=["here", "remote"])
def either(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue({"here": "project", "remote": "remote"}[request.param])


def shown(thing: Any) -> str:
    """What the notebook gets; it loads nothing and touches nothing but its own box."""
    markup = thing._repr_html_()
    assert markup.startswith('<div class="modelmon"><style>.modelmon.modelmon.modelmon {')
    assert not re.findall(r"<(?:script|link|img|iframe|object|embed|base|form|a)\b", markup)
    assert not re.findall(r"(?:\bsrc|\bhref|\baction|\bon\w+)=|@import|url\(|http", markup)
    style = re.search(r"<style>(.*?)</style>", markup, re.S)
    assert style
    assert style[1].count("{") == style[1].count("}")
    assert ":root" not in style[1]
    assert "<" not in style[1]
    return re.sub(r"<style>.*?</style>", "", markup, flags=re.S)


def test_an_endpoint_says_how_it_stands_with_the_charts_of_its_page(either: Any) -> None:
    (found,) = either.list_model_endpoints(uids=WORST)
    markup = shown(found)
    assert "◆ detected" in text_of(markup)
    assert "feature_03" in text_of(markup)
    assert markup.count('class="chart overlay"') == 3
    assert 'class="chart spark"' in markup
    assert repr(found).startswith(f"Endpoint(endpoint_id='{WORST}'")


def test_a_long_list_shows_the_first_ones_and_how_many_more(either: Any) -> None:
    found = either.list_model_endpoints()
    markup = shown(found)
    assert len(rows_of(markup)) == 20
    assert "and 5 more of 25 endpoints" in text_of(markup)
    assert markup.count('class="chart bullet"') > 10
    assert [row.split()[0] for row in rows_of(markup)] == [each.name for each in found[:20]]


def test_incidents_are_a_table_and_say_where_the_next_page_begins(either: Any) -> None:
    page = either.list_incidents(limit=1)
    assert "the next page: after=" in text_of(shown(page))
    assert page == IncidentPage(page.incidents, page.after)
    assert len(rows_of(shown(either.list_incidents(WORST)))) >= 1
    assert "No alert" in shown(type(page)((), ""))


def test_values_of_metrics_are_lines_with_their_thresholds(remote: RemoteProject) -> None:
    names = [each.full_name for each in remote.list_metrics(WORST)]
    nothing = "made.histogram-data-drift.result.nothing"
    found = remote.get_metrics_values(WORST, [*names, nothing])
    markup = shown(found)
    assert markup.count('class="chart timeline"') == len([each for each in found if each.values]) >= 2
    assert 'class="threshold detected"' in markup
    assert "no value in this time" in text_of(markup)
    assert "and 4 more of 24" in text_of(shown(type(found)([found[0]] * 24)))
    assert "No metric" in shown(type(found)())


def test_windows_of_any_length_are_one_line_and_a_missing_one_is_a_gap() -> None:
    times = ["08:00", "09:00", "10:00", "12:00", "13:00", "13:01", "13:02"]
    found = MetricValues(
        "p.a.metric.m", "metric", True, [(f"2026-11-30T{each}:00+00:00", 1.0) for each in times]
    )
    lengths = [(each.end - each.start).total_seconds() / 60 for each in found.samples()]
    assert lengths == [60, 60, 60, 60, 1, 1, 1]
    assert (
        len(list(MetricValues("p.a.metric.m", "metric", True, [("2026-11-30T08:00:00Z", 1.0)]).samples()))
        == 1
    )
    assert list(MetricValues("p.a.metric.m", "metric", False).samples()) == []


@pytest.mark.slow
def test_a_report_is_what_its_file_says(either: Any, tmp_path: Path) -> None:
    (endpoint,) = either.list_model_endpoints(uids=WORST)
    report = either.report(endpoint)
    inside = shown(report)
    saved = report.save(tmp_path / "report.html")
    assert saved.stat().st_size == report.size > 10_000
    assert inside.partition(">")[2].rpartition("</div>")[0].strip() in saved.read_text()
    assert "Markup" not in repr(report)
    by_name = either.report(endpoint.name, window=report.start)
    assert (by_name.start, by_name.end, by_name.file_name) == (report.start, report.end, report.file_name)


def test_here_and_remote_are_the_same(project: Project, remote: RemoteProject) -> None:
    ours, theirs = project.report(WORST), remote.report(WORST)
    assert (ours.endpoint_name, ours.start, ours.end) == (theirs.endpoint_name, theirs.start, theirs.end)
    without_times = [re.sub(r"<time.*?</time>", "", each.content) for each in (ours, theirs)]
    assert without_times[0].strip() == without_times[1].strip()


def test_what_is_not_there_is_refused(either: Any) -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        either.report("model-000")
    with pytest.raises(ConfigError, match="they reach from"):
        either.report(WORST, window=read_time("2001-01-01T00:00:00+00:00"))


def read_time(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


def test_names_are_words_and_nothing_else(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project")
    database = open_records(pages.made.settings)
    with database.write() as connection:
        known = endpoints.get(connection, WORST)
        assert known is not None
        endpoints.put(connection, replace(known, name=NAME), UNTIL_US)
    database.close()
    project = Project("made", tmp_path / "project")
    found = project.list_model_endpoints(uids=WORST)
    for each in (found, found[0], project.list_incidents(WORST), project.report(WORST)):
        assert "&lt;script&gt;alert(1)" in shown(each)
    pages.client.close()


def test_whatever_is_wrong_is_a_sentence(project: Project, tmp_path: Path) -> None:
    (found,) = project.list_model_endpoints(uids=WORST)
    (tmp_path / "file").write_text("in the way")
    down = f"sqlite:///{tmp_path}/file/records.db"
    nowhere = replace(found.reading, settings=project.settings.changed(records_url=down))
    gone = replace(found, endpoint_id="gone")
    for each, words in (
        (replace(found, reading=nowhere), str(tmp_path)),
        (EndpointList([replace(found, reading=nowhere)]), str(tmp_path)),
        (gone, "was it deleted?"),
        (EndpointList([found, gone]), "and 1 more of 2 endpoints"),
        (replace(found, reading=None), "not read from a project"),
        (EndpointList([Endpoint("e", "p", "plain")]), "not read from a project"),
        (EndpointList(), "No endpoint"),
    ):
        assert words in text_of(shown(each))


def test_a_server_that_does_not_answer_is_a_sentence() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    with RemoteProject("made", "http://127.0.0.1", transport=httpx.MockTransport(refuse)) as remote:
        endpoint = ShownEndpoint("e", "made", "m", reading=remote)
        markup = endpoint._repr_html_()
        assert "does not answer" in markup


def test_a_shown_endpoint_is_the_endpoint_it_shows(project: Project) -> None:
    (found,) = project.list_model_endpoints(uids=WORST)
    database = open_records(project.settings)
    with database.read() as connection:
        plain = endpoints.get(connection, WORST)
    database.close()
    assert found == plain
    assert plain == found
    assert found != replace(found, name="other")
    assert repr(found) == repr(plain)
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<p>hello</p>", "no window"),
        ("<script>x</script>", "<script>"),
        ('<p onclick="x">a</p>', "onclick"),
        ('<svg><a href="x">a</a></svg>', "<a>"),
        ("<style>p{}</style>", "<style>"),
    ],
)
def test_an_answer_that_is_no_report_is_not_shown(content: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_report(f'<main id="main">{content}</main>', "m")


def test_a_file_that_is_no_report_is_not_replaced(project: Project, tmp_path: Path) -> None:
    report = project.report(WORST)
    assert isinstance(report, Report)
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    with pytest.raises(ConfigError, match="is there already and is no report"):
        report.save(mine)
    assert mine.read_text() == "mine"
    for _ in range(2):
        report.save(tmp_path / "report.html")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mine.html", "report.html"]

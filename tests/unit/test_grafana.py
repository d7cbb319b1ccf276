"""The dashboards for Grafana, as far as that can be said without a database: they are well made, and the
expansion that other tests run their queries with is Grafana's."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from grafana import FILES, FOLDER, Shown, expanded, links, read, targets, variables

SHOWN = Shown(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "5m")
DASHBOARDS = [pytest.param(read(path), id=f"{path.parent.name}-{path.stem}") for path in FILES]
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS)


def test_the_files_are_as_the_code_writes_them(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FOLDER, tmp_path], check=True, timeout=60)
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.json")}
    assert written == {path.relative_to(FOLDER): path.read_bytes() for path in FILES}, (
        "run `python dashboards/grafana` and look at what changed"
    )
    assert len(written) == 7


@each_dashboard
def test_no_panel_lies_on_another_and_none_has_the_number_of_another(dashboard: dict[str, Any]) -> None:
    taken = Counter(
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )
    assert max(taken.values()) == 1
    assert max(x for x, _ in taken) == 23
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert sorted(set(numbers)) == sorted(numbers)


@each_dashboard
def test_each_panel_says_what_it_is_and_takes_its_data_where_the_reader_says(
    dashboard: dict[str, Any],
) -> None:
    assert dashboard["schemaVersion"] >= 36
    for panel, target in targets(dashboard):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert {panel["datasource"]["uid"], target["datasource"]["uid"]} == {"${datasource}"}
    for variable in variables(dashboard):
        assert variable["type"] != "query" or variable["datasource"]["uid"] == "${datasource}"


@each_dashboard
def test_lines_are_asked_for_in_the_order_of_time(dashboard: dict[str, Any]) -> None:
    for _, target in targets(dashboard):
        if "rawSql" in target and target["format"] == "time_series":
            assert re.search(r'SELECT (\$__timeGroupAlias\(|\w+ AS "time")', target["rawSql"])
            assert re.search(r"ORDER BY 1\b", target["rawSql"])


@each_dashboard
def test_each_link_to_a_dashboard_leads_to_one_that_has_the_variables_it_sets(
    dashboard: dict[str, Any],
) -> None:
    known = {each["uid"]: {variable["name"] for variable in variables(each)} for each in map(read, FILES)}
    for panel in dashboard["panels"]:
        for url in links(panel):
            if url.startswith("/d/"):
                uid, _, query = url.removeprefix("/d/").partition("?")
                wanted = {part.partition("=")[0] for part in query.split("&") if part.startswith("var-")}
                assert {each.removeprefix("var-") for each in wanted} <= known[uid], url


def test_each_dashboard_has_an_address_of_its_own() -> None:
    found = [read(path)["uid"] for path in FILES]
    assert len(set(found)) == len(found)
    assert all(len(uid) <= 40 for uid in found)  # Grafana takes no longer one


@pytest.mark.parametrize(
    ("sql", "becomes"),
    [
        ("$__timeFilter(a)", "a BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-02T00:00:00Z'"),
        (
            "a > $__timeFrom() AND a < $__timeTo()",
            "a > '2026-01-01T00:00:00Z' AND a < '2026-01-02T00:00:00Z'",
        ),
        ("$__unixEpochFrom() $__unixEpochTo()", "1767225600 1767312000"),
        ("$__timeGroup(a, '1h')", "floor((extract(epoch from a))/3600)*3600"),
        ("$__timeGroupAlias(a, $__interval)", 'floor((extract(epoch from a))/300)*300 AS "time"'),
        ("$__interval_ms", "300000"),
        ("${name:sqlstring} $name '${name}'", "'o''neill' o''neill 'o''neill'"),
        ("a IN (${many:sqlstring}) OR a IN ($many)", "a IN ('x','y') OR a IN ('x','y')"),
        ("[[name]]", "o''neill"),
    ],
)
def test_a_query_is_expanded_as_by_grafana(sql: str, becomes: str) -> None:
    assert expanded(sql, SHOWN, {"name": "o'neill", "many": ["x", "y"]}) == becomes


@pytest.mark.parametrize("sql", ["$nobody", "${nobody:sqlstring}", "$__timeSomething(a)", "[[a]]"])
def test_what_grafana_does_not_know_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match=r"behind a \$"):
        expanded(sql, SHOWN, {"name": "x"})

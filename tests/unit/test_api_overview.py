"""The page of one endpoint over HTTP: verdicts and why, who else went bad, the account, what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from api_client import ApiClient
from made_pages import WORST, Pages, rows_of, text_of
from modelmon.ledger import registry
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import endpoint_apps, verdicts, windows
from modelmon.sql.database import Database
from query_counter import counted


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("pages") / "project", endpoints=25)
    yield made
    made.client.close()


def overview(endpoint_id: str, query: str = "") -> str:
    return f"/projects/made/endpoints/{endpoint_id}{query}"


def state(pages: Pages, name: str) -> str:
    """An endpoint that is in this state."""
    page = pages.get(f"/projects/made/endpoints?state={name}")
    return re.search(r"/projects/made/endpoints/([0-9a-f]{32})", page.split("<tbody>")[1]).group(1)


def test_the_verdict_comes_first_with_its_rule_and_leads_to_the_window(pages: Pages) -> None:
    page = pages.get(overview(WORST))
    card = page.split('<section class="card verdict')[1].split("</section>")[0]
    assert "◆ detected: feature_03 0." in text_of(card)
    drift = next(each for each in rows_of(card) if each.startswith("feature_drift"))
    assert "suspected from 0.5, detected from 0.7" in drift
    window = pages.get(pages.link(card, "/features?window="))
    assert "feature_03" in rows_of(window)[0]


def test_of_several_apps_the_worst_stands_first(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    records = open_records(pages.made.settings)
    with records.write() as connection:
        registry.register_app(connection, "a-calm-app", None, 0)
        for table in (windows, endpoint_apps, verdicts):
            for row in connection.execute(select(table).where(table.c.endpoint_id == WORST)).all():
                calm = {"status": 0} if table is verdicts else {}
                connection.execute(insert(table), {**row._asdict(), "application_name": "a-calm-app", **calm})
    records.close()
    first, second = pages.get(overview(WORST)).split('<section class="card verdict')[1:3]
    assert "◆ detected: " in text_of(first)
    assert "histogram-data-drift, since" in text_of(first)
    assert "<details>" not in first.split("<tbody>")[0]
    calm, inside = second.split("<details>")[1].split("</summary>")[:2]
    assert "● a-calm-app: no detection, " in text_of(calm)
    assert "windows judged until" in text_of(inside)
    pages.client.close()


def test_an_app_that_is_quiet_beside_drift_stands_behind_it_and_says_so(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    records = open_records(pages.made.settings)
    with records.write() as connection:
        registry.register_app(connection, "drift", None, 0)
        for table in (windows, endpoint_apps, verdicts):
            for row in connection.execute(select(table).where(table.c.endpoint_id == WORST)).all():
                calm = {"status": 0} if table is verdicts else {}
                connection.execute(insert(table), {**row._asdict(), "application_name": "drift", **calm})
        connection.execute(update(incidents).values(resolved_us=1, state="resolved"))
    records.close()
    page = pages.get(overview(WORST))
    first, second = page.split('<section class="card verdict')[1:3]
    assert "● drift: no detection, " in text_of(first)
    assert "◆ histogram-data-drift: detected, " in text_of(second.split("</summary>")[0])
    assert "It raises no alerts" in text_of(second)
    assert "no detection" in text_of(page.split("<h1")[1].split("</h1>")[0] + page.split("</h1>")[1][:300])
    pages.client.close()


def test_the_worst_feature_is_named_first_and_leads_to_its_page(pages: Pages) -> None:
    features = pages.get(overview(WORST)).split("Features that changed most")[1]
    link = pages.link(features, "/feature?")
    assert "name=feature_03" in link
    pages.get(link)


def test_who_went_bad_at_the_same_time_is_counted_and_linked(pages: Pages) -> None:
    page = pages.get(overview(WORST)).split("Also since then")[1].split("</section>")[0]
    assert "went bad at the same time" in text_of(page)
    assert "model-0020" in text_of(page)


def test_of_a_silent_endpoint_the_last_verdict_is_told_and_leads_to_its_window(pages: Pages) -> None:
    page = pages.get(overview(state(pages, "no+data")))
    card = page.split('<section class="card verdict')[1].split("</section>")[0]
    told = text_of(card)
    assert told.index("no data: since") < told.index("last verdict: ● no detection")
    window = pages.link(card.split("last verdict")[1], "/features?window=")
    (day,) = re.findall(r"window=(\d{4}-\d\d-\d\d)T", window)
    assert f"Window {day}" in text_of(pages.get(window))
    assert "last verdict" not in pages.get(overview(WORST))


def test_the_account_adds_up(pages: Pages) -> None:
    account = pages.get(overview(WORST)).split("tiles account")[1].split("</ul>")[0]
    received, stored, errors, rejected, *_ = (
        int(each.replace(",", "")) for each in re.findall(r"<strong>\D*([\d,]+)</strong>", account)
    )
    assert received == stored + errors + rejected > 0


def test_a_time_without_requests_says_so_and_when_the_last_came(pages: Pages) -> None:
    silent = state(pages, "no+data")
    assert "Requests" in text_of(pages.get(overview(silent, "?range=7d")))
    said = text_of(pages.get(overview(silent, "?range=1h")))
    assert "No request in this time. The last one came 20" in said


def test_an_app_that_failed_says_with_what(pages: Pages) -> None:
    assert "✕ failed: KeyError: 'feature_00'" in text_of(pages.get(overview(state(pages, "failed"))))


def test_an_endpoint_that_is_not_there_is_not_here(pages: Pages) -> None:
    page = pages.get(overview("model-000"), status=404)
    assert "did you mean" in page
    assert "To the first page" in page


def test_the_page_costs_as_many_statements_for_any_time_shown(pages: Pages) -> None:
    project = pages.client.application.state.projects["made"]
    costs = []
    for span in ("1h", "7d", "1y"):
        with counted(project.database, project.series._database) as work:
            pages.get(overview(WORST, f"?range={span}"))
        costs.append(work.statements)
    assert max(costs) < 60
    assert len(set(costs)) == 1


def test_a_new_column_is_told_but_none_that_is_private(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project")
    for column in ("tip", "email"):
        pages.change(f"INSERT INTO schema_changes VALUES ('{WORST}', '{column}', 'new', 'string', 1)")
    pages.client.close()
    pages.client = ApiClient(replace(pages.made.settings, private="email, feature_03"))
    for path in (
        overview(WORST),
        "/projects/made/endpoints",
        "/projects/made/incidents",
        "/projects/made/incidents/1",
    ):
        page = pages.get(path)
        assert "feature_03" not in page, path
        assert "email" not in page
    assert "tip new" in text_of(pages.get(overview(WORST)))
    pages.client.close()


def rows_are(database: Database, rows: str, estimated: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE series_traffic SET rows = {rows}, estimated_predictions = {estimated}"
        )


def test_an_endpoint_that_is_sampled_says_how_many_were_served(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project")
    database = pages.client.application.state.projects["made"].series._database
    rows_are(database, "predictions * 5", estimated="predictions * 5")  # five rows a request, and all came
    assert "a sample" not in text_of(pages.get(overview(WORST)))
    rows_are(database, "predictions * 5", estimated="predictions * 20")
    said = re.search(r"a sample: of about ([\d,]+) rows ([\d,]+) came", text_of(pages.get(overview(WORST))))
    about, came = (int(each.replace(",", "")) for each in said.groups())
    assert about == 4 * came
    pages.client.close()

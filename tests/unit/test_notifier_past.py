"""What is judged long after it happened is an incident of the past: marked, and told to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from modelmon.ledger.action_runs import action_runs
from modelmon.ledger.delivery_schema import notices
from modelmon.ledger.incident_schema import incidents
from modelmon.model import DAY_US, ResultKindApp
from modelmon.model import HOUR_US as HOUR
from modelmon.model import MINUTE_US as MINUTE
from modelmon.views.incidents import history_of
from receivers import WebServer
from unit.notifying_support import NOW, Notifying, heard, told

LATER = NOW + 10 * DAY_US
ACTING = """rules:
  - {{name: a, action: retrain, escalate: {{after: 1h, channels: boss}}}}
actions:
  retrain: {{kind: webhook, url: {address}/start}}"""


def is_historical(news: Notifying, number: int = 1) -> bool:
    with news.chain.database.read() as connection:
        found = history_of(connection, news.chain.settings, number)
    assert found is not None
    return found.incident.historical


def test_history_that_is_replayed_is_marked_and_told_to_nobody(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web, rules=ACTING.format(address=web.address)), endpoints=3)
    for which in range(3):
        news.judge(0, 2, now=LATER, which=which)
    news.judge(1, 0, now=LATER, which=2)
    for hours in (0, 2, 30):
        news.tick(LATER + hours * HOUR)
    assert not web.got
    assert [is_historical(news, number) for number in (1, 2, 3)] == [True] * 3
    with news.chain.database.read() as connection:
        assert connection.execute(select(action_runs)).all() == []


@pytest.mark.parametrize(
    ("kind", "days", "settings", "is_past"),
    [
        (ResultKindApp.data_drift, 6.9, {}, False),
        (ResultKindApp.data_drift, 7.1, {}, True),
        (ResultKindApp.data_drift, 400, {"historical_days": 0}, False),
        (ResultKindApp.model_performance, 30, {}, False),
        (ResultKindApp.concept_drift, 89, {}, False),
        (ResultKindApp.concept_drift, 91, {}, True),
        (ResultKindApp.concept_drift, 400, {"historical_actuals_days": 0}, False),
    ],
)
def test_how_long_ago_is_of_the_past_and_late_actuals_are_not(
    tmp_path: Path,
    web: WebServer,
    kind: ResultKindApp,
    days: float,
    settings: dict[str, float],
    is_past: bool,
) -> None:
    news = Notifying(tmp_path, told(web), **settings)
    judged = NOW + round(days * DAY_US)
    news.judge(0, 2, now=judged, kind=kind)
    news.tick(judged)
    assert (is_historical(news), heard(web)) == (is_past, [] if is_past else [("hook", "raised")])


def test_what_goes_on_into_the_present_is_told_then(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web), historical_days=15 / 1440)  # a quarter of an hour
    news.judge(0, 2)
    news.tick(NOW)
    assert (is_historical(news), heard(web)) == (True, [])
    news.judge(4, 2)
    news.tick(NOW + 2 * MINUTE)
    assert (is_historical(news), heard(web)) == (False, [("hook", "still open")])


def test_that_it_is_over_is_told_to_whoever_was_told_of_it(tmp_path: Path, web: WebServer) -> None:
    news = Notifying(tmp_path, told(web))
    news.judge(0, 2)
    news.tick(NOW)
    news.judge(1, 0, now=LATER)
    news.tick(LATER)
    assert heard(web) == [("hook", "raised"), ("hook", "resolved")]


@pytest.mark.slow
def test_of_thousands_that_nobody_is_at_all_are_told_to_others(tmp_path: Path, web: WebServer) -> None:
    rules = "rules:\n  - {name: a, escalate: {after: 1h, channels: boss}}"
    news = Notifying(tmp_path, told(web, "group_wait: 0, repeat: 0", rules=rules))
    news.judge(0, 2)
    with news.chain.database.write() as connection:
        row = dict(connection.execute(select(incidents)).one()._mapping)
        rows = [{**row, "incident_id": number, "endpoint_id": f"e{number}"} for number in range(2, 2_502)]
        connection.execute(incidents.insert(), rows)
    for minutes in (61, 63, 65, 67):
        news.tick(NOW + minutes * MINUTE)
    with news.chain.database.read() as connection:
        noted = connection.scalars(select(notices.c.incident_id).where(notices.c.channel == "boss")).all()
    assert sorted(noted) == list(range(1, 2_502))

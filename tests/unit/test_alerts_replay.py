"""What rules would have raised over stored results is what they raise."""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import modelmon
from api_client import ApiClient
from modelmon.cli import main, output
from modelmon.client.remote_project import RemoteProject
from modelmon.errors import ConfigError
from modelmon.ledger.metadata import metadata
from modelmon.model_monitoring.replayed_alerts import replay_alerts
from modelmon.views import replaying
from unit.notifying_support import Notifying
from unit.test_client import through
from unit.window_support import failed

RULES = [
    "name: a, for: 2 of 3",
    "name: a, for: 2, clear: 2",
    "name: a, when: {status: detected}",
    "name: a, when: {value: '> 0.5'}, clear: 2",
    "name: a, cooldown: 20m",
    "name: a, reset: manual",
    "name: a, match: {endpoints: 'endpoint-1*'}",
    "name: result-status, enabled: false",
]


@pytest.fixture
def news(tmp_path: Path) -> Notifying:
    (tmp_path / "modelmon.yaml").write_text("project: flights\n")
    (tmp_path / ".modelmon").mkdir()
    where = f"sqlite:///{tmp_path}/.modelmon/records.db"
    return Notifying(tmp_path, "format: 1\n", 2, records_url=where, app_attempts=1)


def rules(*texts: str) -> str:
    return "format: 1\nrules:\n" + "".join(f"  - {{{text}}}\n" for text in texts)


def judge(news: Notifying, seed: int = 0) -> None:
    drawn = random.Random(seed)
    for number in range(5):
        for which in (0, 1):
            news.judge(number, drawn.choice([-1, 0, 0, 1, 2]), drawn.random(), which=which)


@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
def test_what_would_have_been_raised_is_what_is_raised(news: Notifying, rule: str) -> None:
    news.alerts(rules(rule))
    judge(news, RULES.index(rule) + 5)
    found = replay_alerts(news.chain.settings)
    assert found.windows == 10
    assert [(each.rule, each.endpoint_id, each.would) for each in found.days] == [
        (each.rule, each.endpoint_id, each.raised) for each in found.days
    ]
    assert found.raised == len([row for row in news.chain.incidents() if row.state != "pending"])


def test_another_file_says_what_it_would_change_and_nothing_is_written(news: Notifying) -> None:
    for number, status in enumerate([2, 0, 2, 2, 0]):
        news.judge(number, status)
    before = rows(news)
    found = replay_alerts(news.chain.settings, text=rules("name: strict, for: 2"))
    assert [(each.rule, each.endpoint_name, each.would, each.raised) for each in found.days] == [
        ("result-status", "endpoint-1-name", 0, 2), ("strict", "endpoint-1-name", 1, 0),
    ]  # fmt: skip
    assert found.by_rule == {"result-status": (0, 2), "strict": (1, 0)}
    assert rows(news) == before


def test_a_failure_is_replayed(news: Notifying) -> None:
    event = news.events[news.endpoints[0], 0]
    news.chain.report(failed(event))
    found = replay_alerts(news.chain.settings)
    assert [(each.rule, each.would, each.raised) for each in found.days] == [("app-failed", 1, 1)]


def test_only_what_was_judged_since_then_of_these_endpoints_is_looked_at(news: Notifying) -> None:
    for which in (0, 1):
        for number, status in enumerate([2, 0, 2, 0]):
            news.judge(number, status, which=which)
    assert replay_alerts(news.chain.settings, "20m").would == 2
    assert replay_alerts(news.chain.settings, names=["endpoint-2-name"]).would == 2
    assert replay_alerts(news.chain.settings).would == 4


def test_where_nothing_was_judged_nothing_would_have_been_raised(news: Notifying) -> None:
    found = replay_alerts(news.chain.settings)
    assert (found.windows, found.days) == (0, ())


def test_rules_of_the_clock_are_named(news: Notifying) -> None:
    text = rules("name: a, when: {silent: 2h}", "name: b, when: {silent: 2h}, enabled: false")
    assert replay_alerts(news.chain.settings, text=text).not_replayed == ("a",)


def test_what_comes_and_goes_is_held_open_and_spares_messages(news: Notifying) -> None:
    for number, status in enumerate([2, 0, 2, 0, 2]):
        news.judge(number, status)
    found = replay_alerts(news.chain.settings)
    assert (found.would, found.raised, found.flapping, found.spared) == (3, 3, 1, 0)
    numbers = "flapping: {changes: 1, windows: 3, calm: 2}"
    found = replay_alerts(news.chain.settings, text=rules(f"name: result-status, {numbers}"))
    assert (found.would, found.flapping, found.spared) == (1, 1, 3)  # five, and two now
    off = replay_alerts(news.chain.settings, text=rules("name: result-status, flapping: off"))
    assert (off.would, off.flapping, off.spared) == (3, 0, 0)


def test_it_is_said_from_here_and_from_another_machine(news: Notifying, tmp_path: Path) -> None:
    for number, status in enumerate([2, 0, 2, 2, 0]):
        news.judge(number, status)
    client = ApiClient(news.chain.settings)
    here = modelmon.get_or_create_project("flights", context=tmp_path)
    there = RemoteProject("flights", "http://127.0.0.1", transport=through(client))
    file = tmp_path / "strict.yaml"
    file.write_text(rules("name: strict, for: 2"))
    asked: list[dict[str, Any]] = [
        {}, {"file": str(file)}, {"since": "20m"}, {"since": date(2023, 11, 14)},
        {"since": datetime(2023, 11, 14, 22, 30, tzinfo=UTC), "endpoints": "endpoint-1-name"},
        {"endpoints": ["endpoint-2"]},
    ]  # fmt: skip
    for each in asked:
        assert here.replay_alerts(**each) == there.replay_alerts(**each) == said(news, each)
    assert [there.replay_alerts(**each).would for each in asked] == [2, 1, 1, 2, 1, 0]
    for wrong in (
        {"since": "soon"},
        {"endpoints": "endpiont-1-name"},
        {"file": "format: 1\nrules: [{name: A}]"},
    ):
        told = []
        for project in (here, there):
            with pytest.raises(ConfigError) as refused:
                project.replay_alerts(**wrong)
            told.append(str(refused.value))
        assert told[0] in told[1]
    client.close()


def said(news: Notifying, given: dict[str, Any]) -> Any:
    text = Path(given["file"]).read_text() if "file" in given else None
    return replay_alerts(news.chain.settings, given.get("since", "30d"), text, given.get("endpoints"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"names": ["endpiont-1-name"]}, "there is no endpoint 'endpiont-1-name'; did you mean"),
        ({"names": [7]}, "endpoint: must be a name or an id, got 7"),
        ({"since": "soon"}, "since: 'soon' is neither a length of time, as '30d', nor a moment, as '2025-"),
        ({"since": "500d"}, "since: '500d' is too long: 366d at most"),
        ({"since": "2999-01-01"}, "is not before the newest window"),
        ({"text": "format: 1\nrules: [{name: A}]\n"}, "is no name of a rule"),
    ],
)
def test_what_can_not_be_replayed_says_why(news: Notifying, given: Any, told: str) -> None:
    news.judge(0, 2)
    with pytest.raises(ConfigError, match=told):
        replay_alerts(news.chain.settings, **given)


def test_too_many_windows_are_refused_before_they_are_read(
    news: Notifying, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(news)
    monkeypatch.setattr(replaying, "MOST_WINDOWS", 9)
    with pytest.raises(ConfigError, match="10 windows were judged since then; at most 9"):
        replay_alerts(news.chain.settings)


def test_the_command(
    news: Notifying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    news.judge(0, 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output.console, "width", 120)
    Path("a.yaml").write_text(rules("name: strict, for: 2"))
    run(monkeypatch, "--json")
    assert json.loads(capsys.readouterr().out)["days"][0]["would"] == 1
    run(monkeypatch, "a.yaml")
    told = capsys.readouterr().out
    assert "result-status: 0 would have been raised, 1 was" in told
    assert "In all 0 incidents over 1 window since" in told


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["modelmon", "alerts", "replay", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def rows(news: Notifying) -> dict[str, int]:
    with news.chain.database.read() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }

"""Rules are listed with what they look at, set and taken out one by one, checked beside a project."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api_client import ApiClient, addresses
from modelmon.alerting import read_alerts
from modelmon.alerting.writing import with_channel, with_rule, without_rule
from modelmon.cli import main, output
from modelmon.errors import ConfigError
from modelmon.ledger.registry import put_function
from modelmon.model_monitoring.alert_rules import check_beside
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project
from unit.notifying_support import Notifying

FILE = """\
# ours
format: 1
channels:
  team: {kind: webhook, url: 'https://hooks.example/x'}  # the team's
rules:
  # the first
  - name: one
    match: {endpoints: 'endpoint-*'}   # all of them

  - name: two
    summary: >-
      two
      words
    enabled: false
# the end
send: {group_wait: 10s}
"""


@pytest.fixture
def news(tmp_path: Path) -> Iterator[Notifying]:
    (tmp_path / "modelmon.yaml").write_text("project: flights\n")
    (tmp_path / ".modelmon").mkdir()
    news = Notifying(
        tmp_path, "format: 1\n", 2, {"team": "ads"}, records_url=f"sqlite:///{tmp_path}/.modelmon/records.db"
    )
    for which in (0, 1):
        news.judge(0, 1, which=which)
    yield news
    news.chain.close()


@pytest.fixture
def project(news: Notifying, tmp_path: Path) -> Project:
    return Project("flights", tmp_path)


@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_one_rule_is_set_and_every_other_line_stays(name: str) -> None:
    rule = {"name": name, "severity": "low", "match": {"apps": ["a"]}}
    text = with_rule(FILE, rule)
    assert {each.name: each.severity for each in read_alerts(text).rules}[name] == "low"
    kept = [line for line in FILE.splitlines() if line.startswith(("#", "send", "  team", "  # the"))]
    assert [line for line in text.splitlines() if line in kept] == kept
    assert with_rule(text, rule) == text


def test_a_rule_that_is_taken_out_leaves_the_rest(tmp_path: Path) -> None:
    text = without_rule(FILE, "one")
    assert [each.name for each in read_alerts(text).rules] == ["two"]
    assert "# ours" in text
    assert "# the end" in text
    assert without_rule(text, "nobody") == text
    assert read_alerts(without_rule(text, "two")).rules == ()


@pytest.mark.parametrize(
    "text",
    ["", "format: 1\n", "format: 1", "{format: 1}", "format: 1\nrules: []\n", "format: 1\nrules:\n",
     "format: 1\nrules: [{name: a}]\n", "format: 1\nrules:\n- name: a", "rules:\n-\n  name: a\nformat: 1\n",
     "format: 1\nrules:\n  - {name: a,\n     enabled: true}\n", "rules:\n  - name: a\n\n\nformat: 1 # end"],
)  # fmt: skip
def test_however_a_file_is_written_a_rule_gets_into_it_and_out(text: str) -> None:
    before = [each.name for each in read_alerts(text).rules] if text else []
    made = with_rule(text, {"name": "b", "called": "Ж 'x': #"})
    assert [each.name for each in read_alerts(made).rules] == [*before, "b"]
    assert read_alerts(made).rules[-1].called == "Ж 'x': #"
    assert [each.name for each in read_alerts(without_rule(made, "b")).rules] == before


def test_a_channel_gets_into_a_file() -> None:
    made = with_channel(FILE, "oncall", {"kind": "slack", "url": "${env:HOOK}"})
    assert list(read_alerts(made).channels) == ["team", "oncall"]
    assert "# the team's" in made
    assert list(read_alerts(with_channel("", "a", {"kind": "slack", "url": "${env:A}"})).channels) == ["a"]


def test_rules_say_what_they_look_at_now(project: Project) -> None:
    built_in = {each.name: each for each in project.list_alert_rules()}["result-status"]
    assert (built_in.built_in, built_in.endpoint_count, built_in.subject_count) == (True, 2, 2)
    made = project.set_alert_rule({"name": "a", "match": {"endpoints": "endpoint-1*"}})
    assert made.subjects == ("endpoint-1-name, app, drift",)
    shown = {each.name: each for each in project.list_alert_rules()}
    assert shown["result-status"].endpoints == ("endpoint-2-name",), "an own rule takes what it looks at"
    assert shown["a"].rule == {"name": "a", "match": {"endpoints": "endpoint-1*"}}
    assert project.set_alert_rule({"name": "a", "match": {"labels": {"team": "b*"}}}).subject_count == 0
    assert project.set_alert_rule({"name": "a", "enabled": False}).endpoints == ()
    project.remove_alert_rule("a")
    assert "a" not in {each.name for each in project.list_alert_rules()}
    deeds = [each.text for each in project.list_alert_files()]
    assert len(deeds) == 5


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({}, "rule: needs a name, a text, got None"),
        ("a", "rule: must be a mapping with the keys of a rule, got 'a'"),
        ({"name": 7}, "needs a name, a text, got 7"),
        ({"name": "a", "for": "9 of 3"}, "is no number of windows"),
        ({"name": "a", "flapping": "never"}, "'never' says not when it flaps; write off"),
        ({"name": "a", "flapping": True}, "says not when it flaps"),
        ({"name": "a", "flapping": {"change": 3}}, "did you mean changes?"),
        ({"name": "a", "flapping": {"windows": 101}}, "is no number; write a number from 1 to 100"),
        ({"name": "a", "flapping": {"calm": 0}}, "is no number"),
        ({"name": "a", "flapping": {"windows": 4}}, "is never so with 4 changes; write fewer"),
        ({"name": "a", "mach": {}}, "did you mean match?"),
        ({"name": "a", "channels": "nobody"}, "is no channel"),
        ({"name": "a", "summary": {1, 2}, "cooldown": object()}, "can't be written as YAML"),
        ({"name": "a", "when": {"value": float("nan")}}, "is no limit"),
    ],
)
def test_a_rule_that_is_wrong_changes_nothing(project: Project, rule: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("(", r"\(")):
        project.set_alert_rule(rule)
    assert len(project.list_alert_files()) == 1


def test_one_that_is_not_there_can_not_be_taken_out(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"alerts\.yaml has no rule 'a'"):
        project.remove_alert_rule("a")


def test_what_fits_nothing_in_the_project_is_warned_of(project: Project) -> None:
    text = """\
format: 1
rules:
  - name: a
    match: {endpoints: [endpoint-1-name, endpiont-2-name], apps: apq, results: 'd*'}
  - name: b
    match: {labels: {team: bds}, functions: other}
  - {name: c, match: {labels: {taem: x}}}
  - {name: d, enabled: false, match: {apps: nobody}}
"""
    read = check_beside(project.settings, text)
    assert [(each.line, each.key, each.mend) for each in read.findings if each.level == "warning"] == [
        (4, "rules[0].match.apps", "there are app"),
        (4, "rules[0].match.endpoints[1]", "did you mean endpoint-2-name?"),
        (6, "rules[1].match.functions", "there are serving"),
        (6, "rules[1].match.labels.team", "there are ads"),
        (7, "rules[2].match.labels.taem", "did you mean team?"),
    ]
    assert read.alerts is not None


def test_a_job_that_is_not_there_and_time_that_is_not_kept_are_warned_of(project: Project) -> None:
    settings = replace(project.settings, retention_days=7.0, dead_letter_days=30.0)
    with opened(settings) as database, database.write() as connection:
        put_function(connection, "retrain", "job", {}, deployed=True, now_us=1)
    text = """\
format: 1
actions:
  a: {kind: retrain, job: retrian}
  b: {kind: retrain, job: retrain}
  c: {kind: retrain, job: elsewhere, url: 'https://jobs.example'}
rules:
  - {name: a, when: {error_share: '> 1 %', over: 30d}}
  - {name: b, when: {error_share: '> 1 %', over: 7d}}
  - {name: c, when: {dead_letters: '> 0', over: 31d}}
"""
    found = [(each.line, each.level, each.mend) for each in check_beside(settings, text).findings]
    assert found == [
        (3, "warning", "did you mean retrain?"), (7, "warning", "retention_days is 7"),
        (9, "warning", "dead_letter_days is 30"),
    ]  # fmt: skip


def test_the_command_lists_rules_and_checks_beside_the_project(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.context)
    monkeypatch.setattr(output.console, "width", 160)
    Path("a.yaml").write_text("format: 1\nrules:\n  - {name: a, match: {apps: nobody}}\n")
    assert _run(monkeypatch, "check", "a.yaml", "--json") == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == 1
    assert _run(monkeypatch, "rules", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "result-status"
    assert _run(monkeypatch, "rules") == 0
    assert "endpoint-1-name, endpoint-2-name" in capsys.readouterr().out


def test_without_a_project_a_file_is_checked_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("format: 1\nrules:\n  - {name: a, match: {apps: nobody}}\n")
    assert _run(monkeypatch, "check", "a.yaml", "--json") == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == 0


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["modelmon", "alerts", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def client(project: Project) -> Iterator[ApiClient]:
    client = ApiClient(project.settings)
    yield client
    client.close()


PAGE, SAME = "/projects/flights/rules", {"sec-fetch-site": "same-origin"}


def press(client: ApiClient, do: str, text: str) -> Any:
    token = addresses(client.get(PAGE).text, ['name="form_token" value='])[0]
    form = {"form_token": token, "do": do, "text": text.replace("\n", "\r\n")}
    return client.request("POST", PAGE, data=form, headers=SAME)


def test_the_page_shows_what_counts_and_what_each_rule_looks_at(project: Project, client: ApiClient) -> None:
    project.set_alert_rule({"name": "own", "match": {"endpoints": "endpoint-1*"}, "called": "<b>it</b>"})
    page = client.get(PAGE).text
    assert "endpoint-1-name, app, drift" in page
    assert "a result is suspected or detected" in page
    assert "the project as a whole" in page
    assert "2 apps</summary>" in page
    assert ("<b>it</b>" in page, "&lt;b&gt;it" in page) == (False, True)
    assert f'href="{PAGE}"' in client.get("/projects/flights/incidents").text
    assert f'href="{PAGE}"' in client.get("/projects/flights/silences").text


def test_on_the_page_a_file_is_checked_and_set_and_mistakes_are_told_by_line(
    project: Project, client: ApiClient
) -> None:
    wrong = "format: 1\nrules:\n  - {name: a, mach: {}}\n"
    for do in ("check", "set"):
        said = press(client, do, wrong)
        assert (said.status_code, "<strong>Line 3</strong>" in said.text) == (200, True)
        assert "{name: a, mach: {}}" in said.text, "what was written is not lost"
    assert len(project.list_alert_files()) == 1
    right = "format: 1\n# ours\nrules:\n  - {name: a, match: {apps: nobody}}\n"
    said = press(client, "check", right).text
    assert "(warning)" in said
    assert len(project.list_alert_files()) == 1
    assert press(client, "set", right).status_code == 303
    assert project.list_alert_files()[0].text == right
    assert client.request("POST", PAGE, data={"do": "set", "text": right}, headers=SAME).status_code == 403

"""Alerts as code written for MLRun stores them are rules of alerts.yaml, and mean the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modelmon.alerts import AlertConfig  # type: ignore[import-not-found]
from modelmon.common.schemas import alert as objects
from modelmon.common.schemas.alert import AlertNotification

from modelmon.alerting import read_alerts
from modelmon.alerting.mlrun_configs import config_of, read_config, rule_name, rule_of
from modelmon.alerting.writing import with_channel, with_rule
from modelmon.errors import ConfigError
from modelmon.model import Notification
from modelmon.project import Project
from receivers import web_server
from unit.notifying_support import NOW, Notifying

TEAM = {"notification": {"kind": "webhook", "name": "team"}}
HOOK = "${env:HOOK}"
CHANNELS = "format: 1\nchannels:\n  team: {kind: webhook, url: 'https://hooks.example/x', per_second: 1000}\n"


def alert(**changed: Any) -> dict[str, Any]:
    config = {
        "project": "flights", "name": "drift", "summary": "Drift in {{ project }}/{{entity}} ({{name}}).",
        "severity": "low", "entities": {"kind": "model-endpoint-result", "project": "flights", "ids": ["*"]},
        "trigger": {"events": ["data-drift-detected"]}, "criteria": {"count": 1, "period": None},
        "reset_policy": "auto", "notifications": [TEAM], "cooldown_period": None, "description": "",
    }  # fmt: skip
    return config | changed


def entities(kind: str, entity: str) -> dict[str, Any]:
    return {"kind": kind, "project": "flights", "ids": [entity]}


def notified(kind: str, **params: Any) -> dict[str, Any]:
    return {"notifications": [{"notification": {"kind": kind, "name": "g", "params": params}}]}


def result(entity: str) -> dict[str, Any]:
    return entities("model-endpoint-result", entity)


BOTH = ["data-drift-suspected", "data-drift-detected"]
CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"when": {"status": "detected"}, "match": {"kinds": ["data-drift"]}}),
    ({"trigger": {"events": BOTH}}, {"when": {"status": "suspected"}}),
    ({"trigger": {"events": ["data-drift-suspected"]}}, {"when": {"status": "suspected"}}),
    (
        {"trigger": {"events": ["data-drift-detected", "concept-drift-detected"]}},
        {"match": {"kinds": ["data-drift", "concept-drift"]}},
    ),
    (
        {"entities": result("0a.app.result.drift")},
        {"match": {"endpoint_ids": ["0a"], "apps": ["app"], "results": ["drift"], "kinds": ["data-drift"]}},
    ),
    ({"entities": result("0a.*")}, {"match": {"endpoint_ids": ["0a"], "kinds": ["data-drift"]}}),
    ({"entities": result("*.result.dr*")}, {"match": {"results": ["dr*"], "kinds": ["data-drift"]}}),
    (
        {
            "entities": entities("model-monitoring-application", "flights_app"),
            "trigger": {"events": ["mm-app-failed"]},
        },
        {"when": {"failed": True}, "match": {"apps": ["app"]}},
    ),
    ({"criteria": {"count": 3, "period": "1h"}}, {"for": "3 of 6"}),
    ({"criteria": {"count": 3}}, {"for": "3 of 100"}),
    ({"criteria": None}, {}),
    ({"reset_policy": "manual"}, {"reset": "manual"}),
    ({"cooldown_period": "15s"}, {"cooldown": "15s"}),
    ({"notifications": [{**TEAM, "cooldown_period": "1h"}], "cooldown_period": "5m"}, {"cooldown": "1h"}),
    ({"name": "Drift--0a_app_result"}, {"called": "Drift--0a_app_result"}),
    ({"severity": None}, {"severity": "medium"}),
    (
        {
            "entities": entities("model-monitoring-infra", "*"),
            "trigger": {"events": ["model-monitoring-lag-detected"]},
            "criteria": {"count": 2, "period": "5m"},
        },
        {"when": {"behind": "> 10m"}, "for": "2 of 5"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "expected"), CASES, ids=range(len(CASES)))
def test_an_alert_is_a_rule_that_says_the_same(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    rule = rule_of(read_config(alert(**changed)), "flights", 10).rule
    assert {key: rule.get(key) for key in expected} == expected
    assert read_alerts(with_rule(CHANNELS, rule)).rule(rule["name"]) is not None


@pytest.mark.parametrize("changed", [changed for changed, _ in CASES], ids=range(len(CASES)))
def test_what_was_stored_is_what_is_read_and_can_be_stored_again(changed: dict[str, Any]) -> None:
    given = read_config(alert(**changed))
    stored = rule_of(given, "flights", 10).rule
    alerts = read_alerts(with_rule(CHANNELS, stored))
    read = config_of(alerts.rules[0], alerts, "flights", 10)
    assert read is not None
    assert (read["name"], read["summary"]) == (given.name, given.summary)
    assert rule_of(read_config(read), "flights", 10).rule == stored


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"trigger": {"events": ["failed"]}}, "'failed' is of jobs"),
        ({"trigger": {"prometheus_alert": "up"}}, "Alertmanager"),
        ({"trigger": {"events": []}}, "needs events"),
        ({"trigger": {"events": ["data-drift"]}}, "is no event"),
        ({"trigger": {"events": ["data-drift-detected", "concept-drift-suspected"]}}, "store two alerts"),
        ({"trigger": {"events": ["mm-app-failed"]}}, "is of a model-monitoring-application"),
        ({"entities": result("a.b")}, "must be <endpoint id>.<app>.result.<name>"),
        ({"entities": {"kind": "model-endpoint-result", "ids": []}}, "must be one id"),
        ({"criteria": {"count": 100}}, "must be from 1 to 99"),
        ({"criteria": {"count": 3, "period": "10m"}}, "3 windows of 10 minutes don't fit into 10m"),
        ({"criteria": {"count": 1, "period": "soon"}}, "must be like 10m"),
        ({"cooldown_period": "x"}, "must be like 15s"),
        ({"project": "other"}, "this is 'flights', and the alert is of 'other'"),
        ({"name": "a b"}, "must be of letters"),
        ({"notifications": []}, "needs at least one"),
        ({"severity": "huge"}, "severity"),
        (notified("git"), "comments on issues are not there"),
        (notified("console"), "for runs of MLRun alone"),
        (
            notified("webhook", urk=1),
            "'urk' is no parameter",
        ),
        (
            notified("webhook", url="x", method="GET"),
            "method is 'post' here, got 'GET'",
        ),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused_with_its_reason(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        rule_of(read_config(alert(**changed)), "flights", 10)


@pytest.mark.parametrize(
    ("notification", "channel"),
    [
        ({"kind": "slack", "secret_params": {"webhook": HOOK}}, {"kind": "slack", "url": HOOK}),
        (
            {"kind": "webhook", "params": {"url": "https://x", "headers": {"X-A": "b"}, "method": "POST"}},
            {"kind": "webhook", "url": "https://x", "headers": {"X-A": "b"}},
        ),
        (
            {"kind": "mail", "params": {"server_host": "mx.example", "sender_address": "a@b.example",
             "email_addresses": "c@d.example, e@f.example", "username": "u"},
             "secret_params": {"password": "${env:P}"}},
            {"kind": "mail", "server": "smtps://mx.example:465", "user": "u", "password": "${env:P}",
             "sender": "a@b.example", "to": ["c@d.example", "e@f.example"]},
        ),
    ],
)  # fmt: skip
def test_a_notification_is_a_channel(notification: dict[str, Any], channel: dict[str, Any]) -> None:
    made = rule_of(
        read_config(alert(notifications=[{"notification": {"name": "on call", **notification}}])),
        "flights",
        10,
    )
    assert made.channels == {"on-call": channel}
    assert list(read_alerts(with_channel("", "on-call", channel)).channels) == ["on-call"]


@pytest.mark.parametrize("where", ["params", "secret_params"])
def test_a_secret_itself_is_refused_and_not_told(where: str) -> None:
    told = {"kind": "slack", "name": "s", where: {"webhook": "https://hooks.slack.example/T0/SECRET"}}
    with pytest.raises(ConfigError, match="secret") as caught:
        rule_of(read_config(alert(notifications=[{"notification": told}])), "flights", 10)
    assert "SECRET" not in str(caught.value)


def test_names_that_differ_have_rules_of_their_own() -> None:
    names = ["a", "A", "a_b", "a-b", "a__b", "x" * 200, "x" * 199 + "y"]
    assert len({rule_name(each) for each in names}) == len(names)


def test_what_mlrun_has_no_words_for_is_not_shown_as_its_alert() -> None:
    text = f"{CHANNELS}rules:\n" + "".join(
        f"  - {{name: {name}, {said}}}\n"
        for name, said in {
            "value": "when: {value: '> 1'}", "names": "match: {endpoints: a}", "two": "match: {apps: [a, b]}",
            "nobody": "channels: []", "said": "match: {kinds: data-drift}",
        }.items()
    )  # fmt: skip
    alerts = read_alerts(text)
    shown = [config_of(rule, alerts, "flights", 10) for rule in alerts.rules]
    assert [each and each["name"] for each in shown] == [None, None, None, None, "said"]


@pytest.fixture
def news(tmp_path: Path) -> Iterator[Notifying]:
    (tmp_path / "modelmon.yaml").write_text("project: flights\nbase_period: 10\n")
    (tmp_path / ".modelmon").mkdir()
    with web_server() as server:
        text = (
            f"format: 1\nchannels:\n  team: {{kind: webhook, url: {server.address}/team, per_second: 1000}}\n"
        )
        where = f"sqlite:///{tmp_path}/.modelmon/records.db"
        news = Notifying(tmp_path, f"{text}send: {{group_wait: 0}}\n", 2, records_url=where)
        news.web = server  # type: ignore[attr-defined]
        yield news


@pytest.fixture
def project(news: Notifying, tmp_path: Path) -> Project:
    return Project("flights", tmp_path)


def code_for_mlrun(project: Project, **changed: Any) -> AlertConfig:
    """As MLRun's documentation has it."""
    notification = Notification(
        kind="webhook", name="team", message="drift was detected", severity="warning", when=["now"],
        condition="failed",
    ).to_dict()  # fmt: skip
    given = {
        "project": "flights", "name": "drift-alert", "summary": "{{project}}: {{name}}",
        "severity": objects.AlertSeverity.LOW,
        "entities": objects.EventEntities(
            kind=objects.EventEntityKind.MODEL_ENDPOINT_RESULT, project="flights", ids=["endpoint-1.*"]
        ),
        "trigger": objects.AlertTrigger(events=[objects.EventKind.DATA_DRIFT_DETECTED]),
        "criteria": objects.AlertCriteria(count=2, period="1h"),
        "notifications": [objects.AlertNotification(notification=notification)],
    }  # fmt: skip
    return AlertConfig(**{**given, **changed})


def test_an_alert_is_stored_raised_told_listed_reset_and_deleted(news: Notifying, project: Project) -> None:
    project.store_alert_config(code_for_mlrun(project))
    for number in (0, 1):
        news.judge(number, 2)
    news.judge(0, 2, which=1)
    news.tick(NOW)
    raised = [(row.rule, row.endpoint_id) for row in news.chain.incidents() if row.state == "raised"]
    assert sorted(raised) == [("drift-alert", "endpoint-1"), ("result-status", "endpoint-2")]
    lines = [line for got in news.web.got for line in got.json["data"]["incidents"]]  # type: ignore[attr-defined]
    assert any(line["found"].startswith("flights: drift-alert\n") for line in lines)
    (read,) = project.list_alerts_configs()
    assert (read.name, read.state, read.criteria) == (
        "drift-alert",
        "active",
        objects.AlertCriteria(2, "60m"),
    )
    assert len(project.list_alert_activations(entity="~endpoint-1")) == 1
    project.reset_alert_config(alert_name="drift-alert")
    assert project.get_alert_config("drift-alert").state == "inactive"
    project.delete_alert_config(read)
    with pytest.raises(ConfigError, match="there is no alert 'drift-alert'"):
        project.get_alert_config("drift-alert")
    assert list(read_alerts(project.list_alert_files()[0].text).channels) == ["team"]


def test_storing_again_changes_it_and_may_reset_it(news: Notifying, project: Project) -> None:
    project.store_alert_config(code_for_mlrun(project, criteria=None))
    news.judge(0, 2)
    assert (
        project.store_alert_config(code_for_mlrun(project, severity="high", criteria=None)).state == "active"
    )
    kept = project.store_alert_config(code_for_mlrun(project, criteria=None), force_reset=True)
    assert (kept.state, kept.severity, len(project.list_alerts_configs())) == ("inactive", "low", 1)


def test_a_template_fills_in_what_an_alert_does_not_say(project: Project) -> None:
    template = project.get_alert_template("DataDriftDetected")
    config = code_for_mlrun(project, template=template, trigger=None, criteria=None, severity=None)
    assert (config.severity, config.trigger) == ("high", {"events": ["data-drift-detected"]})
    assert project.store_alert_config(config).severity == "high"
    with pytest.raises(ConfigError, match="there is no 'JobFailed'"):
        project.get_alert_template("JobFailed")


def test_alerts_of_each_result_are_made_without_and_with_patterns(news: Notifying, project: Project) -> None:
    news.judge(0, 0)
    news.judge(0, 0, which=1)

    def made(names: list[str] | None) -> list[str]:
        several = project.create_model_monitoring_alert_configs(
            "d", "words", project.list_model_endpoints(), objects.EventKind.DATA_DRIFT_DETECTED,
            [AlertNotification(Notification("webhook", "team"))], names,
        )  # fmt: skip
        for each in several:
            project.store_alert_config(each)
        return [each.name for each in several]

    both = ["d--endpoint-1_app_drift", "d--endpoint-2_app_drift"]
    assert made(None) == made(["app.dr*"]) == both
    assert made(["x.app.result.y"]) == ["d--x_app_y"]
    with pytest.warns(UserWarning, match="no alert was made"):
        assert made(["other.*"]) == []
    with pytest.raises(ConfigError, match="must be <app>"):
        made(["drift"])
    assert [each.name for each in project.list_alerts_configs()] == [*both, "d--x_app_y"]
    assert [each.name for each in project.list_alerts_configs(limit=1, offset=1)] == both[1:]


def test_a_channel_of_the_same_name_that_says_something_else_is_not_changed(project: Project) -> None:
    other = {"kind": "webhook", "name": "team", "params": {"url": "https://other.example"}}
    with pytest.raises(ConfigError, match="there is a channel 'team' already"):
        project.store_alert_config(code_for_mlrun(project, notifications=[AlertNotification(other)]))
    with pytest.raises(ConfigError, match="has no channel 'tean'; did you mean team"):
        project.store_alert_config(
            code_for_mlrun(project, notifications=[AlertNotification(Notification("slack", "tean"))])
        )
    assert len(project.list_alert_files()) == 1


def test_an_alert_on_lag_is_set_once_and_deleted(project: Project) -> None:
    project.set_model_monitoring_lag_alert(Notification("webhook", "team"), count=2, period="5m")
    project.set_model_monitoring_lag_alert([Notification("webhook", "team")])
    (read,) = project.list_alerts_configs()
    assert (read.name, read.trigger.events) == ("monitoring-lag-detected", ["model-monitoring-lag-detected"])
    project.delete_model_monitoring_lag_alert()
    project.delete_model_monitoring_lag_alert()
    assert project.list_alerts_configs() == []


def test_who_names_no_alert_is_told_so(project: Project) -> None:
    with pytest.raises(ConfigError, match="give the alert, or its name"):
        project.reset_alert_config()
    with pytest.raises(ConfigError, match="must be an AlertConfig, got 'drift'"):
        project.delete_alert_config("drift")  # type: ignore[arg-type]

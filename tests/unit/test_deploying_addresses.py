"""Settings that can't work under Nuclio are refused where a deployment is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelmon.deploying.plan import Plan, make_plan
from modelmon.deploying.rendering import render_function
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import template
from modelmon.function_spec.platforms import LOCAL
from modelmon.settings import Settings
from modelmon.wheel import installed_wheel


def plan_of(platform: str = "", **settings: Any) -> Plan:
    return make_plan(
        Settings().changed(**{"project": "flights", "stream_path": "kafka://kafka:9092", **settings}),
        platform,
    )


def triggers(name: str, plan: Plan) -> Any:
    text = render_function(
        (template(name) / "function.yaml").read_text(), f"modelmon-{name}", plan, installed_wheel()
    ).text
    return yaml.safe_load(text)["spec"]["triggers"]


REFUSED = [
    ("brokers-url", "nuclio_brokers", "kafka://h:9092", "'kafka://h:9092' is no broker; write host:port"),
    ("brokers-blank", "nuclio_brokers", "a b:9092", "'a b:9092' is no broker; write host:port"),
    ("brokers-port", "nuclio_brokers", "h:kafka", "'h:kafka' is no broker"),
    ("brokers-large-port", "nuclio_brokers", "h:99999", "'h:99999' is no broker"),
    ("brokers-no-host", "nuclio_brokers", ":9092", "':9092' is no broker"),
    ("stream-path-blank", "stream_path", "kafka://a b:9092", "'a b:9092' is no broker"),
    ("topic-blank", "events_stream", "a b", "'a b' can't name a stream"),
    ("topic-empty", "writer_stream", "", "'' can't name a stream"),
    ("topic-slash", "events_stream", "a/b", "'a/b' is no topic"),
    ("other-system", "events_stream", "sqlite:////a/events", "Nuclio reads Kafka or V3IO"),
    ("url-blank", "events_stream", "kafka://a:1,b:c/events", "no broker"),
    ("same", "events_stream", "writer", "'writer' is the stream of events_stream too; give each a name"),
    ("same-url", "events_stream", "kafka://kafka:9092/flights-writer", "the stream of events_stream too"),
    ("app-no-name", "app_stream", "app", "'app' is one stream for all apps; write for example app-{name}"),
    ("app-other", "app_stream", "app-{x}", "the only braces that it may have are {name}"),
    ("app-half", "app_stream", "app-{", "the only braces that it may have are {name}"),
    ("app-number", "app_stream", "app-{}", "the only braces that it may have are {name}"),
    ("project", "nuclio_project", "a b", "nuclio_project: 'a b' is no name; use at most 63"),
    ("namespace", "nuclio_namespace", "--x", "nuclio_namespace: '--x' is no name"),
    ("namespace-empty", "nuclio_namespace", "", "nuclio_namespace: '' is no name"),
    ("secret", "nuclio_secret", "My Secret", "nuclio_secret: 'My Secret' is no name"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "value", "said"), [entry[1:] for entry in REFUSED], ids=[entry[0] for entry in REFUSED]
)
def test_a_setting_that_can_not_work_is_refused_with_its_value_and_what_would_be_right(
    setting: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        plan_of(**{setting: value})
    assert said in str(refused.value)
    assert setting.partition("_")[0] in str(refused.value) or "_stream:" in str(refused.value)


def test_what_is_said_holds_no_password() -> None:
    with pytest.raises(ConfigError) as refused:
        plan_of(nuclio_brokers="modelmon:hunter2@h:9092")
    assert "hunter2" not in str(refused.value)


def test_a_certificate_that_containers_would_get_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"kafka_ssl_cafile: there is no file 'nowhere\.pem'"):
        plan_of(LOCAL, kafka_ssl_cafile="nowhere.pem")
    (tmp_path / "ca.pem").touch()
    assert plan_of(LOCAL, kafka_ssl_cafile=str(tmp_path / "ca.pem"))


@pytest.mark.parametrize(
    ("given", "brokers"),
    [
        ("h:9092, h2:9092", ("h:9092", "h2:9092")),
        (" h:9094 ,", ("h:9094",)),
        ("host", ("host:9092",)),
        ("[::1]:9094,[::1]", ("[::1]:9094", "[::1]:9092")),
    ],
    ids=["blanks", "comma", "no-port", "ip6"],
)
def test_brokers_are_read_as_they_are_meant(given: str, brokers: tuple[str, ...]) -> None:
    plan = plan_of(nuclio_brokers=given)
    assert plan.brokers == brokers
    assert triggers("stream", plan)["events"]["attributes"]["brokers"] == list(brokers)


@pytest.mark.parametrize(
    ("url", "topic"),
    [("kafka://other:9094,third/traffic", "traffic"), ("kafka://other:9094,third", "flights-events")],
    ids=["topic", "no-topic"],
)
def test_a_stream_on_brokers_of_its_own_is_read_from_them(url: str, topic: str) -> None:
    settings = Settings(project="flights", stream_path="kafka://kafka:9092", events_stream=url)
    if topic == "flights-events":  # a URL without a topic means the stream that is called events_stream
        settings = Settings(project="flights", stream_path="kafka://kafka:9092")
        text = (template("stream") / "function.yaml").read_text().replace("${events_stream}", url)
        text = render_function(text, "modelmon-stream", make_plan(settings), installed_wheel()).text
        found = yaml.safe_load(text)["spec"]["triggers"]["events"]["attributes"]
    else:
        found = triggers("stream", make_plan(settings))["events"]["attributes"]
    assert (found["brokers"], found["topics"]) == (["other:9094", "third:9092"], [topic])
    writer = next(iter(triggers("writer", make_plan(settings)).values()))["attributes"]
    assert writer["brokers"] == ["kafka:9092"]


def test_a_trigger_that_would_read_from_two_sets_of_brokers_is_refused() -> None:
    text = (template("stream") / "function.yaml").read_text()
    text = text.replace('"${events_stream}"', '"${events_stream}", "kafka://other:1/traffic"')
    with pytest.raises(ConfigError, match=r"topics: a trigger reads from one set of brokers"):
        render_function(text, "modelmon-stream", plan_of(), installed_wheel())


@pytest.mark.parametrize(
    "old", ["build:\n    baseImage: python:3.11-slim", "labels:\n    nuclio.io/project-name: ${project}",
            "env:\n    - name: MODELMON_PROJECT\n      value: ${project}"],
    ids=["build", "labels", "env"],
)  # fmt: skip
def test_a_key_that_is_left_empty_is_as_if_it_were_not_there(old: str) -> None:
    text = (template("stream") / "function.yaml").read_text()
    assert old in text
    empty = text.replace(old, old.partition("\n")[0])
    without = text.replace(old, "")
    plan = plan_of()
    wheel = installed_wheel()
    assert render_function(empty, "web", plan, wheel) == render_function(without, "web", plan, wheel)

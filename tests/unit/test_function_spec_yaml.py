"""function.yaml as the embedded runner reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploying import HTTP, cron_trigger, stream_trigger
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import find_project, template, template_names
from modelmon.function_spec.function_yaml import read_function, render
from modelmon.function_spec.triggers import CronTrigger, HttpTrigger, StreamTrigger
from modelmon.settings import Settings

SETTINGS = Settings(project="flights")


def folder_of(tmp_path: Path, spec: Any) -> Path:
    folder = tmp_path / "some-function"
    folder.mkdir(exist_ok=True)
    text = spec if isinstance(spec, str) else yaml.safe_dump({"spec": spec}, sort_keys=False)
    (folder / "function.yaml").write_text(text)
    return folder


def spec_with(triggers: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "handler": "main:handler",
        "runtime": "python:3.11",
        "triggers": triggers or {"http": HTTP},
    } | more


def test_the_triggers_of_a_function(tmp_path: Path) -> None:
    events = stream_trigger("${events_stream}", numWorkers=3)
    daily = {"kind": "cron", "attributes": {"schedule": "@daily"}}
    web = {"kind": "http", "maxWorkers": 2, "attributes": {"port": 8123, "maxRequestBodySize": 10}}
    triggers = {"events": events, "tick": cron_trigger("1m", body="b"), "daily": daily, "http": web}
    found = read_function(folder_of(tmp_path, spec_with(triggers)), SETTINGS)
    assert found.name == "some-function"
    assert found.triggers == (
        StreamTrigger("events", "kafka-cluster", 3, ("events",), "readers", "explicitOnly"),
        CronTrigger("tick", interval_seconds=60.0, body="b"),
        CronTrigger("daily", schedule="@daily"),
        HttpTrigger("http", 2, 8123, 10),
    )


@pytest.mark.parametrize(
    "place",
    [
        {"url": "http://api:8081/projects/flights/events@readers"},
        {"attributes": {"streamPath": "flights/events", "consumerGroup": "readers"}},
    ],
)
def test_a_v3io_stream_is_named_by_its_url_or_its_attributes(tmp_path: Path, place: dict[str, Any]) -> None:
    found = read_function(
        folder_of(tmp_path, spec_with({"events": {"kind": "v3ioStream"} | place})), SETTINGS
    )
    assert found.triggers == (StreamTrigger("events", "v3ioStream", 1, ("events",), "readers"),)


def test_placeholders_are_settings_and_the_functions_own_names(tmp_path: Path) -> None:
    env = [
        {"name": "ALL", "value": "${project} ${name} ${app_stream} ${writer_stream} ${base_period}"},
        {"name": "TICK", "value": "${controller_interval}"},
        {"name": "EMPTY", "value": "${brokers}"},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    found = read_function(folder_of(tmp_path, spec_with(env=env)), SETTINGS)
    assert found.environment == {"ALL": "flights some-function app-some-function writer 10", "TICK": "5s"}


def test_an_unknown_placeholder_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown placeholder \$\{evnts\}; known are .*events_stream"):
        render("${evnts}", {"events_stream": "events"})


EXPLICIT = stream_trigger()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (": :", "not YAML"),
        ("[]", "the document: must be `key: value` lines"),
        ("metadata: {name: x}", "spec: must be `key: value` lines, got nothing"),
        ("meta: {name: x}\nspec: {}", "meta: is no key of a function.yaml"),
        (spec_with(handler="main.handler"), "spec.handler: 'main.handler' must be module:function"),
        (spec_with(runtime="golang"), "spec.runtime: 'golang' must be a Python"),
        (spec_with(runtime=3.11), "spec.runtime: must be text, got 3.11"),
        (spec_with() | {"triggers": {}}, "spec.triggers: must name at least one trigger"),
        (spec_with({"a": HTTP, "b": HTTP}), "spec.triggers: Nuclio takes one http trigger"),
        (spec_with({"a": {"kind": "mqtt"}}), r"spec.triggers.a.kind: 'mqtt' is not one of"),
        (spec_with({"a": HTTP | {"name": "b"}}), "spec.triggers.a.name: 'b' must be 'a'"),
        (
            spec_with({"a": HTTP | {"attributes": {"port": 99999}}}),
            "spec.triggers.a.attributes.port: must be a whole number from 0 to 65535, got 99999",
        ),
        (spec_with({"a": HTTP | {"numWorkers": 0}}), "spec.triggers.a.numWorkers: .* at least 1, got 0"),
        (spec_with({"a": HTTP | {"attributes": {"port": "x"}}}), "spec.triggers.a.attributes.port"),
        (spec_with({"a": {"kind": "cron", "attributes": {}}}), "spec.triggers.a.attributes: needs either"),
        (spec_with({"a": cron_trigger("soon")}), "attributes.interval: 'soon' is not a duration"),
        (spec_with({"a": EXPLICIT | {"explicitAckMode": "maybe"}}), "explicitAckMode: 'maybe' is not one of"),
        (
            spec_with({"a": EXPLICIT | {"attributes": {"topics": ["t"], "consumerGroup": "g"}}}),
            "workerAllocationMode: must be static with explicitAckMode explicitOnly, got None",
        ),
        (spec_with({"a": EXPLICIT | {"attributes": {"topics": "t"}}}), "attributes.topics: must be a list"),
        (spec_with({"a": EXPLICIT | {"attributes": {"topics": ["t"]}}}), "attributes.consumerGroup"),
        (spec_with({"a": {"kind": "v3ioStream"}}), "spec.triggers.a.url: must be http://host/container"),
        (spec_with(env=[{"name": "A", "value": 1}]), r"spec.env\[0\].value: A must be text, quote it"),
        (spec_with(env={"A": "1"}), "spec.env: must be a list"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(tmp_path: Path, spec: Any, said: str) -> None:
    folder = folder_of(tmp_path, spec)
    with pytest.raises(ConfigError, match=said) as raised:
        read_function(folder, SETTINGS)
    assert str(raised.value).startswith(f"{folder}/function.yaml: ")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"function.yaml can't be read"):
        read_function(tmp_path / "nowhere", SETTINGS)


@pytest.mark.parametrize("name", template_names())
def test_the_functions_that_come_with_modelmon_can_be_read(name: str) -> None:
    assert read_function(template(name), SETTINGS).triggers


def test_an_unknown_template_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no function folder 'strem'; there are: .*stream"):
        template("strem")


def test_a_project_is_found_from_any_folder_below_it(tmp_path: Path) -> None:
    (tmp_path / "modelmon.yaml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_project(below) == tmp_path
    with pytest.raises(ConfigError, match=r"no modelmon.yaml in .*/b: "):
        find_project(below, exact=True)

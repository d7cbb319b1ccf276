"""function.yaml for Kafka and V3IO, Docker and Kubernetes, from one set of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelmon.deploying.checking.check import check_text
from modelmon.deploying.checking.target import Target
from modelmon.deploying.plan import make_plan, out_of_reach
from modelmon.deploying.rendering import render_function
from modelmon.deploying.secrets import secret_variables
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import template, template_names
from modelmon.function_spec.function_yaml import read_function
from modelmon.function_spec.platforms import KUBE, LOCAL
from modelmon.settings import Settings
from modelmon.wheel import installed_wheel
from nuctl_stand_in import SASL, SERVERS, WHEEL


def rendered(name: str, platform: str, folder: str = "", /, **settings: Any) -> Any:
    """A function.yaml as it is deployed, checked."""
    plan = make_plan(Settings().changed(project="flights", **settings), platform)
    text = render_function(
        (template(folder or name) / "function.yaml").read_text(), name, plan, installed_wheel()
    ).text
    assert [finding for finding in check_text(text, Target(platform)) if finding.level == "error"] == []
    return yaml.safe_load(text)


STREAMS = {"kafka": "kafka://a:1,b", "v3io": "v3io:///users/flights"}


@pytest.mark.slow
@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("platform", [LOCAL, KUBE])
@pytest.mark.parametrize("name", [each for each in template_names() if "_template" not in each])
def test_every_function_is_right_in_each_variant(name: str, platform: str, streams: str) -> None:
    own = name.rpartition("/")[2].replace("_", "-")
    spec = rendered(own, platform, name, **{**SERVERS, "stream_path": STREAMS[streams]})["spec"]
    kinds = {trigger["kind"] for trigger in spec["triggers"].values()} - {"http", "cron"}
    assert kinds <= {{"kafka": "kafka-cluster", "v3io": "v3ioStream"}[streams]}
    assert spec["build"]["directives"]["postCopy"][0]["value"].endswith(f"/opt/nuclio/{WHEEL}")


def test_a_v3io_trigger_reads_the_projects_stream_from_the_beginning() -> None:
    spec = rendered("stream", KUBE, stream_path="v3io://webapi.example/users/flights", stream_workers=2)[
        "spec"
    ]
    assert spec["triggers"]["events"] == {
        "kind": "v3ioStream",
        "name": "events",
        "numWorkers": 2,
        "explicitAckMode": "explicitOnly",
        "workerTerminationTimeout": "10s",
        "url": "http://webapi.example:8081",
        "password": "$generate",
        "attributes": {
            "containerName": "users",
            "streamPath": "/flights/events",
            "consumerGroup": "modelmon-stream",
            "seekTo": "earliest",
            "readBatchSize": 64,
            "workerAllocationMode": "static",
        },
    }
    assert spec["minReplicas"] == spec["maxReplicas"]
    secret = {"secretKeyRef": {"name": "modelmon", "key": "V3IO_ACCESS_KEY"}}
    assert {"name": "V3IO_ACCESS_KEY", "valueFrom": secret} in spec["env"]


@pytest.mark.parametrize("path", ["v3io://host", "v3io:///users"], ids=["no-container", "right"])
def test_a_v3io_address_needs_a_container(path: str) -> None:
    if path == "v3io:///users":
        assert rendered("stream", KUBE, stream_path=path)
        return
    with pytest.raises(ConfigError, match="v3io://host/container"):
        rendered("stream", KUBE, stream_path=path)


def test_the_embedded_runner_runs_as_many_workers() -> None:
    found = read_function(template("stream"), Settings(stream_workers=3))
    assert [trigger.workers for trigger in found.triggers] == [3]


@pytest.mark.parametrize("platform", [LOCAL, KUBE])
def test_no_secret_stands_in_a_function_yaml(platform: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    settings = {**SERVERS, **SASL, "stream_path": "kafka://a:1", "project_dir": str(tmp_path)}
    settings["kafka_ssl_cafile"] = str(tmp_path / "ca.pem")
    settings["sql_password"] = "hunter3"
    document = rendered("stream", platform, **settings)
    assert "hunter" not in yaml.safe_dump(document)
    spec, annotations = document["spec"], document["metadata"]["annotations"]
    assert spec["triggers"]["events"]["attributes"]["sasl"] == {
        "enable": True, "user": "modelmon", "mechanism": "SCRAM-SHA-512",
    }  # fmt: skip
    assert spec["triggers"]["events"]["attributes"]["tls"] == {"enable": True}
    assert annotations == {
        "nuclio.io/kafka-secret-path": "/etc/modelmon/secrets",
        "nuclio.io/kafka-sasl-password": "MODELMON_KAFKA_SASL_PASSWORD",
        "nuclio.io/kafka-ca-cert": "kafka-ca.pem",
    }
    ca = {"name": "MODELMON_KAFKA_SSL_CAFILE", "value": "/etc/modelmon/secrets/kafka-ca.pem"}
    assert ca in spec["env"]
    (volume,) = spec["volumes"]
    assert volume["volumeMount"]["mountPath"] == "/etc/modelmon/secrets"
    names = {entry["name"] for entry in spec["env"] if "valueFrom" in entry}
    secret = {"MODELMON_RECORDS_URL", "MODELMON_SQL_PASSWORD", "MODELMON_KAFKA_SASL_PASSWORD"}
    assert names == (secret if platform == KUBE else set())
    assert set(secret_variables(make_plan(Settings().changed(**settings), platform))) == secret
    if platform == KUBE:
        keys = [item["key"] for item in volume["volume"]["secret"]["items"]]
        assert keys == ["MODELMON_KAFKA_SASL_PASSWORD", "kafka-ca.pem"]
    else:
        assert volume["volume"]["hostPath"]["path"] == str(tmp_path / ".modelmon" / "secrets")


def test_settings_of_this_machine_are_none_of_a_functions(tmp_path: Path) -> None:
    settings = {"http_port": 9000, "platform": KUBE, "nuclio_registry": "r", "project_dir": str(tmp_path)}
    env = rendered("stream", KUBE, **settings)["spec"]["env"]
    assert [entry["name"] for entry in env] == [
        "MODELMON_PROJECT", "MODELMON_STREAM_PATH", "MODELMON_FLUSH_AFTER_SECONDS",
    ]  # fmt: skip


def test_on_docker_the_containers_of_a_project_share_its_folder(tmp_path: Path) -> None:
    spec = rendered("stream", LOCAL, project_dir=str(tmp_path))["spec"]
    assert {"name": "MODELMON_PROJECT_DIR", "value": "/modelmon"} in spec["env"]
    (volume,) = spec["volumes"]
    assert volume["volume"]["hostPath"] == {"path": str(tmp_path / ".modelmon")}
    assert volume["volumeMount"]["mountPath"] == "/modelmon/.modelmon"
    assert set(spec["securityContext"]) == {"runAsUser", "runAsGroup"}


@pytest.mark.parametrize(
    ("settings", "platform", "names"),
    [
        (SERVERS, KUBE, []),
        ({}, KUBE, ["stream_path", "records_url", "samples_path", "artifacts_path"]),
        ({**SERVERS, "records_url": "sqlite:////a.db"}, LOCAL, ["records_url"]),
        ({**SERVERS, "series_url": "sqlite:////a.db"}, KUBE, ["series_url"]),
        ({"project_dir": "/p"}, LOCAL, ["stream_path"]),
        (
            {"project_dir": "/p", "nuclio_brokers": "a"},
            KUBE,
            ["records_url", "samples_path", "artifacts_path"],
        ),
        ({"project_dir": "/p", "samples_path": "/data", "stream_path": "kafka://a"}, LOCAL, ["samples_path"]),
    ],
    ids=["servers", "nothing", "sqlite", "series", "docker-project", "kube-project", "docker-folder"],
)
def test_what_functions_could_not_find_is_named(
    settings: dict[str, str], platform: str, names: list[str]
) -> None:
    found = out_of_reach(make_plan(Settings().changed(**settings), platform))
    assert [each.partition(":")[0] for each in found] == names


def test_on_docker_a_function_that_ended_is_started_again() -> None:
    spec = rendered("stream", LOCAL)["spec"]
    assert spec["platform"]["attributes"] == {"restartPolicy": {"name": "always", "maximumRetryCount": 0}}
    assert "platform" not in rendered("stream", KUBE)["spec"]


def test_a_restart_policy_of_ones_own_stays() -> None:
    own = "spec:\n  platform: {attributes: {RestartPolicy: {name: on-failure}, network: mine}}\n"
    text = (template("stream") / "function.yaml").read_text().replace("spec:\n", own)
    plan = make_plan(Settings(project="flights"), LOCAL)
    spec = yaml.safe_load(render_function(text, "stream", plan, installed_wheel()).text)["spec"]
    assert spec["platform"]["attributes"] == {"restartPolicy": {"name": "on-failure"}, "network": "mine"}


def test_a_cluster_can_be_given_the_file_as_it_is() -> None:
    text = (template("stream") / "function.yaml").read_text().replace("v1beta1", "v1")
    text = text.replace("  labels:", "  namespace: elsewhere\n  labels:")
    plan = make_plan(Settings(project="flights"), KUBE)
    document = yaml.safe_load(render_function(text, "stream", plan, installed_wheel()).text)
    assert (document["apiVersion"], "namespace" in document["metadata"]) == ("nuclio.io/v1beta1", False)


def test_the_tick_of_the_controller_is_on_no_port_of_the_machine() -> None:
    """On Docker it would be on every interface, and it asks nobody who he is."""
    triggers = rendered("controller", LOCAL)["spec"]["triggers"]
    assert triggers["http"]["attributes"]["disablePortPublishing"] is True

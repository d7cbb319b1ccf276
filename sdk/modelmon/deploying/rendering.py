"""From a function.yaml with placeholders to the one that Nuclio gets: one set of settings, four variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import yaml

from modelmon.checked_yaml.document import read_document
from modelmon.deploying.checking.spelling import spelled
from modelmon.deploying.images import image_of, is_plain, with_image
from modelmon.deploying.packages import layers_of
from modelmon.deploying.plan import MOUNTED_PROJECT, Plan, run_as
from modelmon.deploying.secrets import kafka_annotations, secret_variables, with_secrets
from modelmon.errors import ConfigError
from modelmon.function_spec.function_yaml import expect, placeholders, render
from modelmon.function_spec.nuclio_rules import KAFKA_KINDS
from modelmon.function_spec.platforms import LOCAL
from modelmon.local.needs import JOB
from modelmon.secrecy import yaml_mistake
from modelmon.settings import KAFKA, PREFIX, STATE_FOLDER, Settings
from modelmon.streams.kafka_address import read_address
from modelmon.streams.kafka_settings import KafkaSettings
from modelmon.streams.subscriptions import app_group
from modelmon.wheel import Wheel

API_VERSION = "nuclio.io/v1beta1"
"""The one that Nuclio's custom resources have; nuctl takes any."""
V3IO_ADDRESS = "http://v3io-webapi:8081"
READ_BATCH = 64
STATE_VOLUME = "modelmon-state"
NOT_FOR_FUNCTIONS = ("http_host", "http_port", "platform")  # mean nothing there, as nuclio_… does


def placeholders_of(plan: Plan, function: str) -> dict[str, str]:
    """What `${…}` stands for when a function goes to Nuclio."""
    settings = plan.settings
    return placeholders(settings, function) | {
        "brokers": '", "'.join(plan.brokers),  # stands between quotes, in a list
        "controller_interval": f"{plan.tick_minutes}m",
    }


@dataclass(frozen=True, slots=True)
class Rendered:
    """A function as Nuclio gets it: the text of its function.yaml, and what lies beside it for the image."""

    text: str
    files: Mapping[str, str] = field(default_factory=dict)


def render_function(
    text: str,
    name: str,
    plan: Plan,
    wheel: Wheel,
    requirements: Sequence[str] = (),
    choose_port: Callable[[], int] = lambda: 0,
) -> Rendered:
    """A function.yaml as it is deployed: placeholders filled in, the streams' triggers as the settings say,
    the project's settings in its environment, the installation of ModelMon and of its own requirements in
    its build. On Docker a published HTTP trigger without a port gets the one of `choose_port` (0: none).

    Raises ConfigError for an unknown placeholder and for what is no function.yaml.
    """
    document = _read(render(text, placeholders_of(plan, name)))
    document["apiVersion"] = API_VERSION
    spec = document["spec"]
    is_app = app_group(plan.settings, name) in _groups(spec) or _is_job(spec)
    metadata = document.setdefault("metadata", {})
    metadata.pop("namespace", None)  # nuctl is told, and takes no other
    metadata.setdefault("labels", {})["nuclio.io/project-name"] = plan.nuclio_project
    _set_streams(document, plan)
    _set_environment(spec, plan)
    with_secrets(document, plan)
    if plan.state is not None:
        _mount_state(spec, plan)
    if plan.platform == LOCAL:
        _set_restart(spec)
        _set_port(spec, choose_port)
    build = spec.setdefault("build", {})
    constraints = wheel.constraints if is_plain(build.get("baseImage")) else ""
    layers = layers_of(name, plan, wheel.requires, is_app=is_app)
    image = image_of(wheel.name, layers, constraints, requirements=bool(requirements))
    with_image(build, image)
    dumped: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
    return Rendered(dumped, image.files)


def topic_of(settings: Settings, stream: str) -> str:
    """What Kafka calls the project's stream of this name or URL."""
    return read_address(settings.stream_url(stream)).topic


def _read(text: str) -> dict[str, Any]:
    try:
        document = spelled(read_document(text)).data
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"not YAML: {yaml_mistake(error)}") from None  # its own message quotes the line
    expect(expect(document, dict, "the document").get("spec"), dict, "spec")
    found: dict[str, Any] = _without_empty(document)
    return found


def _triggers(spec: Mapping[str, Any]) -> dict[str, Any]:
    triggers = spec.get("triggers") or {}
    if not isinstance(triggers, dict) or not all(isinstance(each, dict) for each in triggers.values()):
        raise ConfigError("spec.triggers: must be `name: {kind: …}` lines")
    return triggers


def _is_job(spec: Mapping[str, Any]) -> bool:
    return any(isinstance(each, dict) and each.get("name") == JOB for each in spec.get("env") or [])


def _groups(spec: Mapping[str, Any]) -> list[str]:
    return [
        str((trigger.get("attributes") or {}).get("consumerGroup", ""))
        for trigger in _triggers(spec).values()
    ]


def _set_streams(document: dict[str, Any], plan: Plan) -> None:
    """Stream triggers are written for Kafka; on V3IO they become its own kind."""
    spec = document["spec"]
    names = [name for name, each in _triggers(spec).items() if each.get("kind") in KAFKA_KINDS]
    for name in names:
        if plan.on_v3io:
            spec["triggers"][name] = _v3io_trigger(spec["triggers"][name], plan.settings)
        else:
            attributes = spec["triggers"][name]["attributes"]
            _set_brokers(attributes, name, plan.settings)
            attributes["topics"] = [topic_of(plan.settings, stream) for stream in attributes["topics"]]
            _secure(attributes, plan.settings)
    annotations = kafka_annotations(plan.settings)
    if names and annotations and not plan.on_v3io:
        metadata = document["metadata"]
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}


def _set_brokers(attributes: dict[str, Any], trigger: str, settings: Settings) -> None:
    """A stream that is named by its URL is on the brokers of that URL, whatever the others are on."""
    named = [stream for stream in attributes["topics"] if stream.startswith(KAFKA)]
    found = {read_address(settings.stream_url(stream)).brokers for stream in named}
    if found and (len(found) > 1 or len(named) < len(attributes["topics"])):
        raise ConfigError(
            f"spec.triggers.{trigger}.attributes.topics: a trigger reads from one set of brokers, got "
            f"{', '.join(attributes['topics'])}; make a trigger of each"
        )
    if found:
        attributes["brokers"] = list(found.pop())


def _without_empty(value: Any) -> Any:
    """`key:` with nothing behind it is as if it were not there, to Nuclio too."""
    if isinstance(value, dict):
        return {key: _without_empty(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_empty(inner) for inner in value if inner is not None]
    return value


def _secure(attributes: dict[str, Any], settings: Settings) -> None:
    """What the Kafka trigger is told in the open; what is secret it takes from files."""
    kafka = settings.of(KafkaSettings)
    protocol = kafka.kafka_security_protocol
    if protocol.startswith("SASL_"):
        attributes["sasl"] = {
            "enable": True,
            "user": kafka.kafka_sasl_username,
            "mechanism": kafka.kafka_sasl_mechanism,
        }
    if protocol.endswith("SSL"):
        attributes["tls"] = {"enable": True}


def _v3io_trigger(trigger: dict[str, Any], settings: Settings) -> dict[str, Any]:
    attributes = trigger["attributes"]
    if len(attributes["topics"]) != 1:
        raise ConfigError(f"topics: a V3IO trigger reads one stream, got {attributes['topics']}")
    address = urlsplit(settings.stream_url(attributes["topics"][0]))
    container, _, path = address.path.strip("/").partition("/")
    if not container or not path:
        raise ConfigError(
            f"stream_path: {settings.stream_path!r} must be v3io://host/container or v3io:///container, "
            "with a folder behind it if need be"
        )
    host = f"http://{address.netloc.rpartition('@')[2]}" if address.netloc else V3IO_ADDRESS
    kept = {key: value for key, value in trigger.items() if key not in ("kind", "attributes")}
    return {
        "kind": "v3ioStream",
        **kept,
        "url": host if host.count(":") > 1 else f"{host}:8081",
        "password": "$generate",  # Nuclio takes the access key from the variable V3IO_ACCESS_KEY
        "attributes": {
            "containerName": container,
            "streamPath": f"/{path}",
            "consumerGroup": attributes["consumerGroup"],
            "seekTo": "earliest",
            "readBatchSize": READ_BATCH,
            "workerAllocationMode": "static",
        },
    }


def _set_environment(spec: dict[str, Any], plan: Plan) -> None:
    """What the project has set, as far as it holds there and is no secret; the function's own comes first."""
    own = spec.setdefault("env", [])
    names = {entry["name"] for entry in own} | set(secret_variables(plan))
    for name, value in plan.settings.environment().items():
        setting = name.removeprefix(PREFIX).lower()
        if name not in names and setting not in NOT_FOR_FUNCTIONS and not setting.startswith("nuclio_"):
            own.append({"name": name, "value": value})


def _set_restart(spec: dict[str, Any]) -> None:
    """Docker leaves a container that has ended where it is, unless it is told otherwise."""
    attributes = spec.setdefault("platform", {}).setdefault("attributes", {})
    attributes.setdefault("restartPolicy", {"name": "always", "maximumRetryCount": 0})


def _set_port(spec: dict[str, Any], choose_port: Callable[[], int]) -> None:
    for trigger in [each for each in _triggers(spec).values() if each.get("kind") == "http"]:
        attributes = trigger.get("attributes") or {}
        if attributes.get("port") or attributes.get("disablePortPublishing"):
            continue
        port = choose_port()
        if port:
            trigger["attributes"] = {**attributes, "port": port}


def _mount_state(spec: dict[str, Any], plan: Plan) -> None:
    """On Docker: the project's state, the same files for every function and for this machine."""
    volume = {"name": STATE_VOLUME, "hostPath": {"path": str(plan.state)}}
    mount = {"name": STATE_VOLUME, "mountPath": f"{MOUNTED_PROJECT}/{STATE_FOLDER}"}
    spec.setdefault("volumes", []).append({"volume": volume, "volumeMount": mount})
    spec.setdefault("securityContext", run_as())

"""Rules between the keys of a trigger, and between a trigger and its function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import ERROR, WARNING, Finding, error, missing, warning
from modelmon.deploying.checking.rules import Rule, is_stream, kinds_of, triggers
from modelmon.deploying.checking.target import Target
from modelmon.function_spec.nuclio_rules import (
    KAFKA_KINDS,
    V3IO_KINDS,
    goes_by_key,
    http_triggers_too_many,
    needs_static_workers,
    one_clock,
)
from modelmon.function_spec.platforms import LOCAL
from modelmon.function_spec.schedule import Schedule, seconds_of
from modelmon.streams.kafka_address import TOPIC

SESSION_SECONDS, HEARTBEAT_SECONDS = 10.0, 3.0  # Nuclio's own


def any_trigger(document: Node, target: Target) -> Iterator[Finding]:
    """Something calls the function, be it the http trigger that Nuclio adds, and one http trigger at most."""
    found, spec = triggers(document), document.at("spec")
    if not found and spec is not None and spec.get("disableDefaultHTTPTrigger") is True:
        yield missing(spec, "triggers", "is missing: nothing calls the function", "add a trigger")
    for place in http_triggers_too_many(kinds_of(document)):
        yield error(
            found[place], "is a second http trigger, which Nuclio refuses", "give the first more numWorkers"
        )


def names(document: Node, target: Target) -> Iterator[Finding]:
    """A trigger goes by the key it stands under."""
    for trigger in triggers(document):
        key, found = trigger.key.rpartition(".")[2], trigger.at("name")
        if found is not None and not goes_by_key(key, found.data):
            yield error(
                found, f"is another name than the trigger's key, {key}", f"write {key}, or leave it out"
            )


def workers(document: Node, target: Target) -> Iterator[Finding]:
    """Every worker is a Python process: how many should be said."""
    for trigger in triggers(document):
        found = trigger.at("numWorkers")
        if found is None and trigger.at("maxWorkers") is None:
            yield missing(
                trigger, "numWorkers", "is missing: Nuclio takes 1", "say how many processes", WARNING
            )
        elif found is not None and found.data == 0:
            yield error(found, "is read as not given", "write at least 1")


def acknowledgement(document: Node, target: Target) -> Iterator[Finding]:
    """Only explicitOnly with static workers keeps a message that was not worked off."""
    for trigger in triggers(document):
        mode, found = trigger.get("explicitAckMode"), trigger.at("explicitAckMode")
        if found is None and is_stream(trigger):
            yield missing(
                trigger,
                "explicitAckMode",
                "is missing: a message whose handler fails is acknowledged all the same",
                "write explicitAckMode: explicitOnly",
                WARNING,
            )
        if found is None or not needs_static_workers(mode):
            continue
        if not is_stream(trigger):
            yield error(found, f"means nothing to a trigger of kind {trigger.get('kind')}", "leave it out")
            continue
        if mode == "enable":
            yield error(
                found,
                "acknowledges what the handler asked not to: Nuclio does not find the SDK's header",
                "write explicitOnly",
            )
        if trigger.get("attributes", "workerAllocationMode") != "static":
            yield _at(
                trigger,
                "attributes.workerAllocationMode",
                f"is not static, and the trigger refuses to start with explicitAckMode {mode}",
                "write workerAllocationMode: static",
            )


def batch(document: Node, target: Target) -> Iterator[Finding]:
    """Nuclio batches HTTP requests and nothing else."""
    for trigger in triggers(document):
        found = trigger.at("batch")
        if found is not None and trigger.get("kind") != "http":
            yield error(
                found, f"is ignored by a {trigger.get('kind')} trigger", "leave it out; gather in the handler"
            )
        elif found is not None and found.get("mode") == "enable" and found.get("timeout") is None:
            yield missing(found, "timeout", "is missing, and Nuclio refuses the batch", "write timeout: 1s")


def cron(document: Node, target: Target) -> Iterator[Finding]:
    """Either an interval or a schedule, and one that comes."""
    for trigger in [each for each in triggers(document) if each.get("kind") == "cron"]:
        interval, schedule = (trigger.at("attributes", each) for each in ("interval", "schedule"))
        if not one_clock(interval, schedule):
            what = "has neither interval nor schedule" if interval is None else "has interval and schedule"
            yield error(trigger, what, "give it one of them, for example interval: 10m")
        if interval is not None and _is_zero(interval.data):
            yield error(interval, "is no time between two ticks", "write for example 10m")
        if schedule is not None and isinstance(schedule.data, str):
            yield from _schedule(schedule)


def _schedule(found: Node) -> Iterator[Finding]:
    try:
        Schedule(found.data)
    except ValueError as problem:
        yield error(found, f"is no schedule: {problem}", "write for example 0 * * * * or @every 10m")


def _is_zero(interval: object) -> bool:
    try:
        return isinstance(interval, str) and seconds_of(interval) == 0
    except ValueError:
        return False  # said already


def kafka(document: Node, target: Target) -> Iterator[Finding]:
    """What a Kafka trigger can't start without, and what it would skip."""
    for trigger in [each for each in triggers(document) if each.get("kind") in KAFKA_KINDS]:
        attributes = trigger.at("attributes") or trigger
        for key, mend in (("topics", "list the topics"), ("consumerGroup", "name the group, one a function")):
            if not attributes.get(key):
                yield _at(attributes, key, "is missing", mend)
        yield from _topic_names(attributes)
        brokers = attributes.get("brokers")
        if not any(brokers if isinstance(brokers, list) else []) and not trigger.get("url"):
            yield _at(attributes, "brokers", "is missing, and so is url", "list them as host:port")
        yield from _from_the_beginning(attributes, "initialOffset")
        yield from _kafka_secrets(attributes)


def _kafka_secrets(attributes: Node) -> Iterator[Finding]:
    found = attributes.at("secretPath")
    if found is not None:
        yield warning(
            found,
            "does nothing among the attributes: Nuclio 1.14 reads it before them",
            "set the annotation nuclio.io/kafka-secret-path",
        )
    password = attributes.at("sasl", "password")
    if password is not None:
        yield Finding(
            password.line, password.key, "", "stands in the file, for everyone who can read it",
            "mount a secret and name its file in the annotation nuclio.io/kafka-sasl-password", WARNING,
        )  # fmt: skip


def v3io(document: Node, target: Target) -> Iterator[Finding]:
    """Where a V3IO stream is, and that Nuclio does not scale who reads it."""
    least, most = (document.at("spec", each) for each in ("minReplicas", "maxReplicas"))
    for trigger in [each for each in triggers(document) if each.get("kind") in V3IO_KINDS]:
        attributes = trigger.at("attributes") or trigger
        named = [key for key in ("containerName", "streamPath", "consumerGroup") if attributes.get(key)]
        if not named and "@" not in str(trigger.get("url")):
            yield missing(
                attributes, "streamPath", "is missing", "give containerName, streamPath, consumerGroup"
            )
        for key in ("containerName", "streamPath", "consumerGroup"):
            if named and key not in named:
                yield missing(attributes, key, "is missing", "give all three, or none and all in url")
        if trigger.get("url") is None:
            yield missing(trigger, "url", "is missing", "write url: http://v3io-webapi:8081")
        if least is not None and most is not None and least.data != most.data:
            yield error(
                least, f"is not maxReplicas, {most.data}: V3IO streams don't scale", "make them equal"
            )
        yield from _from_the_beginning(attributes, "seekTo")


def _from_the_beginning(attributes: Node, key: str) -> Iterator[Finding]:
    found = attributes.at(key)
    if found is None or str(found.data).lower() == "latest":
        said = "is missing, and Nuclio takes latest" if found is None else "skips the past"
        problem = f"{said}: what was published before the first start is never read"
        yield _at(attributes, key, problem, f"write {key}: earliest", WARNING)


def _topic_names(attributes: Node) -> Iterator[Finding]:
    found = attributes.at("topics")
    for topic in found.items if found is not None else ():
        valid = isinstance(topic.data, str) and ("://" in topic.data or TOPIC.fullmatch(topic.data))
        if not valid and isinstance(topic.data, str | None):
            yield error(topic, "can't name a topic", "use at most 249 letters, digits, '.', '_' and '-'")


def timeouts(document: Node, target: Target) -> Iterator[Finding]:
    """A member that is silent for its session's time is put out of its group."""
    for trigger in [each for each in triggers(document) if is_stream(each)]:
        found = [trigger.at("attributes", key) for key in ("sessionTimeout", "heartbeatInterval")]
        given = [_seconds(each.data) for each in found if each is not None]
        session, heartbeat = (
            _seconds(each.data) if each is not None else usual
            for each, usual in zip(found, (SESSION_SECONDS, HEARTBEAT_SECONDS), strict=True)
        )
        if not given or session is None or heartbeat is None or heartbeat < session:
            continue
        where = found[0] or found[1] or trigger
        yield error(
            where,
            f"lets the session ({session:g} s) end before a heartbeat ({heartbeat:g} s) is due: the group "
            "never comes to rest",
            "make sessionTimeout three times heartbeatInterval, or leave both out",
        )


def _seconds(duration: object) -> float | None:
    try:
        return seconds_of(duration) if isinstance(duration, str) else None
    except ValueError:
        return None  # said already


def groups(document: Node, target: Target) -> Iterator[Finding]:
    """Lag and health look for the groups of ModelMon's own functions by their names."""
    for trigger in [each for each in triggers(document) if is_stream(each)]:
        found = trigger.at("attributes", "consumerGroup")
        wanted = {target.groups[topic] for topic in _topics(trigger) if topic in target.groups}
        if found is not None and wanted and found.data not in wanted:
            name = ", ".join(sorted(wanted))
            problem = (
                f"is not {name}, by which `modelmon status` and `modelmon health` find the function's lag"
            )
            yield warning(found, problem, f"write {name}")


def partitions(document: Node, target: Target) -> Iterator[Finding]:
    """A worker reads at least one partition, or it has nothing to do."""
    asked = document.get("spec", "maxReplicas") or document.get("spec", "minReplicas") or 1
    replicas = 1 if target.platform == LOCAL else asked  # see platform_rules.replicas_on_docker
    for trigger in triggers(document):
        known = [target.partitions[topic] for topic in _topics(trigger) if topic in target.partitions]
        number = trigger.get("numWorkers") or 1
        if not known or not isinstance(number, int) or not isinstance(replicas, int):
            continue
        readers, there = number * replicas, sum(known)
        found = trigger.at("numWorkers") or trigger
        said = f"times {replicas} replicas makes {readers} workers for {there} partitions"
        mend = "partitions = replicas x workers: change the settings *_workers, *_replicas or *_partitions"
        if readers > there:
            yield error(found, f"{said}: some have nothing to do", mend)
        elif there % readers:
            yield warning(found, f"{said}: some have more to do than others", mend)


def _topics(trigger: Node) -> list[str]:
    found = trigger.get("attributes", "topics")
    path = str(trigger.get("attributes", "streamPath") or "")
    return [str(topic) for topic in found] if isinstance(found, list) else [path.rpartition("/")[2]]


def _at(node: Node, key: str, problem: str, mend: str, level: Literal["error", "warning"] = ERROR) -> Finding:
    """About a key below `node`, at its own line if it is there, be it empty, else at the line of `node`."""
    found: Node | None = node
    for part in key.split("."):
        found = found.entries.get(part) if found is not None else None
    if found is None:
        return missing(node, key, problem, mend, level)
    return error(found, problem, mend) if level == ERROR else warning(found, problem, mend)


TRIGGER_RULES: tuple[Rule, ...] = (
    any_trigger, names, workers, acknowledgement, batch, cron, kafka, v3io, timeouts, groups,
    partitions,
)  # fmt: skip

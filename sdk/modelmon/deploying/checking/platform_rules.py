"""Rules of one platform: what Docker leaves out without a word, and what Kubernetes would not take."""

from __future__ import annotations

from collections.abc import Iterator

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import WARNING, Finding, error, missing, warning
from modelmon.deploying.checking.rules import Rule, items_of, triggers
from modelmon.deploying.checking.target import Target
from modelmon.function_spec.platforms import KUBE, LOCAL

CUSTOM_RESOURCE = "nuclio.io/v1beta1"
NODE_PORTS = (30000, 32767)
"""What a cluster gives to services unless it was told otherwise."""
HIGHEST_PORT = 65535
LISTENS_ON = 8080
"""Where Docker's port and Kubernetes' service lead."""


def namespace(document: Node, target: Target) -> Iterator[Finding]:
    """nuctl knows a namespace by its own option alone."""
    found = document.at("metadata", "namespace")
    if found is not None:
        yield warning(
            found,
            "is overwritten by nuctl, which takes --namespace, or nuclio without it",
            "leave it out; the setting is nuclio_namespace",
        )


def api_version(document: Node, target: Target) -> Iterator[Finding]:
    """nuctl reads none, a cluster knows one."""
    found = document.at("apiVersion")
    if (
        target.platform == KUBE
        and target.as_it_stands
        and found is not None
        and found.data != CUSTOM_RESOURCE
    ):
        yield warning(
            found,
            "is no version that the cluster serves: kubectl apply refuses it",
            f"write {CUSTOM_RESOURCE}",
        )


def secrets(document: Node, target: Target) -> Iterator[Finding]:
    """What Docker leaves empty without a word."""
    if target.platform != LOCAL:
        return
    mend = "give it by `nuctl deploy --env NAME=value`, as `modelmon deploy --platform local` does"
    for entry in items_of(document, "env"):
        found = entry.at("valueFrom")
        if found is not None:
            yield warning(found, "is an empty text on Docker", mend)
    found = document.at("spec", "envFrom")
    if found is not None:
        yield warning(found, "is left out on Docker", mend)
    for entry in items_of(document, "volumes"):
        volume = entry.at("volume")
        if volume is not None and volume.at("hostPath") is None:
            yield warning(volume, "is left out on Docker", "mount a folder of the machine, by hostPath")


def restart(document: Node, target: Target) -> Iterator[Finding]:
    """Docker leaves a container that has ended where it is: nuctl goes on saying that it is ready."""
    if target.platform != LOCAL:
        return
    mend = "write spec.platform.attributes.restartPolicy: {name: always, maximumRetryCount: 0}"
    key, down = "platform.attributes.restartPolicy", "a crash or a restart of Docker ends the function"
    found, spec = document.at("spec", "platform", "attributes", "restartPolicy"), document.at("spec")
    if found is None and spec is not None and target.as_it_stands:
        yield missing(spec, key, f"is missing: {down} for good", f"{mend}, as modelmon bundle does", WARNING)
    elif found is not None and found.get("name") in (None, "no"):
        yield warning(found.at("name") or found, f"starts no container again: {down} for good", mend)


def replicas_on_docker(document: Node, target: Target) -> Iterator[Finding]:
    """Docker's platform runs one container, whatever is asked for."""
    if target.platform != LOCAL:
        return
    found = document.at("spec", "maxReplicas") or document.at("spec", "minReplicas")
    if found is not None and isinstance(found.data, int) and found.data > 1:
        yield warning(
            found,
            "replicas are asked for, and Docker runs one container a function",
            "set its *_replicas to 1 and its *_workers to as many more, or deploy to kube",
        )


def ports(document: Node, target: Target) -> Iterator[Finding]:
    """A port that there is, where somebody can reach it."""
    for trigger in [each for each in triggers(document) if each.get("kind") == "http"]:
        found = trigger.at("attributes", "port")
        if found is not None and isinstance(found.data, int):
            yield from _port(document, trigger, found, target)
        elif target.platform == LOCAL and target.as_it_stands and not _is_private(trigger):
            problem = "is missing: Docker gives the function another one at each start, also after a crash"
            yield missing(trigger, "attributes.port", problem, "write attributes: {port: 8085}", WARNING)
        address = trigger.at("url")
        if address is not None and _listens_on(str(address.data)) not in (None, LISTENS_ON):
            yield warning(
                address,
                f"is not port {LISTENS_ON}, where Docker's port and Kubernetes' service lead",
                "leave it out; attributes.port is the port outside",
            )


def _is_private(trigger: Node) -> bool:
    return trigger.get("attributes", "disablePortPublishing") is True


def _port(document: Node, trigger: Node, found: Node, target: Target) -> Iterator[Finding]:
    kind = trigger.get("attributes", "serviceType") or document.get("spec", "serviceType")
    if found.data > HIGHEST_PORT:
        yield error(found, "is no port", f"write one up to {HIGHEST_PORT}, or leave it out for any free one")
    elif target.platform == KUBE and kind == "NodePort" and found.data:
        least, most = NODE_PORTS
        if not least <= found.data <= most:
            yield warning(
                found, "is refused by a cluster with the usual ports of nodes", f"{least} to {most}"
            )


def _listens_on(address: str) -> int | None:
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() else None


PLATFORM_RULES: tuple[Rule, ...] = (
    namespace, api_version, secrets, restart, replicas_on_docker, ports,
)  # fmt: skip

"""Rules between the keys of a function: its name, code, image, replicas and environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import WARNING, Finding, did_you_mean, error, missing, warning
from modelmon.deploying.checking.code import EVERYTHING, names_in
from modelmon.deploying.checking.target import Target
from modelmon.errors import ConfigError
from modelmon.function_spec.nuclio_rules import HANDLER, KAFKA_KINDS, V3IO_KINDS
from modelmon.function_spec.platforms import LOCAL
from modelmon.settings import PREFIX, Settings, every_setting

NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
PYTHONS = ("3.9", "3.10", "3.11", "3.12")
RUNTIME = re.compile(r"python:(3\.\d+)")
PYTHON_IMAGE = re.compile(r"(?:^|/)python:(3\.\d+)")
ENVIRONMENT_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
NOT_SETTINGS = (f"{PREFIX}DEBUG", f"{PREFIX}JOB")
PROJECT_DIR = f"{PREFIX}PROJECT_DIR"  # reading it would read that project's files
Rule = Callable[[Node, Target], Iterator[Finding]]


def name(document: Node, target: Target) -> Iterator[Finding]:
    """Kubernetes makes a service of the name, Docker a container."""
    found = document.at("metadata", "name")
    if found is None:
        metadata = document.at("metadata")
        if metadata is not None:
            yield missing(metadata, "name", "is missing", "give the function a name")
    elif not isinstance(found.data, str) or not NAME.fullmatch(found.data):
        yield error(
            found,
            "can't name a function",
            "use at most 63 lower-case letters, digits and '-', the first one a letter, the last no '-'",
        )


def handler(document: Node, target: Target) -> Iterator[Finding]:
    """What is called, and that its module is there."""
    spec, found = document.at("spec"), document.at("spec", "handler")
    if spec is None:
        return
    if found is None:
        yield missing(spec, "handler", "is missing", "write handler: main:handler")
        return
    matched = HANDLER.fullmatch(str(found.data))
    if not matched:
        yield error(found, "is no handler", "write module:function, for example main:handler")
    elif target.folder is not None and not _is_elsewhere(document):
        file = target.folder / (matched.group(1).replace(".", "/") + ".py")
        if not file.is_file():
            yield error(found, f"names a module that is not there: no {file}", "name the file that is")
        else:
            yield from _in_module(found, file, str(found.data).rpartition(":")[2])


def _is_elsewhere(document: Node) -> bool:
    """Whether the code is not beside the file: it stands in it, or is fetched."""
    build = ("spec", "build")
    return any(document.get(*build, key) for key in ("functionSourceCode", "path", "codeEntryType"))


def _in_module(found: Node, file: Path, wanted: str) -> Iterator[Finding]:
    try:
        names = names_in(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, RecursionError) as problem:
        line = f", line {problem.lineno}" if isinstance(problem, SyntaxError) else ""
        kind = type(problem).__name__
        yield error(found, f"names a module that is no Python: {file}{line} ({kind})", "mend the module")
        return
    if wanted not in names and EVERYTHING not in names:
        mend = did_you_mean(wanted, names, f"there are {', '.join(sorted(names)) or 'none'}")
        yield error(found, f"is not there: {file.name} has no {wanted}", mend)


def runtime(document: Node, target: Target) -> Iterator[Finding]:
    """A Python that Nuclio has, the same in the image."""
    spec, found = document.at("spec"), document.at("spec", "runtime")
    if spec is None:
        return
    if found is None:
        yield missing(spec, "runtime", "is missing", 'write runtime: "python:3.11"')
        return
    matched = RUNTIME.fullmatch(str(found.data))
    if str(found.data) == "python":
        yield warning(found, "is another Python in each version of Nuclio", 'write "python:3.11"')
    elif matched is None or matched.group(1) not in PYTHONS:
        known = ", ".join(f'"python:{version}"' for version in PYTHONS)
        yield error(found, "is no Python that Nuclio has", f"write one of {known}")
    elif matched.group(1) == PYTHONS[0]:
        yield warning(found, "is gone from Nuclio 1.15.11 on", 'write "python:3.11"')
    image = document.at("spec", "build", "baseImage")
    in_image = PYTHON_IMAGE.search(str(image.data)) if image is not None else None
    if image is not None and in_image and matched and in_image.group(1) != matched.group(1):
        yield error(
            image,
            f"has another Python than the runtime, {matched.group(1)}: Nuclio's own packages don't install",
            f"write python:{matched.group(1)}-slim",
        )


def replicas(document: Node, target: Target) -> Iterator[Finding]:
    """How many there may be, and that something wakes those that sleep."""
    least, most = document.at("spec", "minReplicas"), document.at("spec", "maxReplicas")
    if most is not None and most.data == 0:
        yield error(most, "lets no replica run", "write at least 1")
    if least is None or not isinstance(least.data, int):
        return
    if least.data == 0 and most is None:
        yield error(least, "needs maxReplicas beside it", "add maxReplicas: 1 or more")
    if least.data == 0 and "http" not in kinds_of(document):
        yield error(least, "needs an http trigger: only a request wakes a function", "write 1, or add one")
    if most is not None and isinstance(most.data, int) and least.data > most.data:
        yield error(least, f"is more than maxReplicas, {most.data}", "make it at most as many")


def event_timeout(document: Node, target: Target) -> Iterator[Finding]:
    """A worker that is killed in mid-buffer loses what it has not acknowledged yet."""
    found = document.at("spec", "eventTimeout")
    if found is not None and any(
        trigger.get("explicitAckMode") == "explicitOnly" for trigger in triggers(document)
    ):
        yield error(
            found,
            "kills a worker that waits, and later acknowledgements pass over what it held",
            "leave it out where a trigger has explicitAckMode: explicitOnly",
        )


def default_http(document: Node, target: Target) -> Iterator[Finding]:
    """Nuclio adds an HTTP trigger, one more Python process, to every function that has none."""
    spec = document.at("spec")
    if spec is None or "http" in kinds_of(document) or spec.get("disableDefaultHTTPTrigger") is not None:
        return
    yield missing(
        spec,
        "disableDefaultHTTPTrigger",
        "is missing: Nuclio adds an http trigger, one more Python process with a copy of the function",
        "write disableDefaultHTTPTrigger: true, or add an http trigger",
        WARNING,
    )


def environment(document: Node, target: Target) -> Iterator[Finding]:
    """Each variable once, by a name that can be, and ours by a name that is a setting."""
    seen: set[str] = set()
    known = [PREFIX + name.upper() for name in every_setting()]
    for entry in items_of(document, "env", with_empty=True):
        found = entry.at("name")
        if found is None:
            yield missing(entry, "name", "is missing", "give the variable a name")
            continue
        variable = str(found.data)
        if not ENVIRONMENT_NAME.fullmatch(variable):
            yield error(found, "can't name a variable", "use letters, digits and '_'")
        if variable in seen:
            yield error(found, "stands there twice: which one counts depends on the platform", "keep one")
        seen.add(variable)
        if variable.startswith(PREFIX) and variable not in (*known, *NOT_SETTINGS):
            yield error(
                found, "is no setting", did_you_mean(variable, known, "'Settings' in the docs lists them")
            )
        elif variable in known:
            yield from _setting(entry, variable)
        if target.platform == LOCAL and re.search(r"['\n]", str(entry.get("value"))):
            yield error(
                entry,
                "can't be given to Docker by Nuclio, which quotes it with '",
                "leave out ' and newlines",
            )
        if entry.at("value") is not None and entry.at("valueFrom") is not None:
            yield error(entry, "has a value and valueFrom", "keep one of them")


def _setting(entry: Node, variable: str) -> Iterator[Finding]:
    """A value that the function itself would refuse when it starts."""
    value = entry.at("value")
    if value is None or not isinstance(value.data, str) or variable == PROJECT_DIR:
        return
    try:
        Settings.load(environ={variable: value.data})
    except ConfigError as problem:
        yield error(
            value, f"is refused by the function: {problem}", "'Settings' in the docs says what it may be"
        )


def volumes(document: Node, target: Target) -> Iterator[Finding]:
    """A volume and where it is mounted go by one name."""
    for entry in items_of(document, "volumes"):
        volume, mount = entry.get("volume", "name"), entry.get("volumeMount", "name")
        if volume is None or mount is None:
            yield error(entry, "lacks a name", "give volume and volumeMount the same name")
        elif volume != mount:
            yield error(entry, f"has two names, {volume} and {mount}", "give volume and volumeMount the same")


def triggers(document: Node) -> list[Node]:
    """Every trigger that has entries."""
    found = document.at("spec", "triggers")
    return [each for each in found.entries.values() if each.entries] if found is not None else []


def is_stream(trigger: Node) -> bool:
    return trigger.get("kind") in KAFKA_KINDS + V3IO_KINDS


def kinds_of(document: Node) -> list[object]:
    """The kind of each trigger."""
    return [trigger.get("kind") for trigger in triggers(document)]


def items_of(document: Node, key: str, *, with_empty: bool = False) -> tuple[Node, ...]:
    """The entries of a list of the spec that are mappings."""
    found = document.at("spec", key)
    items = found.items if found is not None else ()
    return tuple(item for item in items if item.entries or (with_empty and item.data == {}))


FUNCTION_RULES: tuple[Rule, ...] = (
    name, handler, runtime, replicas, event_timeout, default_http, environment, volumes,
)  # fmt: skip

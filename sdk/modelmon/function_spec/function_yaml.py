"""Reads function.yaml as far as the embedded runner needs it, and says what Nuclio would stumble over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelmon.checked_yaml.given import no_utf8
from modelmon.errors import ConfigError
from modelmon.function_spec.nuclio_rules import HANDLER, http_triggers_too_many, is_python
from modelmon.function_spec.triggers import Trigger, read_trigger
from modelmon.secrecy import yaml_mistake
from modelmon.settings import PREFIX, Settings, every_setting, secret_settings
from modelmon.streams.subscriptions import app_group, events_group, writer_group

FILE = "function.yaml"
TOP_LEVEL = ("apiVersion", "kind", "metadata", "spec")
KINDS: dict[type, str] = {dict: "`key: value` lines", list: "a list", str: "text"}
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One function: the folder it lies in, what to call, and what calls it."""

    name: str
    folder: Path
    handler: str  # "module:function"
    environment: Mapping[str, str]
    triggers: tuple[Trigger, ...]


def read_function(folder: Path, settings: Settings, name: str = "") -> FunctionSpec:
    """Read `folder`/function.yaml, rendered for this project; the folder's name is the function's, unless it
    has another `name` there because it is still being written.

    Raises ConfigError naming the file and the key that is wrong.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} {no_utf8(error)}") from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error}") from error
    try:
        name = name or folder.name
        return _spec(name, folder, parse(render(text, placeholders(settings, name))))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def placeholders(settings: Settings, function: str) -> dict[str, str]:
    """What `${…}` may name in a function.yaml: settings, and these of the function itself.

    A function.yaml is for many eyes: settings that may hold a password are none of them.
    """
    interval = settings.controller_interval_seconds
    names = every_setting().keys() - secret_settings()
    return {
        **{name: str(settings.value(name)) for name in names},
        "name": function,
        "app_stream": settings.app_stream.format(name=function),
        "events_group": events_group(settings),
        "writer_group": writer_group(settings),
        "app_group": app_group(settings, function),
        "brokers": "",
        "controller_interval": f"{interval:g}s",
    }


def secret_placeholder(name: str) -> str:
    """How a function gets the setting `name` that may hold a password; "" for another one."""
    if name not in secret_settings():
        return ""
    variable = f"{PREFIX}{name.upper()}"
    return f"every function gets the variable {variable} by itself; 'Secrets under Nuclio' in the docs"


def render(text: str, values: Mapping[str, str]) -> str:
    """`text` with every `${name}` replaced. Raises ConfigError for an unknown one.

    >>> render("topic: ${events_stream}", {"events_stream": "events"})
    'topic: events'
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values and name in secret_settings():
            raise ConfigError(f"${{{name}}} may be secret and is no placeholder: {secret_placeholder(name)}")
        if name not in values:
            raise ConfigError(f"unknown placeholder ${{{name}}}; known are {', '.join(sorted(values))}")
        return values[name]

    return PLACEHOLDER.sub(value, text)


def parse(text: str) -> dict[str, Any]:
    """The `spec` of a function.yaml. Raises ConfigError naming the key that is wrong."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"not YAML: {yaml_mistake(error)}") from None  # its own message quotes the line
    document = expect(document, dict, "the document")
    for key in document:
        if key not in TOP_LEVEL:
            raise ConfigError(f"{key}: is no key of a function.yaml; there are {', '.join(TOP_LEVEL)}")
    return expect(document.get("spec"), dict, "spec")  # type: ignore[no-any-return]


def _spec(name: str, folder: Path, spec: Mapping[str, Any]) -> FunctionSpec:
    handler = expect(spec.get("handler"), str, "spec.handler")
    if not HANDLER.fullmatch(handler):
        raise ConfigError(f"spec.handler: {handler!r} must be module:function, for example main:handler")
    runtime = expect(spec.get("runtime"), str, "spec.runtime")
    if not is_python(runtime):
        raise ConfigError(f'spec.runtime: {runtime!r} must be a Python, for example "python:3.11"')
    triggers = expect(spec.get("triggers") or {}, dict, "spec.triggers")
    if not triggers:
        raise ConfigError("spec.triggers: must name at least one trigger, else nothing calls the function")
    kinds = [trigger.get("kind") for trigger in triggers.values() if isinstance(trigger, dict)]
    if http_triggers_too_many(kinds):
        raise ConfigError("spec.triggers: Nuclio takes one http trigger a function; give it more numWorkers")
    return FunctionSpec(
        name=name,
        folder=folder,
        handler=handler,
        environment=_environment(expect(spec.get("env") or [], list, "spec.env")),
        triggers=tuple(
            read_trigger(name, expect(value, dict, f"spec.triggers.{name}"))
            for name, value in triggers.items()
        ),
    )


def _environment(entries: list[Any]) -> dict[str, str]:
    """An entry that comes out empty is left to the project's own setting; so are cluster secrets."""
    values = {}
    for index, entry in enumerate(entries):
        entry = expect(entry, dict, f"spec.env[{index}]")
        name = expect(entry.get("name"), str, f"spec.env[{index}].name")
        value = entry.get("value")
        if not isinstance(value, str | None):
            raise ConfigError(f"spec.env[{index}].value: {name} must be text, quote it")
        if value:
            values[name] = value
    return values


def expect(value: Any, kind: type, key: str) -> Any:
    """`value`, which has to be a `kind`; ConfigError naming the `key` otherwise."""
    if not isinstance(value, kind):
        secret = isinstance(value, dict | list) or key.startswith("spec.env")
        found = "nothing" if value is None else f"a {type(value).__name__}" if secret else repr(value)
        raise ConfigError(f"{key}: must be {KINDS[kind]}, got {found}")
    return value

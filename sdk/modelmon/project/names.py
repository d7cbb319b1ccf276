"""Names of functions and apps: which can be, and which are ours."""

from __future__ import annotations

import re
from collections.abc import Collection

from modelmon.errors import ConfigError
from modelmon.function_spec.own_apps import OWN_APPS
from modelmon.model import APP_NAME

STREAM, CONTROLLER, WRITER = "modelmon-stream", "modelmon-controller", "modelmon-writer"
API, EXPORTER, NOTIFIER = "modelmon-api", "modelmon-exporter", "modelmon-notifier"
INFRASTRUCTURE = {
    STREAM: "stream", CONTROLLER: "controller", WRITER: "writer", API: "api", EXPORTER: "exporter",
    NOTIFIER: "notifier",
}  # fmt: skip
"""Function to its template folder."""
RESERVED_APPS = ("mlrun-infra",)
BATCH_SUFFIX = "-batch"
LONGEST = 63
_FUNCTION = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def check_function_name(name: object) -> str:
    """A name that Nuclio and a folder can have; ConfigError otherwise."""
    if not isinstance(name, str) or not _FUNCTION.fullmatch(name) or len(name) > LONGEST:
        raise ConfigError(
            f"name: a function's name has lower-case letters, digits and '-' (at most {LONGEST}, first and "
            f"last a letter or digit), got {name!r}"
        )
    if name in INFRASTRUCTURE:
        raise ConfigError(f"name: {name!r} is a function of ModelMon's own; choose another name")
    return name


def check_app_name(name: object) -> str:
    """A name that an app can have; ConfigError otherwise."""
    if not isinstance(name, str) or not APP_NAME.fullmatch(name) or len(name) > LONGEST:
        raise ConfigError(
            f"name: an app's name has only letters, digits, '_' and '-' (at most {LONGEST}), got {name!r}"
        )
    refuse_spelling("name", name, OWN_APPS)
    if name.casefold() in (*RESERVED_APPS, *INFRASTRUCTURE):
        raise ConfigError(f"name: {name!r} is reserved; choose another name")
    if name.endswith(BATCH_SUFFIX):
        raise ConfigError(
            f"name: a live app's name does not end in {BATCH_SUFFIX!r}, which marks jobs; got {name!r}"
        )
    return name


def refuse_spelling(argument: str, name: str, known: Collection[str]) -> None:
    """ConfigError for a name that one of those known has in another case."""
    for other in known:
        if other != name and other.casefold() == name.casefold():
            raise ConfigError(
                f"{argument}: {name!r} and {other!r}, which is there already, differ in case only, and some "
                "disks have one folder for both; choose another name"
            )

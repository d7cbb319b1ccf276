"""Deploying: from a template and the user's code to a function folder, recorded in the project."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from modelmon.deploying.procedure import delete_function, deploy_function, working
from modelmon.errors import ConfigError
from modelmon.function_spec import folders
from modelmon.function_spec.function_yaml import FILE
from modelmon.function_spec.topics import open_topic
from modelmon.ledger import heartbeats, registry
from modelmon.ledger.registry import RegisteredFunction
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.telling import tell
from modelmon.model_monitoring.whole_folders import (
    copy_into,
    folder_hash,
    remove_folder,
    replace_folder,
)
from modelmon.project.deploying_here import prepare_environment
from modelmon.project.names import refuse_spelling
from modelmon.secrecy import looks_secret, yaml_mistake
from modelmon.settings import Settings

logger = logging.getLogger(__name__)
MAIN = "main.py"
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def template(settings: Settings, name: str) -> Path:
    """The function folder `name`: the project's own under functions/ if it has one, else ModelMon's."""
    own = Path(settings.project_dir) / "functions" / name
    return own if (own / FILE).is_file() else folders.template(name)


def deployed_folder(settings: Settings, name: str) -> Path:
    return folders.functions_folder(Path(settings.project_dir)) / name


def is_deployed(settings: Settings, name: str) -> bool:
    """Whether the function's folder is there for `modelmon up` to run."""
    return (deployed_folder(settings, name) / FILE).is_file()


def not_deployed(settings: Settings, names: Sequence[str]) -> list[str]:
    """Those of the functions whose deployment has never come to its end: their folder, their record, their
    registration as an app, and on Nuclio that they work."""
    with opened(settings) as database, database.read() as connection:
        known = [each for each in registry.list_functions(connection) if each.deployed]
        apps = {app.name for app in registry.active_apps(connection)}
    recorded = {each.name for each in known if each.kind != "app" or each.name in apps}
    here = [name for name in names if name in recorded and is_deployed(settings, name)]
    done = working(settings, here, tell) if here else set()
    return [name for name in names if name not in done]


def write_function(
    settings: Settings, name: str, fill: Callable[[Path], None], environment: Mapping[str, str]
) -> Path:
    """Make the function's folder what `fill` writes, with `environment` added to its function.yaml, and
    hand it to Nuclio where the project's `platform` says so.

    A function whose first deployment there fails, or is interrupted, is not deployed here either.
    """

    def filled(folder: Path) -> None:
        fill(folder)
        path = folder / FILE
        if environment:
            path.chmod(0o600)  # before the values stand there: one may be a password
        path.write_text(with_environment(path.read_text(encoding="utf-8"), environment), encoding="utf-8")
        prepare_environment(settings, name, folder)

    before = is_deployed(settings, name)
    folder = replace_folder(deployed_folder(settings, name), filled)
    try:
        deploy_function(settings, name, tell)
    except BaseException:  # an interruption too
        if not before:
            remove_folder(folder)
        raise
    return folder


def check_spelling(settings: Settings, name: str) -> None:
    """ConfigError for a name that is another function's but for its case."""
    folder = folders.functions_folder(Path(settings.project_dir))
    with opened(settings) as database, database.read() as connection:
        known = {each.name for each in registry.list_functions(connection)}
    refuse_spelling("name", name, known | {path.name for path in folder.glob("[!.]*")})


def with_environment(text: str, environment: Mapping[str, str]) -> str:
    """A function.yaml with these variables set; its own lines and comments stay.

    >>> with_environment("spec:\\n  env:\\n    - name: A\\n      value: b\\n", {"C": "d"})
    'spec:\\n  env:\\n    - name: "C"\\n      value: "d"\\n    - name: A\\n      value: b\\n'
    """
    if not environment:
        return text
    lines = "".join(
        f"    - name: {json.dumps(key)}\n      value: {json.dumps(value)}\n"
        for key, value in environment.items()
    )
    if re.search(r"^  env:[ \t]*$", text, re.MULTILINE):
        return re.sub(r"^  env:[ \t]*\n", lambda _: f"  env:\n{lines}", text, count=1, flags=re.MULTILINE)
    return re.sub(r"^spec:[ \t]*\n", lambda _: f"spec:\n  env:\n{lines}", text, count=1, flags=re.MULTILINE)


def check_environment(environment: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables for a function; ConfigError naming the one that can't be."""
    for name, value in environment.items():
        if not isinstance(name, str) or not ENVIRONMENT_NAME.fullmatch(name):
            raise ConfigError(f"env: {name!r} can't name an environment variable")
        if not isinstance(value, str | int | float) or isinstance(value, bool) or "\0" in str(value):
            raise ConfigError(f"env: {name} must be a text or a number, got a {type(value).__name__}")
    return {name: str(value) for name, value in environment.items()}


def warn_of_secret(name: str) -> None:
    """Say of a variable that is called like a secret who will be able to read it."""
    if looks_secret(name):
        logger.warning(
            "%s looks like a secret: its value will stand in the function's configuration and in the "
            "project's records, for all who can read those; 'Secrets under Nuclio' in the docs, says "
            "what else there is",
            name,
        )


def copy_code(source: Path, folder: Path, otherwise: str) -> str:
    """The user's code into a function folder: one file, or all that a folder holds.

    Returns the file's name there, "" for a folder. A file that can't keep its name (main.py is the handler,
    and a module's name is an identifier) is called `otherwise`.
    """
    if not source.is_file():
        copy_into(source, folder)  # a folder; refuses what is gone
        return ""
    name = source.name if source.stem.isidentifier() and source.name != MAIN else otherwise
    (folder / name).write_bytes(source.read_bytes())
    return name


def make_stream(settings: Settings, topic: str) -> None:
    """Create the project's stream of this name, with its partitions, unless it is there."""
    open_topic(settings, topic).close()


def record(settings: Settings, name: str, kind: str, spec: Mapping[str, Any], *, deployed: bool) -> None:
    """Record a function; ConfigError when a function of another kind has the name, or one whose name differs
    in case only."""
    check_spelling(settings, name)
    code = folder_hash(deployed_folder(settings, name))
    with opened(settings) as database, database.write() as connection:
        found = registry.get_function(connection, name)
        if found is not None and found.kind != kind:
            raise ConfigError(
                f"name: {name!r} is a function of kind {found.kind} already; choose another name"
            )
        deployed = deployed or (found is not None and found.deployed)
        registry.put_function(
            connection, name, kind, spec, deployed=deployed, now_us=wall_clock_us(), code=code
        )


def recorded(settings: Settings, name: str) -> RegisteredFunction | None:
    with opened(settings) as database, database.read() as connection:
        return registry.get_function(connection, name)


def withdraw(settings: Settings, name: str, *, forget: bool) -> bool:
    """Remove the function's folder, so that it stops, on Nuclio too; `forget` its record as well. False when
    it is unknown."""
    if is_deployed(settings, name):
        delete_function(settings, name, tell)
    removed, now_us = remove_folder(deployed_folder(settings, name)), wall_clock_us()
    with opened(settings) as database, database.write() as connection:
        found = registry.get_function(connection, name)
        if found is not None and found.kind == "app":
            registry.unregister_app(connection, name)
        heartbeats.forget_function(connection, name)
        if found is not None and forget:
            registry.remove_function(connection, name)
        elif found is not None:
            registry.put_function(connection, name, found.kind, found.spec, deployed=False, now_us=now_us)
    return removed or found is not None


def check_function_folder(folder: Path) -> None:
    """ConfigError unless the folder holds a function.yaml that can be read and the main.py it names."""
    try:
        document = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
        handler = str(document["spec"]["handler"]).partition(":")[0]
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{folder / FILE} is no YAML: {yaml_mistake(error)}") from None
    except (OSError, TypeError, KeyError) as error:
        raise ConfigError(f"{folder / FILE} is no function.yaml with spec.handler: {error}") from error
    if not (folder / f"{handler}.py").is_file():
        raise ConfigError(
            f"{folder}: function.yaml names the handler {handler!r}, but there is no {handler}.py"
        )

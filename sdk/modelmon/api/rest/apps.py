"""The apps of a project, for programs: which there are; set, deployed and removed by admins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.remote_deploy import Done, admitted, done, keep_code, take_archive, without_folders
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.monitoring import Minutes
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.errors import ConfigError, no_such
from modelmon.ledger import registry
from modelmon.ledger.registry import RegisteredFunction
from modelmon.secrecy import looks_secret

BASE = "/api/v1/projects/{project}/model-monitoring/functions"
HIDDEN = "…"


class AppGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """As `set_model_monitoring_function` takes them: `archive` is a zip archive with the app's code, as
    base64; `file` says which of its files is the app, "" that its folder is. Without an archive the class is
    one of an installed package."""

    archive: bytes = b""
    file: str = ""
    application_class: str | None = None
    base_period: Minutes | None = None
    arguments: dict[str, Any] = {}
    requirements: list[str] | None = None
    image: str = ""


class AppChanges(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What an app is deployed with beside what it was set with; `requirements` are added, or replace those
    before with `overwrite`."""

    environment: dict[str, str] = {}
    requirements: list[str] = []
    overwrite: bool = False


class Removed(msgspec.Struct, kw_only=True, frozen=True):
    """Which apps, by name."""

    function: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownApp:
    """An app of the project. `class_name` is in its code, or "module.Class"; `template` is a folder of
    ModelMon's that it is made from. Values that are called like secrets are not shown, and of its environment
    the names alone."""

    name: str
    class_name: str
    template: str
    arguments: Mapping[str, Any]
    base_period: int | None
    environment: tuple[str, ...]
    requirements: tuple[str, ...] | None
    image: str
    deployed: bool


@dataclass(frozen=True, slots=True)
class ShownApps:
    """By name."""

    functions: tuple[ShownApp, ...]


def listed(asked: Asked, parameters: Any) -> ShownApps:
    with asked.database.read() as connection:
        found = registry.list_functions(connection, "app")
    return ShownApps(tuple(map(_shown, found)))


def one(asked: Asked, parameters: Any) -> ShownApp:
    name, known = asked.path["name"], {each.name: each for each in listed(asked, parameters).functions}
    if name not in known:
        raise Problem(404, str(no_such(f"there is no app {name!r}", name, known)), "name")
    return known[name]


def put(asked: Asked, parameters: Any) -> ShownApp:
    project, name, given = admitted(asked), asked.path["name"], read_body(asked, AppGiven)
    if taken := signature(project.set_model_monitoring_function).parameters.keys() & given.arguments.keys():
        raise Problem(400, f"arguments: {min(taken)!r} can't be an argument of an app's class", "arguments")
    func = None
    if given.archive:
        archive = take_archive(asked, given.archive, f"app {name}")
        if given.file and given.file not in archive.files:
            raise Problem(
                400,
                str(no_such(f"file: no {given.file!r} in the archive", given.file, archive.files)),
                "file",
            )
        func = keep_code(asked, archive) / given.file
    try:
        project.set_model_monitoring_function(
            name, func, given.application_class, given.image, requirements=given.requirements,
            base_period=given.base_period, **given.arguments,
        )  # fmt: skip
    except ConfigError as error:
        raise ConfigError(without_folders(asked.settings, str(error))) from None
    return one(asked, parameters)


def deploy(asked: Asked, parameters: Any) -> Done:
    changes, name = read_body(asked, AppChanges), one(asked, parameters).name

    def act(project: Any) -> None:
        app = project.get_function(name)
        for variable, value in changes.environment.items():
            app.set_env(variable, value)
        if changes.requirements or changes.overwrite:
            app.with_requirements(changes.requirements, changes.overwrite)
        app.deploy()

    return done(asked, act)


def remove(asked: Asked, wanted: Removed) -> Done:
    if not wanted.function:
        raise Problem(400, "function: name one app or several", "function")
    return done(asked, lambda project: project.remove_model_monitoring_function(list(wanted.function)))


def _shown(found: RegisteredFunction) -> ShownApp:
    spec = found.spec
    requirements = spec.get("requirements")
    return ShownApp(
        found.name, str(spec.get("class_name", "")), str(spec.get("template", "")),
        {name: HIDDEN if looks_secret(name) else value for name, value in spec.get("arguments", {}).items()},
        spec.get("base_period"), tuple(spec.get("environment", {})),
        None if requirements is None else tuple(requirements), str(spec.get("image", "")), found.deployed,
    )  # fmt: skip


ROUTES = (
    Route("GET", BASE, listed, "The apps of the project, as they were set."),
    Route("GET", f"{BASE}/{{name}}", one, "One app, as it was set."),
    Route(
        "PUT", f"{BASE}/{{name}}", put, "Add an app, or change it, with its code.", body=AppGiven,
        role=Role.ADMIN, takes_archive=True,
    ),
    Route(
        "POST", f"{BASE}/{{name}}/deploy", deploy, "Put an app to work, or its new code.", body=AppChanges,
        role=Role.ADMIN,
    ),
    Route(
        "DELETE", BASE, remove, "Stop apps and remove them; what they found stays.", Removed, role=Role.ADMIN
    ),
)  # fmt: skip

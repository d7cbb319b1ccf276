"""A monitoring app of a project: where its code comes from, and how it is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from modelmon.counting import count
from modelmon.deploying.renewing import mark
from modelmon.errors import ConfigError
from modelmon.from_mlrun import class_here
from modelmon.function_spec.class_code import code_of_class
from modelmon.function_spec.function_yaml import FILE
from modelmon.function_spec.given_requirements import with_given
from modelmon.function_spec.local_paths import existing
from modelmon.function_spec.own_apps import OWN_APPS
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.ledger import registry
from modelmon.ledger.requirements import note_requirements
from modelmon.ledger.window_ledger import project_period
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.judging import ask_for_open_windows
from modelmon.model_monitoring.locating import HasSettings, opened
from modelmon.model_monitoring.logged_models import check_json
from modelmon.model_monitoring.telling import tell
from modelmon.model_monitoring.whole_folders import copy_into
from modelmon.project import functions
from modelmon.project.base_images import settle_image
from modelmon.project.chosen_requirements import settle_requirements
from modelmon.project.names import CONTROLLER, check_app_name
from modelmon.project.source import assigns, classes_of
from modelmon.project.specified import FunctionSpec, SpecifiedFunction
from modelmon.settings import Settings

KIND = "app"
TEMPLATE = "apps/_template"
SPEC_NAME = "app.json"
HANDLER = "handler"
METHOD = "do_tracking"
CODE = '''\
"""Runs the monitoring app that app.json names; `project.deploy_function` writes this file."""

from __future__ import annotations

import json
from pathlib import Path

from modelmon.nuclio import app_handlers
from modelmon.serving.loading import load_class

FOLDER = Path(__file__).resolve().parent
APP = json.loads((FOLDER / "app.json").read_text(encoding="utf-8"))

init_context, handler = app_handlers(
    load_class(APP["class_name"], FOLDER, APP["source"]), **APP["arguments"]
)
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSpec(FunctionSpec):
    """Where an app's code is, and with what it is made.

    `template` names a function folder of ModelMon's, whole when `class_name` is "", its function.yaml alone
    otherwise. `source` is a file or folder; it is a function of its own when `class_name` is "", and holds
    the class otherwise. Without it `class_name` is "module.Class" of an installed package. `base_period` is
    in minutes, None: the project's. `requirements` None: those of the file beside the code. `image` is what
    it is built on under Nuclio ("": as its function.yaml says).
    """

    template: str = ""
    source: str = ""
    class_name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    base_period: int | None = None
    requirements: Sequence[str] | None = None
    image: str = ""


class AppFunction(SpecifiedFunction[AppSpec]):
    """A monitoring app of a project; `deploy` puts it to work."""

    kind = KIND

    def __repr__(self) -> str:
        return f"AppFunction(name={self.name!r}, class_name={self.spec.class_name!r})"

    def with_requirements(
        self,
        requirements: str | Sequence[str] | None = None,
        overwrite: bool = False,
        prepare_image_for_deploy: bool = True,
        requirements_file: str = "",
    ) -> AppFunction:
        """What the app needs beside ModelMon, from the next `deploy` on: added to what was asked for before
        unless `overwrite`."""
        before, base = None if overwrite else self.spec.requirements, Path(self._project.settings.project_dir)
        lines = with_given(before, requirements, requirements_file, base)
        self.spec = replace(self.spec, requirements=lines)
        return self

    def deploy(self, project: str = "", tag: str = "", verbose: bool = False, **others: Any) -> AppFunction:
        """Make the app's stream, write its folder, register it: from now on it is sent windows.

        The arguments are for code written for MLRun. Raises ConfigError for a project of another name.
        """
        here = self._project.settings.project
        if project and project != here:
            raise ConfigError(f"project: this app is of project {here!r}, not {project!r}")
        say_deployed([self.name], has_past=put_to_work(self))
        return self

    def _say_when_they_come(self, settings: Settings) -> None:
        """Under Nuclio the controller's timer is part of its deployment."""
        minutes = self.spec.base_period
        if settings.platform == EMBEDDED or minutes is None:
            return
        with opened(settings) as database, database.read() as connection:
            period = project_period(connection, settings.base_period)
        if minutes < period and functions.is_deployed(settings, CONTROLLER):
            tell(
                f"Its windows of {count(minutes, 'minute')} are sent when the controller ticks, about every "
                f"{period} minutes; `modelmon deploy --function {CONTROLLER}` "
                "lets it tick as often as they end."
            )

    def save(
        self, tag: str = "", versioned: bool = False, refresh: bool = False, *, deployed: bool = False
    ) -> None:
        """Record the app in the project."""
        functions.record(self._project.settings, self.name, KIND, asdict(self.spec), deployed=deployed)


def _is_own(spec: AppSpec) -> bool:
    """Whether its code is that of the app of this name that comes with ModelMon."""
    return spec.name in OWN_APPS and spec.template == OWN_APPS[spec.name].folder


def put_to_work(app: AppFunction) -> bool:
    """Deploy it without words; returns whether there are earlier windows that it could judge."""
    settings = app._project.settings
    app.save()
    functions.make_stream(settings, settings.app_stream.format(name=app.name))
    functions.write_function(
        settings, app.name, lambda folder: _fill(settings, app.spec, folder), app.spec.environment
    )
    app.save(deployed=True)
    with opened(settings) as database, database.write() as connection:
        registry.register_app(connection, app.name, app.spec.base_period, wall_clock_us())
        if _is_own(app.spec):
            note_requirements(connection, app.name, OWN_APPS[app.name].requires)
    has_past = ask_for_open_windows(settings, app.name)
    app._say_when_they_come(settings)
    return has_past


def say_deployed(names: Sequence[str], *, has_past: bool) -> None:
    """In one line, however many apps they are; `has_past`: there are windows that they could judge."""
    one, name = len(names) == 1, names[0] if len(names) == 1 else "NAME"
    said = f"the app {name}: it judges" if one else f"the apps {', '.join(names)}: they judge"
    tell(f"Deployed {said} the windows that are due from now on.")
    if has_past:
        tell(f"Earlier ones, or failed ones again: modelmon judge --app {name} --from TIME")


def read_app(project: HasSettings, spec: Mapping[str, Any]) -> AppFunction:
    """An app from its record. Raises ConfigError for one that a newer ModelMon has written."""
    unknown = spec.keys() - {entry.name for entry in fields(AppSpec)}
    if unknown:
        raise ConfigError(
            f"the app {spec.get('name', '')!r} was recorded by a newer ModelMon, with "
            f"{', '.join(sorted(unknown))}; upgrade this one"
        )
    return AppFunction(project, AppSpec(**spec))


def describe_app(
    settings: Settings,
    name: object,
    func: str | Path | None,
    application_class: object,
    base_period: int | None,
    arguments: Mapping[str, Any],
) -> AppSpec:
    """What an app is made of, checked without running its code. Raises ConfigError."""
    name = check_app_name(name)
    check_json(f"app {name}", arguments)
    if base_period is not None:
        check_base_period(base_period)
    source, class_name = _code(settings, func, application_class)
    if source is None and not class_name:
        if name not in OWN_APPS:
            raise ConfigError(
                f"app {name}: func (its Python file or folder) is needed, or application_class as "
                "'module.Class'"
            )
        return own_app(name, dict(arguments), base_period)
    if source is not None and not class_name:
        source, class_name = _complete(source)
        if not class_name and arguments:
            raise ConfigError(
                f"app {name}: {source} makes its handler itself, so give {', '.join(arguments)} there, "
                "in its app_handlers(…) line"
            )
    return AppSpec(
        name=name,
        source=str(source or ""),
        class_name=class_name,
        arguments=dict(arguments),
        base_period=base_period,
    )


def own_app(
    name: str, arguments: Mapping[str, Any] | None = None, base_period: int | None = None, image: str = ""
) -> AppSpec:
    """An app that comes with ModelMon: its folder as it is, or its class with these arguments."""
    own = OWN_APPS[name]
    class_name = own.class_name if arguments else ""
    return AppSpec(
        name=name,
        template=own.folder,
        class_name=class_name,
        arguments=arguments or {},
        base_period=base_period,
        image=image,
    )


def check_base_period(base_period: object) -> int:
    """Whole minutes of at least 1; ConfigError otherwise."""
    if isinstance(base_period, bool) or not isinstance(base_period, int) or base_period < 1:
        raise ConfigError(
            f"base_period: must be a whole number of minutes of at least 1, got {base_period!r}"
        )
    return base_period


def _code(settings: Settings, func: str | Path | None, application_class: object) -> tuple[Path | None, str]:
    """The file or folder of the code, and the class in it, as far as they were given."""
    if func is not None and "://" in str(func):
        raise ConfigError(f"func: must be a local path, got {str(func)!r}")
    source = existing(func, "func", Path(settings.project_dir)) if func is not None else None
    if isinstance(application_class, type):
        return _code_of_class(source, application_class)
    if application_class is None:
        return source, ""
    if not isinstance(application_class, str) or not application_class:
        raise ConfigError(
            "application_class: must be the class or its name, and the class's arguments go beside it by "
            f"name; got {application_class!r}"
        )
    application_class = class_here("application_class", application_class)
    if source is None and "." not in application_class:
        raise ConfigError(
            f"application_class: {application_class!r} needs func, the file it stands in (or write "
            "'module.Class' for an installed package)"
        )
    if source is not None and "." not in application_class:
        _check_class(source, application_class)
    return source, application_class


def _code_of_class(source: Path | None, found: type) -> tuple[Path | None, str]:
    if source is not None:
        _check_class(source, found.__name__)
        return source, found.__name__
    return code_of_class(found)


def _check_class(source: Path, class_name: str) -> None:
    known = classes_of(source)
    if class_name not in known:
        raise ConfigError(
            f"application_class: no class {class_name!r} in {source}; there are: {', '.join(known) or 'none'}"
        )


def _complete(source: Path) -> tuple[Path, str]:
    """The code and its class when only the code was given: a function folder stands for itself."""
    folder = source.parent if source.name == functions.MAIN else source
    if (folder / FILE).is_file():
        functions.check_function_folder(folder)
        return folder, ""
    if source.is_file() and assigns(source, HANDLER):
        return source, ""
    found = [name for name, methods in classes_of(source).items() if METHOD in methods]
    if len(found) != 1:
        raise ConfigError(
            f"application_class: {source} has {len(found)} classes with {METHOD} "
            f"({', '.join(found) or 'none'}); name the one that is meant"
        )
    return source, found[0]


def _fill(settings: Settings, spec: AppSpec, folder: Path) -> None:
    source = existing(spec.source, "func", Path(settings.project_dir)) if spec.source else None
    if spec.template and not spec.class_name:
        source = functions.template(settings, spec.template)
        copy_into(source, folder)
        mark(folder)
    elif spec.class_name:
        _fill_from_class(settings, spec, source, folder)
    else:
        assert source is not None, "a spec names a class or code that is a function itself"
        _fill_from_function(settings, source, folder)
    settle_requirements(folder, spec.requirements, source)
    settle_image(folder, spec.image)


def _fill_from_class(settings: Settings, spec: AppSpec, source: Path | None, folder: Path) -> None:
    copy_into(functions.template(settings, spec.template or TEMPLATE) / FILE, folder)
    file = functions.copy_code(source, folder, "app.py") if source is not None else ""
    (folder / functions.MAIN).write_text(CODE, encoding="utf-8")
    document = {"class_name": spec.class_name, "source": file, "arguments": spec.arguments}
    (folder / SPEC_NAME).write_bytes(msgspec.json.format(msgspec.json.encode(document)))


def _fill_from_function(settings: Settings, source: Path, folder: Path) -> None:
    if source.is_dir():
        copy_into(source, folder)
    else:
        copy_into(functions.template(settings, TEMPLATE) / FILE, folder)
        (folder / functions.MAIN).write_bytes(source.read_bytes())
    functions.check_function_folder(folder)

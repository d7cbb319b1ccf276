"""A project folder: found, or made with its modelmon.yaml."""

from __future__ import annotations

import getpass
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import yaml

from modelmon.errors import ConfigError, UnavailableError
from modelmon.extras import missing
from modelmon.from_mlrun import refuse
from modelmon.function_spec.local_paths import check_path
from modelmon.model_monitoring.telling import tell
from modelmon.project.project import Project
from modelmon.settings import FILE_NAME, STATE_FOLDER, Settings
from modelmon.sources import make_folder

if TYPE_CHECKING:
    from modelmon.client import RemoteProject

URL, TOKEN = "MODELMON_URL", "MODELMON_TOKEN"
_ASKING = ("secrets", "subpath", "clone", "from_template", "parameters", "sync_functions")
_MEANINGLESS = ("init_git", "save", "allow_cross_project", "run_setup")
"""Arguments of MLRun's: those that ask for something that is not there, and those that do not."""


@overload
def get_or_create_project(
    name: str, context: str | Path = "./", user_project: bool = False, *, url: str, token: str = ""
) -> RemoteProject: ...


@overload
def get_or_create_project(
    name: str, context: str | Path = "./", user_project: bool = False, **settings: Any
) -> Project: ...


def get_or_create_project(
    name: str,
    context: str | Path = "./",
    user_project: bool = False,
    *,
    url: str | None = None,
    token: str = "",
    **settings: Any,
) -> Project | RemoteProject:
    """The project in the folder `context`, which is made (with its modelmon.yaml) when it is not there.

    With `url`, or the variable MODELMON_URL, it is the project of this name whose page is served there, and
    has the same methods. `token`, or MODELMON_TOKEN, says who asks ('Use it from another machine' in the
    docs). It is not made there.

    `user_project` appends the user's name to the project's. `settings` are any of
    'Settings' in the docs; they are written to modelmon.yaml and stay; arguments of
    MLRun's that ask for nothing are left out. Raises
    ConfigError for a name or setting that can't be, and when the folder holds a project of another name;
    UnavailableError when the server does not answer.
    """
    if not isinstance(name, str) or not isinstance(context, str | Path):
        raise ConfigError(f"project: must be a name and a folder, got {name!r} and {context!r}")
    check_path(context, "context")
    settings = _ours("get_or_create_project", settings)
    if isinstance(url, str) and "://" in url and not url.startswith(("http://", "https://")):
        refuse("get_or_create_project", url=url)
    if user_project:
        name = f"{name}-{re.sub(r'[^a-z0-9]+', '-', getpass.getuser().lower()).strip('-')}"
    Settings.load(None, {}, **{**settings, "project": name})  # refuses what can't be before anything is made
    server = _server(url, token)
    if server is not None:
        return _elsewhere(name, server, settings)
    return _in_folder(name, Path(context).expanduser().resolve(), settings)


def _in_folder(name: str, folder: Path, settings: dict[str, Any]) -> Project:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"context: {folder} is a file; a project is a folder")
    path = folder / FILE_NAME
    try:
        if path.is_file():
            _check_name(folder, name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            _write(path, f"project: {name}\n")
            _ignore_state(folder)
            tell(f"Made project {name} in {folder}.")
        if settings:
            _write(path, edited(path.read_text(encoding="utf-8"), settings))
    except OSError as error:
        raise UnavailableError(f"project folder {folder} can't be written: {error.strerror}") from error
    return Project(name, folder)


def _server(url: str | None, token: str) -> tuple[str, str] | None:
    """The address that was given, else that of the environment, whose token goes to no other one."""
    known = os.environ.get(URL, "")
    if not url and not known:
        if token:
            raise ConfigError(f"token: goes together with url=, or the variable {URL}")
        return None
    if not token and (not url or not known or url == known):
        token = os.environ.get(TOKEN, "")
    return url or known, token


def _elsewhere(name: str, server: tuple[str, str], settings: dict[str, Any]) -> RemoteProject:
    try:
        from modelmon.client import RemoteProject
    except ModuleNotFoundError as error:
        raise missing(error) or error from error
    url, token = server
    if settings:
        raise ConfigError(
            f"{min(settings)}: settings are written where the project is, not from another machine"
        )
    project = RemoteProject(name, url, token)
    try:
        project.about()
    except BaseException:
        project.close()
        raise
    return project


def load_project(
    context: str | Path = "./", url: str | None = None, name: str | None = None, **others: Any
) -> Project:
    """The project in the folder `context`, called `name` if that is given; ConfigError when there is none.

    Arguments of MLRun's that ask for something else than a folder that is there are a ConfigError.
    """
    check_path(context, "context")
    refuse("load_project", url=url, **_ours("load_project", others))
    folder = Path(context).expanduser().resolve()
    if not (folder / FILE_NAME).is_file():
        raise ConfigError(f"context: no {FILE_NAME} in {folder}; get_or_create_project makes a project")
    if name is not None:
        _check_name(folder, name)
    return Project(Settings.load(folder, {}).project, folder)


def _ours(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that are not MLRun's alone. ConfigError for one of those that asks for something."""
    refuse(method, **{name: arguments.get(name) for name in _ASKING})
    return {name: value for name, value in arguments.items() if name not in (*_ASKING, *_MEANINGLESS)}


def edited(text: str, settings: dict[str, Any]) -> str:
    """modelmon.yaml with these settings in it; the other lines, comments too, stay as they are.

    >>> edited("project: p\\nbase_period: 10 # minutes\\n", {"base_period": 60})
    'project: p\\nbase_period: 60\\n'
    """
    for name, value in settings.items():
        line = yaml.safe_dump({name: value}, allow_unicode=True, width=10_000)
        old = re.search(rf"^(['\"]?){re.escape(name)}\1[ \t]*:.*(\n|\Z)", text, re.MULTILINE)
        if old:
            text = text[: old.start()] + line + text[old.end() :]
        else:
            text = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}"
    return text


def _check_name(folder: Path, name: str) -> None:
    found = Settings.load(folder, {}).project
    if found != name:
        raise ConfigError(
            f"name: {folder} holds project {found!r}, not {name!r}; choose another folder as `context`"
        )


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _ignore_state(folder: Path) -> None:
    """The state is nothing for a repository."""
    make_folder(folder / STATE_FOLDER)
    (folder / STATE_FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")

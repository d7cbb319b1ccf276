"""The functions that are deployed here, with what is known of each where it runs."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelmon.cli.running import Running, by_embedded, by_nuclio
from modelmon.errors import ConfigError
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.local.runner_state import RunningWorker
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.function_spec.function_yaml import FunctionSpec

LEAST_FREE_BYTES = 2**20
NOT_RUNNING, PREPARING = "not running", "preparing"


@dataclass(frozen=True, slots=True)
class FunctionTrigger:
    """A trigger by its name in function.yaml."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class FunctionEnvironment:
    """The Python of a function: its `own`, or the one of this command; whether it is `made` already."""

    python: str
    own: bool
    made: bool
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """One function as `modelmon functions --json` prints it."""

    name: str
    folder: str
    triggers: tuple[FunctionTrigger, ...]
    address: str | None
    environment: FunctionEnvironment | None
    state: str
    workers: tuple[RunningWorker, ...]
    error: str


def deployed_functions(
    settings: Settings, *, ask_nuctl: bool = False, environments: bool = True
) -> list[DeployedFunction]:
    """Every deployed function; without `environments` it is not looked at what each needs installed, which
    takes a moment.

    The embedded runner says of its functions how they are, if it is up; of Nuclio's that do their heartbeats
    in the records. With `ask_nuctl` it is asked for addresses, and for functions without a heartbeat.
    """
    from modelmon.function_spec.folders import deployed, functions_folder

    folders = deployed(functions_folder(Path(settings.project_dir)))
    if settings.platform == EMBEDDED:
        running = dict(by_embedded(settings))
    else:
        beating = [name for name, folder in folders.items() if _is_beating(settings, folder)]
        running = dict(by_nuclio(settings, list(folders), beating, ask_nuctl=ask_nuctl))
    return [
        _described(settings, folder, running.get(name, Running()), environments=environments)
        for name, folder in folders.items()
    ]


def beating_functions(settings: Settings) -> list[str]:
    """The deployed functions that keep a heartbeat, those that read a stream or tick: a function that serves
    models answers for itself."""
    from modelmon.function_spec.folders import deployed, functions_folder

    folders = deployed(functions_folder(Path(settings.project_dir))) if settings.project_dir else {}
    return [name for name, folder in folders.items() if _is_beating(settings, folder)]


def full_disk(settings: Settings) -> str:
    """What to say of the project's disk when nothing more can be written there; else ""."""
    if settings.platform != EMBEDDED or not settings.project_dir:
        return ""
    with suppress(OSError):
        if shutil.disk_usage(settings.project_dir).free < LEAST_FREE_BYTES:
            return f"no space left on the disk of {settings.project_dir}"
    return ""


def running_names(settings: Settings) -> set[str]:
    """The functions of the embedded runner that have a process now."""
    return {
        name
        for name, function in by_embedded(settings)
        if any(worker.pid is not None for worker in function.workers)
    }


def is_removed(settings: Settings, name: str) -> bool:
    """Whether the function is not deployed any more, as far as it is this folder that says what is."""
    from modelmon.function_spec.folders import deployed, functions_folder

    if settings.platform != EMBEDDED or not settings.project_dir:
        return False
    return name not in deployed(functions_folder(Path(settings.project_dir)))


def _is_beating(settings: Settings, folder: Path) -> bool:
    from modelmon.function_spec.function_yaml import read_function

    try:
        return any(trigger.kind != "http" for trigger in read_function(folder, settings).triggers)
    except ConfigError:
        return False  # what is wrong is told of the function itself


def _described(settings: Settings, folder: Path, running: Running, *, environments: bool) -> DeployedFunction:
    from modelmon.function_spec.function_yaml import read_function

    mistake, nothing = "", PREPARING if running.is_preparing else NOT_RUNNING
    triggers: tuple[FunctionTrigger, ...] = ()
    environment: FunctionEnvironment | None = None
    try:
        read = read_function(folder, settings)
        triggers = tuple(FunctionTrigger(trigger.name, trigger.kind) for trigger in read.triggers)
        if environments:
            environment = _environment(settings, read)
    except ConfigError as problem:
        mistake = str(problem)
    return DeployedFunction(
        name=folder.name,
        folder=str(folder),
        triggers=triggers,
        # Docker publishes a port of every function, where those without an HTTP trigger answer nobody.
        address=running.address if {"http"} & {each.kind for each in triggers} else None,
        environment=environment,
        state=running.state or ", ".join(each.state for each in running.workers) or nothing,
        workers=running.workers,
        error=running.error or mistake or running.failure,
    )


def _environment(settings: Settings, function: FunctionSpec) -> FunctionEnvironment | None:
    """The Python that runs it here; Nuclio's images are not described."""
    from modelmon.local.environments import environment_of
    from modelmon.local.needs import needs_of

    if settings.platform != EMBEDDED:
        return None
    found = environment_of(needs_of(function, settings))
    wanted = (*found.needs.own, *found.needs.drivers)
    return FunctionEnvironment(found.python, found.folder is not None, found.is_made, wanted)

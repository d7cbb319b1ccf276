"""The functions that are deployed here, with what is known of each where it runs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.model import wall_clock_us
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.deploying.there import FunctionThere
    from modelmon.function_spec.function_yaml import FunctionSpec
    from modelmon.views.health import WorkerHealth

LEAST_FREE_BYTES = 2**20
NOT_RUNNING, NOT_KNOWN, PREPARING = "not running", "not known", "preparing"
NOT_THERE = "not on Nuclio"


def deployed_functions(
    settings: Settings, *, ask_nuctl: bool = False, environments: bool = True
) -> list[dict[str, Any]]:
    """Every deployed function, as `modelmon functions --json` prints it; without `environments` it is not
    looked at what each needs installed, which takes a moment.

    The embedded runner says of its functions how they are, if it is up; of Nuclio's that do their heartbeats
    in the records. With `ask_nuctl` it is asked for addresses, and for functions without a heartbeat.
    """
    from modelmon.function_spec.folders import deployed, functions_folder

    folders = deployed(functions_folder(Path(settings.project_dir)))
    if settings.platform == EMBEDDED:
        running = _embedded(settings)
    else:
        running = _on_nuclio(settings, folders, ask_nuctl=ask_nuctl)
    return [
        _described(settings, folder, running.get(name, {}), environments=environments)
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
        for name, function in _embedded(settings).items()
        if any(worker["pid"] is not None for worker in function["workers"])
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


def _embedded(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    from modelmon.function_spec.folders import address_file
    from modelmon.local.runner_state import read_report

    project, found = Path(settings.project_dir), {}
    for function in read_report(project)["functions"]:
        path = address_file(project, function["name"])
        address = path.read_text(encoding="utf-8") if path.is_file() else None
        found[function["name"]] = {**function, "address": address}
    return found


def _on_nuclio(
    settings: Settings, folders: Mapping[str, Path], *, ask_nuctl: bool
) -> Mapping[str, Mapping[str, Any]]:
    beating = [name for name, folder in folders.items() if _is_beating(settings, folder)]
    known, reason = _known(settings, list(folders)) if ask_nuctl and folders else (None, "")
    heard = _heard(settings, beating)
    found = {name: _told(known, name, reason) for name in folders}
    for name in beating:
        if found[name]["state"] != NOT_THERE:  # what was deleted a moment ago was heard a moment before
            found[name] |= {"state": NOT_KNOWN, "error": "", **heard.get(name, {})}
    return found


def _told(known: Mapping[str, FunctionThere] | None, name: str, reason: str) -> dict[str, Any]:
    """What nuctl says of a function, or for which `reason` it says nothing."""
    if known is None:
        error = f"{NOT_KNOWN}: {reason}" if reason else ""
        return {"state": NOT_KNOWN, "address": None, "error": error}
    if name not in known:
        return {"state": NOT_THERE, "address": None}
    return {"state": known[name].state or NOT_KNOWN, "address": known[name].address or None}


def _known(settings: Settings, names: Sequence[str]) -> tuple[Mapping[str, FunctionThere] | None, str]:
    """What nuctl knows; None and in a line why where it is not at hand or does not answer."""
    from modelmon.deploying.procedure import there

    try:
        return there(settings, names), ""
    except (ConfigError, UnavailableError) as error:
        return None, str(error).partition("\n")[0]


def _heard(settings: Settings, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """What the heartbeats of the functions say, or why they can't be read."""
    from modelmon.ledger.records import open_records
    from modelmon.views.health import every_health

    try:
        records = open_records(settings)
        try:
            health = every_health(records, names, wall_clock_us())
        finally:
            records.close()
    except (ConfigError, UnavailableError) as error:
        return {name: {"error": f"not known: {error}"} for name in names}
    return {
        each.function: {"state": each.state, "workers": [_worker(beat) for beat in each.workers]}
        for each in health
    }


def _worker(beat: WorkerHealth) -> dict[str, Any]:
    """As the runner describes one, as far as its heartbeat says it."""
    told = {"trigger": beat.trigger, "worker": beat.worker, "state": beat.state.value}
    return {**told, "pid": None, "restarts": None, "last_exit": None, "failure": None}


def _described(
    settings: Settings, folder: Path, running: Mapping[str, Any], *, environments: bool
) -> dict[str, Any]:
    from modelmon.function_spec.function_yaml import read_function

    mistake, workers = "", running.get("workers", [])
    nothing = PREPARING if running.get("preparing") else NOT_RUNNING  # its environment is being made
    triggers: list[dict[str, str]] = []
    environment: dict[str, Any] | None = None
    try:
        read = read_function(folder, settings)
        triggers = [{"name": trigger.name, "kind": trigger.kind} for trigger in read.triggers]
        if environments:
            environment = _environment(settings, read)
    except ConfigError as problem:
        mistake = str(problem)
    return {
        "name": folder.name,
        "folder": str(folder),
        "triggers": triggers,
        # Docker publishes a port of every function, where those without an HTTP trigger answer nobody.
        "address": running.get("address") if {"http"} & {each["kind"] for each in triggers} else None,
        "environment": environment,
        "state": running.get("state") or ", ".join(each["state"] for each in workers) or nothing,
        "workers": workers,
        "error": running.get("error", "") or mistake or _failure(workers),
    }


def _failure(workers: Sequence[Mapping[str, Any]]) -> str:
    """What the workers fail with that can't start."""
    return "; ".join(dict.fromkeys(each["failure"] for each in workers if each.get("failure")))


def _environment(settings: Settings, function: FunctionSpec) -> dict[str, Any] | None:
    """The Python that runs it here; Nuclio's images are not described."""
    from modelmon.local.environments import environment_of
    from modelmon.local.needs import needs_of

    if settings.platform != EMBEDDED:
        return None
    found = environment_of(needs_of(function, settings))
    return {
        "python": found.python,
        "own": found.folder is not None,
        "made": found.is_made,
        "requirements": [*found.needs.own, *found.needs.drivers],
    }

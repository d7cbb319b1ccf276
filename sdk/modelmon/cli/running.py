"""How the deployed functions run: by the embedded runner, or by nuctl and their heartbeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelmon.errors import ConfigError, UnavailableError
from modelmon.local.runner_state import RunningWorker, read_report
from modelmon.model import wall_clock_us
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.deploying.there import FunctionThere
    from modelmon.views.health import FunctionHealth, WorkerHealth

NOT_KNOWN, NOT_THERE = "not known", "not on Nuclio"


@dataclass(frozen=True, slots=True)
class Running:
    """How one function runs. `state` is "" where its workers tell, `error` why it does not run."""

    state: str = ""
    address: str | None = None
    error: str = ""
    is_preparing: bool = False  # its environment is being made
    workers: tuple[RunningWorker, ...] = ()

    @property
    def failure(self) -> str:
        """What the workers fail with that can't start."""
        return "; ".join(dict.fromkeys(each.failure for each in self.workers if each.failure))


def by_embedded(settings: Settings) -> Iterator[tuple[str, Running]]:
    """Each function of the embedded runner, if it is up."""
    from modelmon.function_spec.folders import address_file

    project = Path(settings.project_dir)
    for function in read_report(project).functions:
        path = address_file(project, function.name)
        address = path.read_text(encoding="utf-8") if path.is_file() else None
        yield (
            function.name,
            Running(
                address=address,
                error=function.error,
                is_preparing=function.preparing,
                workers=function.workers,
            ),
        )


def by_nuclio(
    settings: Settings, names: Sequence[str], beating: Sequence[str], *, ask_nuctl: bool
) -> Mapping[str, Running]:
    """What is known of Nuclio's functions; those that are `beating` keep a heartbeat."""
    known, reason = _known(settings, names) if ask_nuctl and names else (None, "")
    found = {name: _told(known, name, reason) for name in names}
    heard = _heard(settings, beating)
    for name in beating:
        if found[name].state != NOT_THERE:  # what was deleted a moment ago was heard a moment before
            beat = heard.get(name, Running(NOT_KNOWN))
            found[name] = replace(beat, address=found[name].address)
    return found


def _told(known: Mapping[str, FunctionThere] | None, name: str, reason: str) -> Running:
    """What nuctl says of a function, or for which `reason` it says nothing."""
    if known is None:
        return Running(NOT_KNOWN, error=f"{NOT_KNOWN}: {reason}" if reason else "")
    if name not in known:
        return Running(NOT_THERE)
    return Running(known[name].state or NOT_KNOWN, known[name].address or None)


def _known(settings: Settings, names: Sequence[str]) -> tuple[Mapping[str, FunctionThere] | None, str]:
    """What nuctl knows; None and in a line why where it is not at hand or does not answer."""
    from modelmon.deploying.procedure import there

    try:
        return there(settings, names), ""
    except (ConfigError, UnavailableError) as error:
        return None, str(error).partition("\n")[0]


def _heard(settings: Settings, names: Sequence[str]) -> Mapping[str, Running]:
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
        return {name: Running(NOT_KNOWN, error=f"{NOT_KNOWN}: {error}") for name in names}
    return {each.function: _of_heartbeats(each) for each in health}


def _of_heartbeats(function: FunctionHealth) -> Running:
    return Running(function.state, workers=tuple(map(_worker, function.workers)))


def _worker(beat: WorkerHealth) -> RunningWorker:
    return RunningWorker(beat.trigger, beat.worker, beat.state.value)

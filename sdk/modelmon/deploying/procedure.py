"""Deploying from start to end: plan, bundle, calls of nuctl. The command and the SDK begin here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelmon.checked_yaml.findings import WARNING, Finding
from modelmon.deploying import nuctl
from modelmon.deploying.bundling import bundle, choose, find_wheel
from modelmon.deploying.nuclio_settings import NuclioSettings
from modelmon.deploying.period import CONTROLLER, with_recorded_period
from modelmon.deploying.plan import Plan, make_plan, out_of_reach
from modelmon.deploying.ports import port_there
from modelmon.deploying.registries import folders_apart
from modelmon.deploying.there import FunctionThere
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import deployed, functions_folder
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.settings import FILE_NAME, STATE_FOLDER, Settings

logger = logging.getLogger(__name__)
ASK_SECONDS = 60.0
"""For an answer of nuctl that somebody waits for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A bundle that is written and the calls that deploy it; what is questionable, what can't be reached."""

    plan: Plan
    names: tuple[str, ...]
    output: Path
    calls: tuple[nuctl.NuctlCall, ...]
    findings: tuple[Finding, ...]
    unreachable: tuple[str, ...]


def prepare(
    settings: Settings,
    output: Path,
    *,
    platform: str = "",
    brokers: str = "",
    names: Sequence[str] = (),
    wheel: Path | None = None,
) -> Prepared:
    """Write the bundle of the functions `names` (all without any) and work out how nuctl is called.

    Raises ConfigError for everything that the strict check finds wrong, before anything is written.
    """
    settings, tick_minutes, unknown = with_recorded_period(settings)
    plan = make_plan(settings, platform, brokers, tick_minutes)
    folders = choose(settings, names)
    if settings.project_dir:
        _renew(settings, folders)
    findings = _period_not_known(settings, unknown) if unknown and CONTROLLER in folders else []
    findings += bundle(plan, folders, output, find_wheel(wheel or settings.of(NuclioSettings).nuclio_wheel))
    findings += folders_apart(settings)
    calls = nuctl.calls(plan, list(folders), output)
    return Prepared(plan, tuple(folders), output, tuple(calls), tuple(findings), tuple(out_of_reach(plan)))


def deploy(
    prepared: Prepared, tell: Callable[[str], None], timeout_seconds: float = nuctl.TIMEOUT_SECONDS
) -> None:
    """Deploy what is prepared, telling what is done; no call of nuctl may take longer than `timeout_seconds`.

    Raises ConfigError when the functions could not find what the settings name, and as `nuctl.deploy`.
    """
    if prepared.plan.project_dir and not deployed(functions_folder(Path(prepared.plan.project_dir))):
        raise ConfigError(
            f"no function of project {prepared.plan.settings.project!r} is deployed: "
            "project.enable_model_monitoring() begins with that, and registers the apps"
        )
    if prepared.unreachable:
        raise ConfigError("\n".join(prepared.unreachable))
    nuctl.deploy(prepared.plan, prepared.calls, tell, timeout_seconds)


def _renew(settings: Settings, names: Collection[str]) -> None:
    from modelmon.deploying.renewing import in_words, renew  # brings numpy, and only a project needs it

    renewed = renew(settings, names)
    if renewed:
        logger.warning("%s", in_words(renewed))


def deploy_function(settings: Settings, name: str, tell: Callable[[str], None]) -> None:
    """Deploy one function of a project whose `platform` is Nuclio, telling each step; nothing happens on the
    embedded one."""
    if settings.platform != EMBEDDED:
        output = Path(settings.project_dir) / STATE_FOLDER / "bundle"
        deploy(prepare(settings, output, names=[name]), tell)


def there(
    settings: Settings, names: Sequence[str], tell: Callable[[str], None] = lambda what: None
) -> dict[str, FunctionThere]:
    """Those of the functions `names` that Nuclio has of this project. Raises as `deploy`."""
    plan = make_plan(settings)
    found = nuctl.functions_there(plan, names, tell, ASK_SECONDS)
    return {
        name: _with_address(plan, name, function)
        for name, function in found.items()
        if function.is_of(plan.nuclio_project)
    }


def working(settings: Settings, names: Sequence[str], tell: Callable[[str], None]) -> set[str]:
    """Those of the functions `names` whose deployment has come to its end, as far as the platform knows: on
    the embedded one all, which has nothing but their folders."""
    if settings.platform == EMBEDDED:
        return set(names)
    return {name for name, function in there(settings, names, tell).items() if function.works}


def address(settings: Settings, name: str) -> str:
    """Where the HTTP trigger of a function on Nuclio answers: host:port, or a host with a path.

    Raises UnavailableError when it is not there or answers nobody outside, and as `deploy`.
    """
    found = there(settings, [name]).get(name)
    if found is None:
        namespace = settings.of(NuclioSettings).nuclio_namespace
        raise UnavailableError(f"function {name!r} is not on Nuclio, in namespace {namespace!r}: deploy it")
    if not found.address:
        raise UnavailableError(
            f"function {name!r} has no HTTP trigger that can be reached from here (state {found.state!r}): "
            f"`{nuctl.question(make_plan(settings), name)}` tells its addresses"
        )
    return found.address


def delete_function(settings: Settings, name: str, tell: Callable[[str], None]) -> None:
    """Delete one function on Nuclio, telling it; nothing happens on the embedded platform."""
    if settings.platform != EMBEDDED:
        tell(f"deleting {name} …")
        nuctl.delete(make_plan(settings), name)


def _with_address(plan: Plan, name: str, function: FunctionThere) -> FunctionThere:
    """Nuclio names no address while it builds and after that has failed, though the old container answers."""
    port = 0 if function.addresses else port_there(plan, name)
    return replace(function, addresses=(f"127.0.0.1:{port}",)) if port else function


def _period_not_known(settings: Settings, reason: str) -> list[Finding]:
    problem = f"the recorded base_period can't be read ({reason}): the controller ticks by the setting"
    mend = "deploy where the records can be reached, if enable_model_monitoring was given another one"
    value = str(settings.base_period)
    return [Finding(1, "base_period", value, problem, mend, WARNING, file=FILE_NAME)]

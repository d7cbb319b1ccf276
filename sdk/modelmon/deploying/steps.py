"""Deploying from start to end: plan, bundle, calls of nuctl. The command and the SDK begin here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelmon.deploying import nuctl
from modelmon.deploying.bundling import bundle, choose, find_wheel, functions_to_bundle
from modelmon.deploying.findings import Finding
from modelmon.deploying.plan import Plan, make_plan, out_of_reach
from modelmon.deploying.target import EMBEDDED
from modelmon.errors import ConfigError
from modelmon.local.deployment import deployed
from modelmon.local.folders import functions_folder
from modelmon.settings import STATE_FOLDER, Settings


@dataclass(frozen=True, slots=True)
class Prepared:
    """A bundle that is written and the calls that deploy it; what is questionable, what can't be reached."""

    plan: Plan
    names: tuple[str, ...]
    output: Path
    calls: tuple[nuctl.Call, ...]
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
    plan = make_plan(settings, platform, brokers)
    folders = choose(functions_to_bundle(settings), names)
    findings = bundle(plan, folders, output, find_wheel(wheel or settings.nuclio_wheel))
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


def deploy_function(settings: Settings, name: str) -> None:
    """Deploy one function of a project whose `platform` is Nuclio; nothing happens on the embedded one."""
    if settings.platform != EMBEDDED:
        output = Path(settings.project_dir) / STATE_FOLDER / "bundle"
        deploy(prepare(settings, output, names=[name]), lambda what: None)


def delete_function(settings: Settings, name: str) -> None:
    """Delete one function on Nuclio; nothing happens on the embedded platform."""
    if settings.platform != EMBEDDED:
        nuctl.delete(make_plan(settings), name)

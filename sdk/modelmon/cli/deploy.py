"""`modelmon deploy`: the bundle, handed to Nuclio function by function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from modelmon.cli.bundle import OUTPUT, Brokers, Output, Platform, Wheel, chosen_settings, warn
from modelmon.cli.output import ProjectDir, console
from modelmon.errors import ConfigError


def deploy(
    function: Annotated[
        list[str] | None, typer.Option(help="Only this function; may be given several times.")
    ] = None,
    platform: Platform = "",
    registry: Annotated[
        str, typer.Option(help="Registry the images are pushed to.", show_default=False)
    ] = "",
    run_registry: Annotated[
        str, typer.Option(help="Registry the cluster pulls from, if another.", show_default=False)
    ] = "",
    namespace: Annotated[str, typer.Option(help="Nuclio's namespace.", show_default=False)] = "",
    project_name: Annotated[str, typer.Option(help="Nuclio's project.", show_default=False)] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands, run none.")] = False,
    output: Output = OUTPUT,
    brokers: Brokers = "",
    wheel: Wheel = None,
    project_dir: ProjectDir = None,
) -> None:
    """Bundle the functions and deploy them with nuctl: the project, then who reads, then who writes.

    It stops at the first function that fails and says how far it got; calling it again is safe. Options
    that are left out are the settings nuclio_… (docs/settings.md).

    Examples:

      modelmon deploy --platform local --dry-run

      modelmon deploy --platform kube --registry registry.example.com/flights
    """
    from modelmon.deploying import bundling, nuctl
    from modelmon.deploying.plan import make_plan, out_of_reach

    settings = chosen_settings(project_dir)
    given = {"nuclio_registry": registry, "nuclio_run_registry": run_registry,
             "nuclio_namespace": namespace, "nuclio_project": project_name}  # fmt: skip
    settings = replace(settings, **{name: value for name, value in given.items() if value})  # type: ignore[arg-type]
    plan = make_plan(settings, platform, brokers)
    unreachable = list(out_of_reach(plan))
    if unreachable and not dry_run:
        raise ConfigError("\n".join(unreachable))
    folders = bundling.choose(bundling.functions_to_bundle(settings), function or [])
    with TemporaryDirectory() as scratch:
        found = bundling.find_wheel(wheel or settings.nuclio_wheel, Path(scratch))
        warn(bundling.bundle(plan, folders, output, found), unreachable)
    made = nuctl.calls(plan, list(folders), output)
    if dry_run:
        for call in made:
            console.print(str(call), markup=False, highlight=False, soft_wrap=True)
        return
    nuctl.deploy(plan, made, lambda name: console.print(f"deployed {name}", highlight=False))

"""`modelmon deploy`: the bundle, handed to Nuclio function by function."""

from __future__ import annotations

from typing import Annotated

import typer

from modelmon.cli.bundle import Brokers, Output, Platform, Wheel, chosen_settings, default_output, warn
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
    timeout: Annotated[
        float,
        typer.Option(help="Seconds that one call of nuctl may take, the image's build included.", min=1),
    ] = 1800,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands, run none.")] = False,
    output: Output = None,
    brokers: Brokers = "",
    wheel: Wheel = None,
    project_dir: ProjectDir = None,
) -> None:
    """Bundle the functions and deploy them with nuctl: the project, then who reads, then who writes.

    What nuctl says is shown as it comes. It stops at the first function that fails or takes longer than
    --timeout and says how far it got; calling it again is safe. A function of another project in the
    namespace is not replaced. Options that are left out are the settings nuclio_…
    ('Settings' in the docs).

    Examples:

      modelmon deploy --platform local --dry-run

      modelmon deploy --platform kube --registry registry.example.com/flights
    """
    from modelmon.deploying import procedure
    from modelmon.function_spec.platforms import PLATFORMS

    settings = chosen_settings(project_dir)
    if not platform and settings.platform not in PLATFORMS:
        raise ConfigError("--platform: say local (Docker) or kube, or set `platform` in modelmon.yaml")
    given = {"nuclio_registry": registry, "nuclio_run_registry": run_registry,
             "nuclio_namespace": namespace, "nuclio_project": project_name}  # fmt: skip
    settings = settings.changed(**{name: value for name, value in given.items() if value})
    prepared = procedure.prepare(
        settings,
        output or default_output(settings),
        platform=platform,
        brokers=brokers,
        names=function or (),
        wheel=wheel,
    )
    if dry_run:
        warn(prepared)
        for call in prepared.calls:
            console.print(str(call), markup=False, highlight=False, soft_wrap=True)
        return
    procedure.deploy(
        prepared,
        lambda what: console.print(what, markup=False, highlight=False, soft_wrap=True),
        timeout_seconds=timeout,
    )

"""`modelmon check`: what Nuclio would ignore, refuse or misunderstand in a function.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json
from modelmon.counting import count
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import find_project, functions_folder, templates
from modelmon.settings import STATE_FOLDER

if TYPE_CHECKING:
    from modelmon.checked_yaml.findings import Finding
    from modelmon.settings import Settings

USUAL_FOLDERS = (Path("functions"), Path("dist/functions"))


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files, or folders that hold function.yaml at any depth.")
    ] = None,
    platform: Annotated[
        str, typer.Option(help="Where they go, local (Docker) or kube; without it what holds for both.")
    ] = "",
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Check function.yaml files strictly: unknown keys, wrong values, rules between keys.

    Nuclio ignores what it does not know; this names it with file, line and the mend, and so it does with
    everything that `modelmon bundle` would refuse. Without PATH: the project's deployed functions; outside a
    project functions/ and dist/functions/ here, else those that come with ModelMon. Exit code 1 when there
    is an error; warnings alone are 0.

    Examples:

      modelmon check functions/

      modelmon check dist/functions/modelmon-stream/function.yaml --platform local
    """
    settings, usual = _project(project_dir)
    files, findings = checked(paths or usual, settings, platform)
    errors = sum(finding.level == "error" for finding in findings)
    warnings = len(findings) - errors
    if as_json:
        print_json({"files": files, "findings": findings, "errors": errors, "warnings": warnings})
        raise typer.Exit(1 if errors else 0)
    for file in files:
        console.print(f"checked {file}", style="dim", markup=False, highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(str(finding), style="red" if finding.level == "error" else "yellow", markup=False,
                      highlight=False, soft_wrap=True)  # fmt: skip
    console.print(
        f"{count(errors, 'error')}, {count(warnings, 'warning')} in {count(len(files), 'file')}",
        highlight=False,
    )
    raise typer.Exit(1 if errors else 0)


def checked(paths: list[Path], settings: Settings, platform: str) -> tuple[list[str], list[Finding]]:
    """Every function.yaml among and below `paths`, and what is wrong with them, these settings filled in."""
    from modelmon.deploying.checking.check import files_in
    from modelmon.deploying.deployable import check_function
    from modelmon.deploying.plan import make_plan
    from modelmon.function_spec.platforms import PLATFORMS

    if platform not in ("", *PLATFORMS):
        raise ConfigError(f"--platform: must be one of {', '.join(PLATFORMS)}, got {platform!r}")
    plan, files = make_plan(settings, platform), files_in(paths)
    found = [
        finding
        for path in files
        for finding in check_function(path, _name(path.parent), plan, any_platform=not platform)
    ]
    return [str(path) for path in files], found


def _name(folder: Path) -> str:
    """A deployed folder has the function's name; another one may be called as Python likes it."""
    if STATE_FOLDER in folder.absolute().parts:
        return folder.name
    return folder.absolute().name.replace("_", "-").strip("-")


def _project(project_dir: Path | None) -> tuple[Settings, list[Path]]:
    """The settings to fill in, and what to check when nothing is said."""
    from modelmon.function_spec.folders import deployed
    from modelmon.settings import Settings

    if project_dir is None:
        try:
            find_project(Path.cwd())
        except ConfigError:
            return Settings.load(), [each for each in USUAL_FOLDERS if each.is_dir()] or [templates()]
    settings = load_settings(project_dir)
    folder = functions_folder(Path(settings.project_dir))
    return settings, [folder if deployed(folder) else templates()]

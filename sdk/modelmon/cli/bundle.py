"""`modelmon bundle`: function folders that `nuctl deploy` takes as they stand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

import modelmon
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json
from modelmon.errors import ConfigError, UnavailableError
from modelmon.local.folders import find_project, template, template_names

if TYPE_CHECKING:
    from modelmon.settings import Settings

NAMES = {  # template folder: the function's name
    "stream": "modelmon-stream", "controller": "modelmon-controller", "writer": "modelmon-writer",
    "serving": "modelmon-serving", "apps/histogram_drift": "histogram-data-drift",
}  # fmt: skip
EXTRAS = {"modelmon-stream": "stream", "modelmon-controller": "stores", "modelmon-writer": "stores"}
EMBEDDED = ("project_dir", "http_host", "http_port")  # settings that mean nothing on a cluster
FLUSH_AFTER_SECONDS = 30.0  # files of a cluster are worth waiting for


def bundle(
    output: Annotated[Path, typer.Option(help="Where the folders go.")] = Path("dist/functions"),
    brokers: Annotated[str, typer.Option(help="Kafka's host:port, several with commas.")] = "kafka:9092",
    wheel: Annotated[
        Path | None, typer.Option(help="ModelMon's wheel; without it it is built from this checkout.")
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Write function folders that `nuctl deploy` takes as they stand.

    Each holds function.yaml, main.py, README.md and ModelMon's wheel. Inside
    a project: the functions deployed there, with the project's settings as
    environment. Elsewhere: the functions that come with ModelMon.

    Examples:

      modelmon bundle --brokers kafka-1:9092,kafka-2:9092

      nuctl deploy NAME --path dist/functions/NAME
    """
    settings, folders = _chosen(project_dir)
    with TemporaryDirectory() as scratch:
        found = _checked(wheel) if wheel else _build_wheel(Path(scratch))
        written = [
            _write(output / name, folder, found, settings, brokers.split(","))
            for name, folder in folders.items()
        ]
    if as_json:
        print_json({"functions": [{"name": path.name, "folder": str(path)} for path in written]})
        return
    for path in written:
        console.print(f"  {escape(str(path))}", highlight=False)
    console.print("nuctl deploy NAME --path FOLDER takes each of them.")
    for name in _secrets(settings):
        console.print(
            f"{name} holds a password, so it is in none of them: give it to the functions as a secret."
        )


def _chosen(project_dir: Path | None) -> tuple[Settings, dict[str, Path]]:
    """The settings, and function name to the folder to bundle."""
    from modelmon.local.deployment import deployed
    from modelmon.local.folders import functions_folder
    from modelmon.settings import Settings

    ours = {NAMES[name]: template(name) for name in template_names() if name in NAMES}
    if project_dir is None:
        try:
            find_project(Path.cwd())
        except ConfigError:
            return Settings.load(), ours
    settings = load_settings(project_dir)
    return settings, deployed(functions_folder(Path(settings.project_dir))) or ours


def _write(target: Path, folder: Path, wheel: Path, settings: Settings, brokers: list[str]) -> Path:
    from modelmon.local.function_yaml import FILE

    text = (folder / FILE).read_text(encoding="utf-8")
    try:
        rendered = function_yaml(text, target.name, settings, brokers, wheel.name)
    except ConfigError as error:
        raise ConfigError(f"{folder / FILE}: {error}") from error
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__"))
    (target / FILE).write_text(rendered, encoding="utf-8")
    shutil.copy2(wheel, target)
    return target


def function_yaml(text: str, name: str, settings: Settings, brokers: list[str], wheel: str) -> str:
    """A function.yaml as it is deployed: placeholders filled in, the project's settings in its environment,
    the wheel's installation among its build commands."""
    import yaml

    from modelmon.local.function_yaml import parse, placeholders, render

    values = placeholders(settings, name) | {
        "brokers": '", "'.join(brokers),  # stands between quotes, in a list
        "controller_interval": f"{settings.base_period}m",
    }
    text = render(text, values)
    parse(text)
    document = yaml.safe_load(text)
    spec = document["spec"]
    own = spec.setdefault("env", [])
    names = {entry["name"] for entry in own}
    own += [
        {"name": key, "value": value}
        for key, value in _environment(settings, brokers).items()
        if key not in names
    ]
    extras = ",".join(filter(None, [_extra(name, spec), "kafka"]))
    install = f"pip install --no-cache-dir '/opt/nuclio/{wheel}[{extras}]'"
    # postCopy: only then are the function's own files there
    spec.setdefault("build", {}).setdefault("commands", ["@nuclio.postCopy", install])
    dumped: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
    return dumped


def _extra(name: str, spec: dict[str, Any]) -> str:
    """What of ModelMon the function needs: apps are known by their consumer group."""
    groups = [trigger.get("attributes", {}).get("consumerGroup", "") for trigger in spec["triggers"].values()]
    return "apps" if any(group.startswith("modelmon-app-") for group in groups) else EXTRAS.get(name, "")


def _environment(settings: Settings, brokers: list[str]) -> dict[str, str]:
    """What the project has set, as far as it holds on a cluster and is no secret."""
    from modelmon.settings import PREFIX

    defaults = type(settings)()
    if settings.flush_after_seconds == defaults.flush_after_seconds:
        settings = replace(settings, flush_after_seconds=FLUSH_AFTER_SECONDS)
    if "://" not in settings.stream_path or settings.stream_path.startswith("sqlite:"):
        settings = replace(settings, stream_path=f"kafka://{brokers[0]}")
    left_out = {PREFIX + name.upper() for name in EMBEDDED} | set(_secrets(settings))
    return {key: value for key, value in settings.environment().items() if key not in left_out}


def _secrets(settings: Settings) -> list[str]:
    """Environment names of the settings that are a password or whose URL holds one."""
    from urllib.parse import urlsplit

    return [
        key
        for key, value in settings.environment().items()
        if key.endswith("_PASSWORD") or ("://" in value and urlsplit(value).password)
    ]


def _checked(wheel: Path) -> Path:
    if wheel.suffix != ".whl" or not wheel.is_file():
        raise ConfigError(f"--wheel: {wheel} is not a wheel file")
    return wheel


def _build_wheel(folder: Path) -> Path:
    checkout = Path(modelmon.__file__).parents[2]
    if not (checkout / "pyproject.toml").is_file():
        raise ConfigError(
            "this ModelMon is not a checkout that a wheel could be built from: name one by --wheel"
        )
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise UnavailableError(f"the wheel could not be built: {(done.stderr or done.stdout).strip()[-500:]}")
    return next(folder.glob("*.whl"))

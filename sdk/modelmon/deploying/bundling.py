"""The bundle: a folder a function, that `nuctl deploy --path` takes as it stands."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import modelmon
from modelmon.deploying.check import check_file, check_text, refuse_errors
from modelmon.deploying.findings import Finding
from modelmon.deploying.plan import Plan
from modelmon.deploying.rendering import function_yaml, placeholders_of, topic_of
from modelmon.deploying.target import Target
from modelmon.errors import ConfigError, UnavailableError
from modelmon.local.deployment import deployed, fingerprint
from modelmon.local.folders import functions_folder, template, template_names
from modelmon.local.function_yaml import FILE
from modelmon.settings import Settings

NAMES = {  # template folder: the function's name
    "writer": "modelmon-writer", "stream": "modelmon-stream", "apps/histogram_drift": "histogram-data-drift",
    "controller": "modelmon-controller", "serving": "modelmon-serving",
}  # fmt: skip
FIRST, LAST = ("modelmon-writer", "modelmon-stream"), ("modelmon-controller",)
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.whl")


def functions_to_bundle(settings: Settings) -> dict[str, Path]:
    """Function name to the folder it is made of, in the order to deploy: who reads comes before who writes.

    In a project the functions deployed there, elsewhere those that come with ModelMon.
    """
    found = deployed(functions_folder(Path(settings.project_dir))) if settings.project_dir else {}
    ours = {NAMES[name]: template(name) for name in template_names() if name in NAMES}
    return dict(sorted((found or ours).items(), key=lambda entry: _place(*entry)))


def bundle(plan: Plan, folders: Mapping[str, Path], output: Path, wheel: Path) -> list[Finding]:
    """Write a folder a function under `output`; what the strict check warns of.

    Raises ConfigError with everything that is wrong, before anything is written.
    """
    findings = [finding for name, folder in folders.items() for finding in _checked(folder, plan, name)]
    refuse_errors(findings)
    rendered = {name: _rendered(folder, name, plan, wheel.name) for name, folder in folders.items()}
    for name, folder in folders.items():
        target = output / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target, ignore=LEFT_OUT)
        (target / FILE).write_text(rendered[name], encoding="utf-8")
        shutil.copy2(wheel, target)
    return findings


def find_wheel(given: str | Path | None) -> Path:
    """ModelMon's wheel: the one given, else built from this checkout, once for each state of it."""
    if not given:
        checkout = Path(modelmon.__file__).parents[2]
        return _built_wheel(checkout, fingerprint(checkout / "sdk") + fingerprint(checkout / "functions"))
    wheel = Path(given)
    if wheel.suffix != ".whl" or not wheel.is_file():
        raise ConfigError(f"--wheel: {wheel} is not a wheel file")
    return wheel


def choose(folders: Mapping[str, Path], names: Sequence[str]) -> dict[str, Path]:
    """Those called `names`, all without any. Raises ConfigError for a name that is not there."""
    for name in names:
        if name not in folders:
            raise ConfigError(f"--function: no function {name!r}; there are: {', '.join(folders) or 'none'}")
    return {name: folder for name, folder in folders.items() if name in names or not names}


def _place(name: str, folder: Path) -> tuple[int, str]:
    if name in FIRST:
        return FIRST.index(name), name
    reads = "consumerGroup" in (folder / FILE).read_text(encoding="utf-8")
    return (10 if reads else 30) if name not in LAST else 20, name


def _checked(folder: Path, plan: Plan, name: str) -> list[Finding]:
    """What is wrong with the function.yaml that a bundled one is made of: the user knows its lines."""
    return check_file(folder / FILE, _target(plan, name, folder), placeholders_of(plan, name))


def _rendered(folder: Path, name: str, plan: Plan, wheel: str) -> str:
    """The function.yaml for the bundle. What rendering has added is checked too."""
    path = folder / FILE
    try:
        text = function_yaml(path.read_text(encoding="utf-8"), name, plan, wheel)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    found = check_text(text, _target(plan, name, folder))
    refuse_errors(replace(finding, file=f"{path}, rendered") for finding in found)
    return text


def _target(plan: Plan, name: str, folder: Path) -> Target:
    settings = plan.settings
    named = {
        settings.app_stream.format(name=name): settings.app_partitions,
        settings.events_stream: settings.events_partitions,
        settings.writer_stream: settings.writer_partitions,
    }
    topics = {} if plan.on_v3io else {topic_of(settings, name): count for name, count in named.items()}
    return Target(plan.platform, named | topics, folder)


@lru_cache(maxsize=1)
def _built_wheel(checkout: Path, state: str) -> Path:
    if not (checkout / "pyproject.toml").is_file():
        raise ConfigError(
            "this ModelMon is not a checkout that a wheel could be built from: name one by --wheel "
            "or the setting nuclio_wheel"
        )
    folder = Path(tempfile.mkdtemp(prefix="modelmon-wheel-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise UnavailableError(f"the wheel could not be built: {(done.stderr or done.stdout).strip()[-500:]}")
    return next(folder.glob("*.whl"))

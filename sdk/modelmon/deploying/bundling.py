"""The bundle: a folder a function, that `nuctl deploy --path` takes as it stands."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from modelmon.checked_yaml.findings import Finding, refuse_errors
from modelmon.deploying.bundle_folders import refuse_losses, write_folder
from modelmon.deploying.deployable import check_function, render_folder
from modelmon.deploying.plan import Plan
from modelmon.deploying.ports import port_of
from modelmon.errors import ConfigError, UnavailableError
from modelmon.export.export_settings import ExportSettings
from modelmon.function_spec.folders import deployed, functions_folder, template, template_names
from modelmon.function_spec.function_yaml import FILE
from modelmon.function_spec.own_apps import OWN_APPS
from modelmon.ledger.access_settings import AccessSettings, is_served
from modelmon.ledger.notify_settings import NotifySettings
from modelmon.local.needs import EXPORTER, NOTIFIER
from modelmon.settings import Settings
from modelmon.wheel import pack_wheel, read_wheel

API = "modelmon-api"
NAMES = {  # template folder: the function's name
    "writer": "modelmon-writer", "stream": "modelmon-stream", "controller": "modelmon-controller",
    "serving": "modelmon-serving", "api": API, "exporter": EXPORTER,
    "notifier": NOTIFIER,
    **{app.folder: app.name for app in OWN_APPS.values()},
}  # fmt: skip
FIRST, LAST = ("modelmon-writer", "modelmon-stream"), ("modelmon-controller",)


def functions_to_bundle(settings: Settings) -> dict[str, Path]:
    """Function name to the folder it is made of, in the order to deploy: who reads comes before who writes.

    In a project the functions deployed there, elsewhere those that run by default; the page only where
    the settings say who may see it, the exporter only where they say where to.
    """
    found = deployed(functions_folder(Path(settings.project_dir))) if settings.project_dir else {}
    unasked = {app.folder for app in OWN_APPS.values() if not app.by_default}
    ours = {NAMES[name]: template(name) for name in template_names() if name in NAMES.keys() - unasked}
    chosen = found or ours
    if not is_served(settings.of(AccessSettings), only_here=False):
        chosen.pop(API, None)
    if not settings.of(ExportSettings).has_collector:
        chosen.pop(EXPORTER, None)
    if not settings.of(NotifySettings).has_notifier:
        chosen.pop(NOTIFIER, None)
    return dict(sorted(chosen.items(), key=lambda entry: _place(*entry)))


def bundle(plan: Plan, folders: Mapping[str, Path], output: Path, wheel: Path) -> list[Finding]:
    """Write a folder a function under `output`; what the strict check warns of.

    Raises ConfigError with everything that is wrong, and for a folder there that no bundle has made, before
    anything is written.
    """
    refuse_losses(plan, folders, output)
    findings = [
        finding for name, folder in folders.items() for finding in check_function(folder / FILE, name, plan)
    ]
    refuse_errors(findings)
    package = read_wheel(wheel)
    rendered = {
        name: render_folder(folder, name, plan, package, partial(port_of, plan, name))
        for name, folder in folders.items()
    }
    for name, folder in folders.items():
        try:
            write_folder(folder, rendered[name], wheel, output / name)
        except OSError as error:
            raise UnavailableError(
                f"--output: {output / name} can't be written ({error.strerror}): name a folder that can"
            ) from error
    return findings


def find_wheel(given: str | Path | None) -> Path:
    """ModelMon's wheel: the one given, else packed from the files that run here.

    Raises ConfigError for what is no wheel of ModelMon.
    """
    if not given:
        return _packed_wheel()
    read_wheel(Path(given))
    return Path(given)


def choose(settings: Settings, names: Sequence[str]) -> dict[str, Path]:
    """Of `functions_to_bundle` those called `names`, all without any. Raises ConfigError for a name that is
    not there, and says of the page that nobody has said who may see it."""
    folders = functions_to_bundle(settings)
    for name in names:
        if name not in folders:
            if name == API:
                _refuse_page(settings.of(AccessSettings))
            raise ConfigError(f"--function: no function {name!r}; there are: {', '.join(folders) or 'none'}")
    return {name: folder for name, folder in folders.items() if name in names or not names}


def _refuse_page(settings: AccessSettings) -> None:
    if settings.dashboard != "serve":
        raise ConfigError(f"--function: there is no {API} while `dashboard` is {settings.dashboard}")
    if not settings.auth:
        raise ConfigError(
            f"--function: {API} is not deployed while `auth` is missing, for nothing says who may see the "
            "page: set `auth: token` and make tokens with `modelmon token create`, or `auth: proxy`; "
            "`auth: none` lets everybody in"
        )


def _place(name: str, folder: Path) -> tuple[int, str]:
    if name in FIRST:
        return FIRST.index(name), name
    reads = "consumerGroup" in (folder / FILE).read_text(encoding="utf-8", errors="replace")
    return (10 if reads else 30) if name not in LAST else 20, name


def _packed_wheel() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="modelmon-wheel-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pack_wheel(folder)

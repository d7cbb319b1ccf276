"""How long windows are, as the project has recorded it: the controller under Nuclio ticks by that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import functions_folder
from modelmon.settings import Settings

CONTROLLER = "modelmon-controller"


def with_recorded_period(settings: Settings) -> tuple[Settings, int, str]:
    """The settings with the project's recorded `base_period`, the minutes between two ticks (those of the
    app with the shortest windows), and why the records could not be asked, "" if they could.

    Where no controller is deployed nothing is recorded yet, and the setting counts.
    """
    if not settings.project_dir or not (functions_folder(Path(settings.project_dir)) / CONTROLLER).is_dir():
        return settings, settings.base_period, ""
    try:
        minutes, shortest = _read(settings)
    except (ConfigError, UnavailableError) as error:
        return settings, settings.base_period, str(error)
    return replace(settings, base_period=minutes), shortest, ""


def _read(settings: Settings) -> tuple[int, int]:
    from modelmon.ledger import registry
    from modelmon.ledger.records import open_records
    from modelmon.ledger.window_ledger import project_period

    records = open_records(settings)
    try:
        with records.read() as connection:
            minutes = project_period(connection, settings.base_period)
            own = [app.base_period for app in registry.active_apps(connection) if app.base_period]
    finally:
        records.close()
    return minutes, min([minutes, *own])

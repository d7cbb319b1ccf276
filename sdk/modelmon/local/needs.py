"""What a function needs installed wherever it runs: extras of ModelMon, its own requirements, drivers."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.function_spec.function_yaml import FunctionSpec
from modelmon.function_spec.requirements import FILE, read_requirements
from modelmon.function_spec.triggers import HttpTrigger, StreamTrigger
from modelmon.settings import KAFKA, Settings
from modelmon.stores.actuals_settings import ActualsSettings
from modelmon.streams.subscriptions import app_group

STREAM = "stream"
JOB = "MODELMON_JOB"
"""The variable of a job that holds its name: it reads samples as an app does."""
EXPORTER, NOTIFIER = "modelmon-exporter", "modelmon-notifier"
EXTRAS = {
    "modelmon-stream": STREAM, "modelmon-controller": "stores", "modelmon-writer": "stores",
    "modelmon-api": "dashboard", EXPORTER: "otel",
    NOTIFIER: "notify",
}  # fmt: skip
PYTHONS = {STREAM: ">=3.11,<3.13"}
"""Extra to the Pythons that what it brings has wheels for (storey's pins); every Python else."""
DRIVERS = {  # scheme of a database's URL, without the driver's own name: the package it needs
    "postgresql": "psycopg[binary]", "postgres": "psycopg[binary]", "mysql": "pymysql", "mariadb": "pymysql",
}  # fmt: skip
DRIVER_MODULES = {"psycopg[binary]": "psycopg"}
"""Package to its module, where that is called otherwise; another package may bring the same one."""
FILESYSTEMS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""Scheme of an fsspec URL: the package it needs."""


@dataclass(frozen=True, slots=True)
class Needs:
    """`extras` of ModelMon, lines of a requirements file that the function asks for itself (`own`) and that
    the settings' addresses ask for (`drivers`), and which Pythons will do ("" for every one)."""

    extras: tuple[str, ...]
    own: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    python: str = ""


def needs_of(function: FunctionSpec, settings: Settings) -> Needs:
    """What a function needs under the embedded runner. Raises ConfigError for requirements that are none."""
    is_app = app_group(settings, function.name) in _groups(function)
    own = extra_of(function.name, is_app=is_app or JOB in function.environment)
    answers_http = any(isinstance(trigger, HttpTrigger) for trigger in function.triggers)
    extras = (own, "api" if answers_http else "", "kafka" if _uses_kafka(function, settings) else "")
    return Needs(
        extras=tuple(extra for extra in extras if extra),
        own=read_requirements(function.folder / FILE),
        drivers=tuple(drivers_of(settings)) if own else (),  # who serves a model opens no store
        python=PYTHONS.get(own, ""),
    )


def extra_of(function: str, *, is_app: bool) -> str:
    """The extra of ModelMon that the function's own code imports; "" for the core alone."""
    return "apps" if is_app else EXTRAS.get(function, "")


def drivers_of(settings: Settings) -> list[str]:
    """Packages that the settings' addresses need: a database's driver, an object store's file system."""
    urls = (settings.records_url, settings.series_url)
    databases = (DRIVERS.get(_scheme(url).partition("+")[0], "") for url in urls)
    folders = (settings.samples_path, settings.artifacts_path, settings.of(ActualsSettings).actuals_path)
    stores = (FILESYSTEMS.get(_scheme(url), "") for url in folders)
    return sorted({package for package in (*databases, *stores) if package})


def _groups(function: FunctionSpec) -> list[str]:
    return [trigger.group for trigger in function.triggers if isinstance(trigger, StreamTrigger)]


def _uses_kafka(function: FunctionSpec, settings: Settings) -> bool:
    """A stream may be named by its own URL: in the settings, and where a serving function tracks to."""
    from modelmon.serving.spec import FILE_NAME  # not for whoever only bundles: it imports NumPy

    streams = (settings.stream_path, settings.events_stream, settings.writer_stream, settings.app_stream)
    served = function.folder / FILE_NAME
    tracked = served.read_text(encoding="utf-8") if served.is_file() else ""
    return any(stream.startswith(KAFKA) for stream in streams) or KAFKA in tracked


def _scheme(url: str) -> str:
    return url.partition("://")[0]

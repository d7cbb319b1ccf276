"""What a function's image has to install, beside its own code."""

from __future__ import annotations

from modelmon.deploying.plan import Plan
from modelmon.settings import Settings

EXTRAS = {"modelmon-stream": "stream", "modelmon-controller": "stores", "modelmon-writer": "stores"}
DRIVERS = {  # scheme of a SQLAlchemy URL: the package it needs
    "postgresql": "psycopg2-binary", "postgresql+psycopg2": "psycopg2-binary",
    "postgresql+psycopg": "psycopg[binary]", "mysql": "mysqlclient", "mysql+pymysql": "pymysql",
    "mariadb": "mysqlclient", "mariadb+pymysql": "pymysql",
}  # fmt: skip
FILESYSTEMS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""Scheme of an fsspec URL: the package it needs."""


def extras_of(function: str, plan: Plan, *, is_app: bool) -> list[str]:
    """Extras of ModelMon that the function needs."""
    own = "apps" if is_app else EXTRAS.get(function, "")
    return [extra for extra in (own, "v3io" if plan.on_v3io else "kafka") if extra]


def drivers_of(settings: Settings) -> list[str]:
    """Packages that the settings' addresses need: a database's driver, an object store's file system."""
    databases = (DRIVERS.get(_scheme(url), "") for url in (settings.records_url, settings.series_url))
    stores = (FILESYSTEMS.get(_scheme(url), "") for url in (settings.samples_path, settings.artifacts_path))
    return sorted({package for package in (*databases, *stores) if package})


def install_command(function: str, plan: Plan, wheel: str, *, is_app: bool) -> str:
    """The line of a Dockerfile that installs ModelMon's wheel and what it needs here."""
    extras = ",".join(extras_of(function, plan, is_app=is_app))
    drivers = "".join(f" '{package}'" for package in drivers_of(plan.settings))
    return f"pip install --no-cache-dir '/opt/nuclio/{wheel}[{extras}]'{drivers}"


def _scheme(url: str) -> str:
    return url.partition("://")[0]

"""What a function needs installed wherever it runs: extras of ModelMon, and what addresses ask for."""

from __future__ import annotations

from modelmon.settings import Settings

EXTRAS = {"modelmon-stream": "stream", "modelmon-controller": "stores", "modelmon-writer": "stores"}
DRIVERS = {  # scheme of a SQLAlchemy URL: the package it needs
    "postgresql": "psycopg2-binary", "postgresql+psycopg2": "psycopg2-binary",
    "postgresql+psycopg": "psycopg[binary]", "mysql": "mysqlclient", "mysql+pymysql": "pymysql",
    "mariadb": "mysqlclient", "mariadb+pymysql": "pymysql",
}  # fmt: skip
FILESYSTEMS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""Scheme of an fsspec URL: the package it needs."""


def extra_of(function: str, *, is_app: bool) -> str:
    """The extra of ModelMon that the function's own code imports; "" for the core alone."""
    return "apps" if is_app else EXTRAS.get(function, "")


def drivers_of(settings: Settings) -> list[str]:
    """Packages that the settings' addresses need: a database's driver, an object store's file system."""
    databases = (DRIVERS.get(_scheme(url), "") for url in (settings.records_url, settings.series_url))
    stores = (FILESYSTEMS.get(_scheme(url), "") for url in (settings.samples_path, settings.artifacts_path))
    return sorted({package for package in (*databases, *stores) if package})


def _scheme(url: str) -> str:
    return url.partition("://")[0]

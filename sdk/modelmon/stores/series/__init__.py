"""Time series by URL: `open_series(settings)` finds the back-end by the scheme of `series_url`."""

from __future__ import annotations

from importlib import import_module

from modelmon.errors import ConfigError
from modelmon.secrecy import SCHEME
from modelmon.settings import Settings
from modelmon.stores.series.base import SeriesStore

__all__ = ["SeriesStore", "open_series"]

SQL = "modelmon.stores.series.sql"
# scheme: module; what a database's driver is called may follow a "+"
BACKENDS = {
    "sqlite": SQL,
    "postgresql": SQL,
    "postgres": SQL,
    "mysql": SQL,
    "mariadb": SQL,
    "memory": "modelmon.stores.series.memory",
}


def open_series(settings: Settings) -> SeriesStore:
    """The project's time series, made or migrated when needed.

    Raises ConfigError (URL, corrupt file, schema newer than this code) and UnavailableError.
    """
    url = settings.location("series_url")
    backend = import_module(BACKENDS[_scheme(url)])
    series: SeriesStore = backend.open(url, settings)
    return series


def _scheme(url: str) -> str:
    found = SCHEME.match(url)
    scheme = found.group(1).partition("+")[0] if found else ""
    if scheme not in BACKENDS:
        known = ", ".join(f"{name}://" for name in sorted(BACKENDS))
        # A miswritten address may hold a password anywhere: nothing else of it is shown.
        said = (
            f"series {scheme}://…: unknown scheme {scheme!r}" if found else "a series' address has no scheme"
        )
        raise ConfigError(f"series_url: {said}, known are {known}")
    return scheme

"""A project on each database that ModelMon runs on: what is read of it must be the same everywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.mariadb import NEEDS_MARIADB, shared_mariadb
from services.postgres import NEEDS_POSTGRES, shared_postgres


def sqlite() -> dict[str, str]:
    return {}


def postgresql() -> dict[str, str]:
    return {"records_url": shared_postgres().database()}


def mariadb() -> dict[str, str]:
    return {"records_url": shared_mariadb().database()}


def _each(where: Callable[[], dict[str, str]], marks: list[pytest.MarkDecorator]) -> object:
    return pytest.param(where, marks=marks, id=where.__name__)


ON = [_each(sqlite, []), _each(postgresql, NEEDS_POSTGRES), _each(mariadb, NEEDS_MARIADB)]
"""Settings of a project with a new and empty database there."""

"""A project as the page holds it: its records and series, opened when first asked for and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

from modelmon.errors import UnavailableError, no_such
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.sql_settings import SqlSettings
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore

PATIENCE_SECONDS = 15.0
"""So long a database server is waited for, where the settings say no less: somebody looks at the page."""
Store = TypeVar("Store", Database, SeriesStore)


class OpenProject:
    """One project. What can't be opened now raises UnavailableError, and is tried again when asked again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._opening = threading.Lock()
        self._failures, self._failure = 0, ""

    @property
    def name(self) -> str:
        return self.settings.project

    @property
    def database(self) -> Database:
        return self._opened(lambda: self._database, self._failures)

    @property
    def series(self) -> SeriesStore:
        return self._opened(lambda: self._series, self._failures)

    def _opened(self, store: Callable[[], Store], failures: int) -> Store:
        """Whoever waited while another failed is told the same: with an attempt each, a server that swallows
        what comes would hold up every one more than the one before."""
        with self._opening:
            if self._failures != failures:
                raise UnavailableError(self._failure)
            try:
                return store()
            except UnavailableError as error:
                self._failures, self._failure = self._failures + 1, str(error)
                raise

    @cached_property
    def _database(self) -> Database:
        return open_records(self._impatient)

    @cached_property
    def _series(self) -> SeriesStore:
        return open_series(self._impatient)

    @property
    def _impatient(self) -> Settings:
        given = self.settings.of(SqlSettings).sql_timeout_seconds
        return self.settings.changed(sql_timeout_seconds=min(given, PATIENCE_SECONDS))

    def close(self) -> None:
        """Of what was opened."""
        for name in ("_database", "_series"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()


class OpenProjects(Mapping[str, OpenProject]):
    """By name; raises ConfigError for a project that is none of them."""

    def __init__(self, settings: Iterable[Settings]) -> None:
        self._projects = {each.project: OpenProject(each) for each in settings}

    def __getitem__(self, name: str) -> OpenProject:
        if name not in self._projects:
            raise no_such(f"there is no project {name!r}", name, self._projects)
        return self._projects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._projects)

    def __len__(self) -> int:
        return len(self._projects)

    def close(self) -> None:
        for project in self._projects.values():
            project.close()

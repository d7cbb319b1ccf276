"""A project as the page holds it: its records and series, opened when first asked for and kept."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from modelmon.errors import no_such
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore


class OpenProject:
    """One project. What can't be opened now raises UnavailableError, and is tried again when asked again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        return self.settings.project

    @property
    def database(self) -> Database:
        with self._opening:
            return self._database

    @property
    def series(self) -> SeriesStore:
        with self._opening:
            return self._series

    @cached_property
    def _database(self) -> Database:
        return open_records(self.settings)

    @cached_property
    def _series(self) -> SeriesStore:
        return open_series(self.settings)

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

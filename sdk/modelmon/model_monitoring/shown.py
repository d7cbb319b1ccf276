"""Endpoints that a notebook shows with charts; everywhere else they are what they were."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from modelmon.errors import ConfigError
from modelmon.ledger import endpoints
from modelmon.model import Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.settings import Settings
from modelmon.stores.series import open_series

if TYPE_CHECKING:
    from modelmon.views.endpoint_rows import EndpointRow
    from modelmon.views.feature_page import FeaturePage


class Reading(Protocol):
    """Where an object reads how it stands when it is shown."""

    def read_rows(self, endpoint_ids: Sequence[str]) -> Sequence[EndpointRow]:
        """These endpoints, in any order; one that is gone is left out."""

    def read_features(self, endpoint_id: str) -> FeaturePage:
        """Of the newest window. Raises ConfigError where none was judged."""


@dataclass(frozen=True, slots=True)
class HereReading:
    """From the stores of a project on this machine."""

    settings: Settings = field(repr=False)

    def read_rows(self, endpoint_ids: Sequence[str]) -> Sequence[EndpointRow]:
        from modelmon.views.endpoint_facts import Looking
        from modelmon.views.endpoint_rows import read_endpoint_rows
        from modelmon.views.endpoints import EndpointQuery

        now_us = wall_clock_us()
        with opened(self.settings) as database, closing(open_series(self.settings)) as series:
            with database.read() as connection:
                there = sorted(endpoints.get_many(connection, endpoint_ids))
            if not there:
                return []
            looking, query = Looking(now_us, self.settings), EndpointQuery(endpoints=there, limit=len(there))
            return read_endpoint_rows(database, series, looking, query, from_us(now_us)).rows

    def read_features(self, endpoint_id: str) -> FeaturePage:
        from modelmon.views.feature_page import read_feature_page

        with opened(self.settings) as database, closing(open_series(self.settings)) as series:
            return read_feature_page(database, series, self.settings, endpoint_id, wall_clock_us())


@dataclass(frozen=True, slots=True)
class ShownEndpoint(Endpoint):
    """An endpoint that knows where to read how it stands. It equals the same endpoint that does not."""

    reading: Reading | None = field(default=None, repr=False, compare=False, kw_only=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Endpoint):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _COMPARED)

    __hash__ = Endpoint.__hash__

    def __repr__(self) -> str:
        return f"Endpoint({', '.join(f'{name}={getattr(self, name)!r}' for name in _COMPARED)})"

    def _repr_html_(self) -> str:
        from modelmon.pages.notebook import shown_or_why_not

        return shown_or_why_not(self._shown)

    def _shown(self) -> str:
        from modelmon.pages.notebook_objects import endpoint_in_notebook

        reading = _known(self.reading, self.name)
        rows = reading.read_rows([self.endpoint_id])
        if not rows:
            raise ConfigError(f"endpoint {self.name!r} is not in the records: was it deleted?")
        try:
            page = reading.read_features(self.endpoint_id)
        except ConfigError:  # no window of it was judged yet
            page = None
        return endpoint_in_notebook(rows[0], page)


_COMPARED = tuple(each.name for each in fields(Endpoint) if each.compare)


def with_reading(endpoint: Endpoint, reading: Reading) -> ShownEndpoint:
    """The same endpoint, to be shown."""
    values: dict[str, Any] = {each.name: getattr(endpoint, each.name) for each in fields(Endpoint)}
    return ShownEndpoint(**values, reading=reading)


class EndpointList(list[Endpoint]):
    """A list of endpoints, which a notebook shows; `endpoints` is the list itself, for code written for
    MLRun."""

    @property
    def endpoints(self) -> EndpointList:
        return self

    def _repr_html_(self) -> str:
        from modelmon.pages.notebook import shown_or_why_not

        return shown_or_why_not(self._shown)

    def _shown(self) -> str:
        from modelmon.pages.notebook_objects import MOST, endpoints_in_notebook

        ids = [each.endpoint_id for each in self[:MOST]]
        if not ids:
            return endpoints_in_notebook([], 0)
        reading = _known(getattr(self[0], "reading", None), self[0].name)
        found = {row.endpoint.endpoint_id: row for row in reading.read_rows(ids)}
        return endpoints_in_notebook([found[each] for each in ids if each in found], len(self))


def _known(reading: Reading | None, name: str) -> Reading:
    if reading is None:
        raise ConfigError(f"endpoint {name!r} was not read from a project; list it from one to see it")
    return reading

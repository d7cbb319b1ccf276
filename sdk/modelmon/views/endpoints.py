"""Endpoints as they are listed: the worst first, in pages, each with how it stands and why."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, select

from modelmon.errors import ConfigError, no_such
from modelmon.ledger import registry
from modelmon.ledger.endpoints import meant, several
from modelmon.ledger.schema import endpoints, traffic
from modelmon.model import from_us
from modelmon.views.endpoint_facts import AppStanding, Facts, Looking, read_facts
from modelmon.views.endpoint_filters import (
    KINDS,
    MODES,
    EndpointChoices,
    check_known,
    choices,
    let_through,
)
from modelmon.views.endpoint_states import WORST_FIRST, Standing, standing_of, trouble
from modelmon.views.next_window import NextWindow, next_windows
from modelmon.views.verdicts import NO_DATA, Verdict, worst_per_kind
from modelmon.views.window_counts import count_windows
from modelmon.windows import FAILED, UNAVAILABLE

Sort = Literal["trouble", "name", "received", "last_request"]
PAGE = 100


@dataclass(frozen=True, slots=True)
class EndpointQuery:
    """Which endpoints are listed, and in what order. Of each filter one of its values has to hold; one
    without values lets everything through.

    `endpoints` are names, ids or patterns with `*`; `text` stands in a name, id, function or model. `apps`
    leave the word of other apps out, `kinds` that of results of other kinds and endpoints that have none of
    theirs. `labels` are name=value, or a name alone. `after` is the id of the endpoint that the page before
    ended with. Raises ConfigError for a state, kind, mode or sort that does not exist, and a limit below 1.
    """

    states: Sequence[str] = ()
    endpoints: Sequence[str] = ()
    apps: Sequence[str] = ()
    functions: Sequence[str] = ()
    sort: Sort = "trouble"
    limit: int = PAGE
    after: str = ""
    text: str = ""
    labels: Sequence[str] = ()
    kinds: Sequence[str] = ()
    modes: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_known("state", self.states, WORST_FIRST)
        check_known("sort", [self.sort], _KEYS)
        check_known("kind", self.kinds, KINDS)
        check_known("mode", self.modes, MODES)
        if self.limit < 1:
            raise ConfigError(f"a page has at least one endpoint, got a limit of {self.limit}")


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """One endpoint: what was counted, how its apps stand, its newest verdicts, the worst of it in words. The
    `value` that `why` tells is of the result `result_name` of the app `application_name`, "" where there is
    none."""

    endpoint_id: str
    endpoint_name: str
    function_name: str
    model_uri: str
    received: int
    stored: int
    errors: int
    rejected: int
    late: int
    missing: int
    repeated: int
    first_request: datetime | None
    last_request: datetime | None
    no_data_since: datetime | None
    last_error: str
    last_error_time: datetime | None
    windows: Mapping[str, int]
    states: tuple[str, ...]
    status: Mapping[str, int]
    apps: tuple[AppStanding, ...]
    verdicts: tuple[Verdict, ...]
    waits: NextWindow | None
    state: str
    why: str
    value: float | None
    application_name: str
    result_name: str
    mode: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EndpointPage:
    """One page. `total`: all endpoints there are; `matching`: those that the query lets through, `by_state`
    counts them; `after`: what asks for the next page, "" on the last one. `chips` counts those that the query
    would let through whatever their state, `choices` is what its filters can be set to."""

    endpoints: tuple[EndpointSummary, ...]
    total: int
    matching: int
    by_state: Mapping[str, int]
    after: str
    chips: Mapping[str, int]
    choices: EndpointChoices


Placed = tuple[Facts, Standing]
_KEYS: Mapping[str, Callable[[Placed], Any]] = {
    "trouble": lambda placed: (*trouble(placed[1], placed[0]), placed[0].endpoint_id),
    "name": lambda placed: (placed[0].endpoint_name, placed[0].endpoint_id),
    "received": lambda placed: (-placed[0].counts.received, placed[0].endpoint_name, placed[0].endpoint_id),
    "last_request": lambda placed: (-(placed[0].last_request_us or 0), placed[0].endpoint_id),
}


def list_endpoints(
    connection: Connection, looking: Looking, query: EndpointQuery | None = None
) -> EndpointPage:
    """A page of the endpoints that are registered or have traffic.

    Reads one row of each endpoint and app, and of those on the page everything else. Raises ConfigError for
    an app, function or endpoint that does not exist.
    """
    query = query or EndpointQuery()
    apps = [app.name for app in registry.active_apps(connection)]
    check_known("app", query.apps, apps)
    kinds = [KINDS[name] for name in query.kinds]
    looking = replace(looking, app_names=query.apps or None, kinds=kinds or None)
    known = read_facts(connection, looking, None, whole=False)
    matching = [(facts, standing_of(facts)) for facts in _chosen(known, query)]
    chosen = [placed for placed in matching if not query.states or placed[1].state in query.states]
    chosen.sort(key=_KEYS[query.sort])
    first = _place_after(known, chosen, query)
    page = chosen[first : first + query.limit]
    more = len(chosen) > first + query.limit
    return EndpointPage(
        read_summaries(connection, looking, [facts.endpoint_id for facts, _ in page]),
        len(known), len(chosen), _by_state(chosen), page[-1][0].endpoint_id if more else "",
        _by_state(matching), choices(known, apps),
    )  # fmt: skip


def _by_state(placed: Sequence[Placed]) -> dict[str, int]:
    found = Counter(standing.state for _, standing in placed)
    return {state: found[state] for state in WORST_FIRST if found[state]}


def read_summaries(
    connection: Connection, looking: Looking, endpoint_ids: Collection[str]
) -> tuple[EndpointSummary, ...]:
    """These endpoints, in their order; those that nobody knows are left out."""
    found = {each.endpoint_id: each for each in read_facts(connection, looking, endpoint_ids, whole=True)}
    counts = count_windows(connection, looking.settings, found)
    names = looking.app_names or [app.name for app in registry.active_apps(connection)]
    waits = next_windows(connection, looking.now_us, looking.settings, names, found)
    return tuple(
        _summary(replace(found[each], waits=waits.get(each)), counts[each])
        for each in endpoint_ids
        if each in found
    )


def find_endpoint(connection: Connection, looking: Looking, name: str) -> EndpointSummary:
    """The one endpoint of this name or id. Raises ConfigError where none is called so, or several are."""
    known = meant(connection, name)
    if len(known) > 1:
        raise several(known, name)
    if known:
        return read_summaries(connection, looking, [known[0].endpoint_id])[0]
    if connection.scalar(select(traffic.c.endpoint_id).where(traffic.c.endpoint_id == name)) is not None:
        return read_summaries(connection, looking, [name])[0]  # it has traffic alone
    raise no_such(f"endpoint: there is no {name!r}", name, connection.scalars(select(endpoints.c.name)))


def _summary(facts: Facts, windows: Mapping[str, int]) -> EndpointSummary:
    standing = standing_of(facts)
    verdicts = tuple(each for each in facts.verdicts if isinstance(each, Verdict))
    silent_us = facts.last_request_us or facts.created_us if NO_DATA in facts.states else None
    unknown = bool(facts.states & {NO_DATA, FAILED, UNAVAILABLE})
    return EndpointSummary(
        facts.endpoint_id, facts.endpoint_name, facts.function_name, facts.model_uri,
        *facts.counts,
        _moment(facts.first_request_us), _moment(facts.last_request_us), _moment(silent_us),
        facts.last_error, _moment(facts.last_error_us), windows, tuple(sorted(facts.states)),
        worst_per_kind(verdicts, unknown), tuple(facts.apps), verdicts, facts.waits,
        standing.state, standing.why(), standing.value,
        standing.of.application_name if standing.of else "", standing.of.result_name if standing.of else "",
        facts.mode, msgspec.json.decode(facts.labels),
    )  # fmt: skip


def _chosen(known: Sequence[Facts], query: EndpointQuery) -> list[Facts]:
    return let_through(
        known, patterns=query.endpoints, text=query.text, functions=query.functions, labels=query.labels,
        kinds=query.kinds, modes=query.modes,
    )  # fmt: skip


def _place_after(known: Sequence[Facts], chosen: Sequence[Placed], query: EndpointQuery) -> int:
    """Where the page begins. The endpoint that the page before ended with may stand elsewhere by now, or
    among those that are not let through any more: what comes after it does so all the same."""
    if not query.after:
        return 0
    last = next((facts for facts in known if facts.endpoint_id == query.after), None)
    if last is None:
        raise ConfigError(f"after: there is no endpoint with the id {query.after!r}; begin without it")
    key = _KEYS[query.sort]
    return bisect_right(chosen, key((last, standing_of(last))), key=key)


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_us(microseconds)

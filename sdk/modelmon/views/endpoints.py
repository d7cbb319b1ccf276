"""Endpoints as they are listed: the worst first, in pages, each with how it stands and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

from sqlalchemy import Connection, Row, literal, or_, select

from modelmon.errors import ConfigError, no_such
from modelmon.ledger import registry
from modelmon.ledger.schema import endpoints, traffic
from modelmon.model import from_us
from modelmon.views.endpoint_facts import AppStanding, Facts, Looking, read_facts
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

    `endpoints` are names, ids or patterns with `*`. `apps` leave the word of other apps out. `after` is the
    id of the endpoint that the page before ended with. Raises ConfigError for a state that does not exist, a
    limit below 1 and a sort that does not exist.
    """

    states: Sequence[str] = ()
    endpoints: Sequence[str] = ()
    apps: Sequence[str] = ()
    functions: Sequence[str] = ()
    sort: Sort = "trouble"
    limit: int = PAGE
    after: str = ""

    def __post_init__(self) -> None:
        _check("state", self.states, WORST_FIRST)
        _check("sort", [self.sort], _KEYS)
        if self.limit < 1:
            raise ConfigError(f"a page has at least one endpoint, got a limit of {self.limit}")


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """One endpoint: what was counted, how its apps stand, its newest verdicts, the worst of it in words."""

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


@dataclass(frozen=True, slots=True)
class EndpointPage:
    """One page. `total`: all endpoints there are; `matching`: those that the query lets through, `by_state`
    counts them; `after`: what asks for the next page, "" on the last one."""

    endpoints: tuple[EndpointSummary, ...]
    total: int
    matching: int
    by_state: Mapping[str, int]
    after: str


Placed = tuple[Facts, Standing]
_KEYS: Mapping[str, Callable[[Placed], Any]] = {
    "trouble": lambda placed: (*trouble(placed[1], placed[0].endpoint_name), placed[0].endpoint_id),
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
    _check("app", query.apps, [app.name for app in registry.active_apps(connection)])
    looking = replace(looking, app_names=query.apps or None)
    known = read_facts(connection, looking, None, whole=False)
    chosen = [(facts, standing_of(facts)) for facts in _chosen(known, query)]
    if query.states:
        chosen = [placed for placed in chosen if placed[1].state in query.states]
    chosen.sort(key=_KEYS[query.sort])
    first = _place_after(chosen, query.after)
    page = chosen[first : first + query.limit]
    more = len(chosen) > first + query.limit
    by_state = Counter(standing.state for _, standing in chosen)
    return EndpointPage(
        read_summaries(connection, looking, [facts.endpoint_id for facts, _ in page]),
        len(known), len(chosen), {state: by_state[state] for state in WORST_FIRST if by_state[state]},
        page[-1][0].endpoint_id if more else "",
    )  # fmt: skip


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
    known = _called(connection, name)
    if not known:
        names = connection.scalars(select(endpoints.c.name))
        raise no_such(f"endpoint: there is no {name!r}", name, names)
    if len(known) > 1:
        ids = ", ".join(f"{each.endpoint_id} ({each.function_name or 'of no function'})" for each in known)
        raise ConfigError(f"endpoint: {len(known)} are called {name!r}; give the id of one: {ids}")
    return read_summaries(connection, looking, [known[0].endpoint_id])[0]


def _called(connection: Connection, name: str) -> list[Row[Any]]:
    """Endpoints of this name or id; one that has traffic alone is known by its id."""
    columns = (endpoints.c.endpoint_id, endpoints.c.function_name)
    called = or_(endpoints.c.name == name, endpoints.c.endpoint_id == name)
    alone = select(traffic.c.endpoint_id, literal("").label("function_name"))
    known = [*connection.execute(select(*columns).where(called))]
    return known or [*connection.execute(alone.where(traffic.c.endpoint_id == name))]


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
    )  # fmt: skip


def _chosen(known: Iterable[Facts], query: EndpointQuery) -> list[Facts]:
    known = list(known)
    _check("function", query.functions, {facts.function_name for facts in known} - {""})
    if query.functions:
        known = [facts for facts in known if facts.function_name in query.functions]
    if not query.endpoints:
        return known
    matching: dict[str, Facts] = {}
    for pattern in query.endpoints:
        some = {facts.endpoint_id: facts for facts in known if _matches(facts, pattern)}
        if not some:
            names = (facts.endpoint_name for facts in known)
            raise no_such(f"endpoint: there is no {pattern!r}", pattern, names)
        matching |= some
    return [*matching.values()]


def _matches(facts: Facts, pattern: str) -> bool:
    return facts.endpoint_id == pattern or fnmatchcase(facts.endpoint_name, pattern)


def _check(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for each in given:
        if each not in known:
            raise no_such(f"{what}: there is no {each!r}", each, known)


def _place_after(chosen: Sequence[Placed], after: str) -> int:
    if not after:
        return 0
    for place, (facts, _) in enumerate(chosen):
        if facts.endpoint_id == after:
            return place + 1
    raise ConfigError(f"after: no endpoint of this list has the id {after!r}; begin without it")


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_us(microseconds)

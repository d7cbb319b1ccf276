"""What is around every page of a project: where one can go, the time shown, how the monitor itself is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from sqlalchemy import Connection

from modelmon.api.asked import Asked
from modelmon.api.roles import User
from modelmon.api.time_range import RANGES, Ranged, Span, span_of
from modelmon.counting import count
from modelmon.ledger import heartbeats, registry
from modelmon.ledger.access_settings import AccessSettings
from modelmon.ledger.channel_states import broken_channels
from modelmon.model import WorkerState, from_us
from modelmon.views.health import function_health
from modelmon.views.open_incidents import open_by_state

SECTIONS = {
    "endpoints": "Model Endpoints",
    "incidents": "Alerts",
    "functions": "Jobs and Workflows",
    "models": "Models",
}
_KEPT = ("range", "from", "to")
"""Of the query: what links to another page keep."""


@dataclass(frozen=True, slots=True)
class Link:
    name: str
    title: str
    address: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """Of one page in `section`. `messages` leads to those that nobody took. `by_login`: who looks at it has
    logged in, and can log out."""

    project: str
    projects: tuple[str, ...]
    section: str
    sections: tuple[Link, ...]
    ranges: tuple[Link, ...]
    span: Span
    now: datetime
    functions: str
    monitor: str
    monitor_words: str
    messages: Link
    user: User
    by_login: bool


def frame_of(connection: Connection, asked: Asked, section: str, ranged: Ranged) -> Frame:
    """Raises Problem 400 for a time range that is none."""
    span = span_of(connection, ranged, asked.now_us, asked.settings)
    still = sum(each.many for each in open_by_state(connection))
    sections = tuple(
        Link(name, title, address(asked, name), still if name == "incidents" else 0)
        for name, title in SECTIONS.items()
    )
    ranges = tuple(Link(name, name, here(asked, range=name, **{"from": None, "to": None})) for name in RANGES)
    return Frame(
        asked.project.name, tuple(asked.projects), section, sections, ranges, span, from_us(asked.now_us),
        address(asked, "functions"), *_monitor(connection, asked), _failed(connection, asked), asked.user,
        asked.settings.of(AccessSettings).auth == "token" and not asked.user.by_token,
    )  # fmt: skip


def address(asked: Asked, *parts: str, **query: object) -> str:
    """Of a page of this project, with the time range that is shown now; a query value of None is left out.

    `parts` are the places in the path, each escaped.
    """
    path = "/".join(quote(each, safe="") for each in ("projects", asked.project.name, *parts))
    return f"{asked.root}/{path}{_written({**kept(asked), **query})}"


def of_api(asked: Asked, *parts: str, **query: object) -> str:
    """Of a route of this project for programs."""
    path = "/".join(quote(each, safe="") for each in ("projects", asked.project.name, *parts))
    return f"{asked.root}/api/v1/{path}{_written(query)}"


def kept(asked: Asked) -> dict[str, object]:
    """What links and forms of this page hand on: the time range as the address says it."""
    return {name: value for name, value in _query(asked) if name in _KEPT}


def window_shown(asked: Asked) -> str | None:
    """The window that the address names, if it does."""
    return dict(_query(asked)).get("window")


def here(asked: Asked, **query: object) -> str:
    """This page with another query: these values replaced, those of None taken out."""
    before = parse_qs(urlsplit(asked.address).query)
    now = {name: said for name, said in before.items() if name != "after" and _base(name) not in query}
    return f"{asked.root}{urlsplit(asked.address).path}{_written({**now, **query})}"


def _query(asked: Asked) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(asked.address).query)


def _base(name: str) -> str:
    """Of a name with a number the list that it belongs to."""
    base, _, number = name.rpartition("-")
    return base if number.isdecimal() else name


def _written(query: dict[str, object]) -> str:
    """A list of several as names with numbers: of a repeated name Nuclio keeps the last."""
    said: dict[str, object] = {}
    for name, value in query.items():
        some = list(value) if isinstance(value, list | tuple) else [value]
        names = [name] if len(some) == 1 else [f"{name}-{number}" for number in range(1, len(some) + 1)]
        said |= {one: each for one, each in zip(names, some, strict=True) if each not in (None, "")}
    return f"?{urlencode(said)}" if said else ""


def _failed(connection: Connection, asked: Asked) -> Link:
    """How many messages nobody took, of channels that take none; its title says which."""
    broken = broken_channels(connection, asked.now_us)
    words = "; ".join(f"{each.channel}: {each.problem}" for each in broken)
    return Link("messages", words, address(asked, "messages"), sum(each.failed for each in broken))


def _monitor(connection: Connection, asked: Asked) -> tuple[str, str]:
    """How ModelMon's own functions and the apps are: the worst of them in a word, and in words."""
    beats = heartbeats.by_function(connection)
    names = registry.watched_functions(connection)
    found = [function_health(name, beats.get(name, ()), asked.now_us) for name in names]
    if not any(beats.get(each) for each in names):
        return "not running", "no function of this project runs"
    troubled = [each for each in found if not each.healthy or each.state == WorkerState.BEHIND.value]
    if not troubled:
        return "running", f"{count(len(found), 'function')} at work"
    worst = next((each for each in troubled if not each.healthy), troubled[0])
    return worst.state, "; ".join(f"{each.function}: {each.reason or each.state}" for each in troubled)

"""Which endpoints a command shows: those of a state, name, app or function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from modelmon.errors import no_such


def select(
    found: Mapping[str, Any],
    *,
    states: Sequence[str] = (),
    endpoints: Sequence[str] = (),
    apps: Sequence[str] = (),
    functions: Sequence[str] = (),
) -> dict[str, Any]:
    """`status` with only these endpoints, and what belongs to them; every one of the four that is given
    has to hold. `endpoints` are names, ids or patterns with `*`; `apps` leave the word of other apps out.

    Raises ConfigError for a state, app or function that does not exist, and for a name nothing matches.
    """
    from modelmon.views.overview import WORST_FIRST, summary

    shown = [*found["endpoints"]]
    states = [state.replace("-", " ") for state in states]
    _check("--state", states, WORST_FIRST)
    _check("--app", apps, found["applications"])
    _check("--function", functions, {entry["function_name"] for entry in shown} - {""})
    if apps:
        shown = [_of_apps(entry, apps) for entry in shown]
        alerts = [each for each in found["alerts"] if each["resolved"] is None]
        for entry in shown:
            entry |= summary(entry, list(_belonging(alerts, [entry], apps))[::-1])
    if functions:
        shown = [entry for entry in shown if entry["function_name"] in functions]
    if endpoints:
        shown = _named(shown, endpoints)
    if states:
        shown = [entry for entry in shown if entry["state"] in states]
    parts = {name: [*_belonging(found[name], shown, apps)] for name in ("results", "metrics", "alerts")}
    return {**found, "endpoints": shown, **parts}


def _check(option: str, given: Sequence[str], known: Iterable[str]) -> None:
    for each in given:
        if each not in known:
            raise no_such(f"{option}: there is no {each!r}", each, known)


def _named(shown: Sequence[dict[str, Any]], patterns: Sequence[str]) -> list[dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = {}
    for pattern in patterns:
        matching = [entry for entry in shown if _matches(entry, pattern)]
        if not matching:
            names = (entry["endpoint_name"] for entry in shown)
            raise no_such(f"--endpoint: there is no {pattern!r}", pattern, names)
        kept |= {entry["endpoint_id"]: entry for entry in matching}
    return [*kept.values()]


def _matches(entry: Mapping[str, Any], pattern: str) -> bool:
    return entry["endpoint_id"] == pattern or fnmatchcase(entry["endpoint_name"], pattern)


def _of_apps(entry: Mapping[str, Any], apps: Sequence[str]) -> dict[str, Any]:
    """The endpoint as these apps see it."""
    kept, verdicts = (
        [each for each in entry[name] if each["application_name"] in apps] for name in ("apps", "verdicts")
    )
    silent = {"no data"} if entry["no_data_since"] else set()
    states = sorted(silent.union(*(each["states"] for each in kept)))
    waits = entry["waits"] if (entry["waits"] or {}).get("application_name") in apps else None
    return {**entry, "apps": kept, "verdicts": verdicts, "states": states, "waits": waits}


def _belonging(
    rows: Iterable[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]], apps: Sequence[str]
) -> Iterable[Mapping[str, Any]]:
    ids = {entry["endpoint_id"] for entry in shown}
    for row in rows:
        if row["endpoint_id"] in ids and (not apps or row["application_name"] in apps):
            yield row

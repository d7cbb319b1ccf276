"""Silences of a project: made, tried beforehand, listed, ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from glob import escape

from sqlalchemy import Connection

from modelmon.alerting.rules import KINDS, Match
from modelmon.errors import ConfigError, no_such
from modelmon.ledger import silences
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.false_alarms import check_mark
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.until import Until, until_us
from modelmon.model_monitoring.whoever import whoever
from modelmon.settings import Settings
from modelmon.views.incidents import history_of
from modelmon.views.silences import (
    ShownSilence,
    SilencePreview,
    list_silences,
    preview_silence,
    shown_silence,
)

Names = Collection[str] | str | None
MOST, MOST_PATTERNS, LONGEST = 1_000, 100, 500


def match_of(
    *,
    endpoints: Names = None,
    functions: Names = None,
    apps: Names = None,
    results: Names = None,
    kinds: Names = None,
    labels: Mapping[str, str] | None = None,
    endpoint_ids: Names = None,
) -> Match:
    """What a silence hits: patterns with `*` and `?`, of each at least one fits. Raises ConfigError."""
    if not isinstance(labels, Mapping | None):
        raise ConfigError(f"labels: must be names with patterns, got {labels!r}")
    given = {name: _text("labels", pattern) for name, pattern in (labels or {}).items()}
    for name in given:
        _text("labels", name)
    for kind in (found := _patterns("kinds", kinds)):
        if kind not in KINDS:
            raise no_such(f"kinds: there is no kind of result {kind!r}", kind, KINDS)
    return Match(
        _patterns("endpoints", endpoints), _patterns("functions", functions), _patterns("apps", apps),
        _patterns("results", results), found, given,
        _patterns("endpoint_ids", endpoint_ids),
    )  # fmt: skip


def silence(
    settings: Settings, match: Match, until: Until, note: str = "", *, incident_id: int | None = None,
    who: str = "",
) -> ShownSilence:  # fmt: skip
    """Tell nobody of what fits, until then; `incident_id` fills in what `match` leaves open.

    Raises ConfigError for one that would hit everything, and for an `until` that is no moment to come.
    """
    check_mark(1 if incident_id is None else incident_id, note, undo=False)
    now_us = wall_clock_us()
    end_us = until_us(until, now_us)
    if end_us is None:
        raise ConfigError("until: say how long, for example 2h; a silence without an end is forgotten")
    with opened(settings) as database, database.write() as connection:
        filled = _filled(connection, settings, match, incident_id)
        made = silences.add_silence(connection, filled, who or whoever(), note, end_us, now_us)
    return shown_silence(made, now_us)


def preview(settings: Settings, match: Match, *, incident_id: int | None = None) -> SilencePreview:
    """What of that which is open a silence like this would hit; nothing changes."""
    check_mark(1 if incident_id is None else incident_id, "", undo=False)
    with opened(settings) as database, database.read() as connection:
        filled = _filled(connection, settings, match, incident_id)
        silences.check_hits(filled)
        return preview_silence(connection, settings, filled)


def silences_of(settings: Settings, limit: int = MOST) -> list[ShownSilence]:
    """Those that hold and those that are over, the newest first."""
    with opened(settings) as database, database.read() as connection:
        return list_silences(connection, wall_clock_us(), limit)


def end_silence(settings: Settings, silence_id: int, who: str = "") -> ShownSilence:
    """End one before its time: what it held back is told, if it is open still. Raises ConfigError for one
    that is not there, or is over."""
    if isinstance(silence_id, bool) or not isinstance(silence_id, int) or not 0 < silence_id < 2**63:
        raise ConfigError(f"silence_id: must be the number of a silence, got {silence_id!r}")
    now_us = wall_clock_us()
    with opened(settings) as database, database.write() as connection:
        return shown_silence(silences.end_silence(connection, silence_id, who or whoever(), now_us), now_us)


def _filled(connection: Connection, settings: Settings, match: Match, incident_id: int | None) -> Match:
    """What is given, and of an incident its endpoint, app and result where they are not given."""
    if incident_id is None:
        return match
    history = history_of(connection, settings, incident_id, 1)
    if history is None:
        raise ConfigError(
            f"there is no incident {incident_id}; `modelmon incidents list` shows which there are"
        )
    found = history.incident
    return replace(
        match,
        endpoints=match.endpoints or _exactly(found.endpoint_name),
        apps=match.apps or _exactly(found.application_name),
        results=match.results or _exactly(found.result_name),
    )


def _exactly(name: str) -> tuple[str, ...]:
    """A pattern that fits this name alone; of none anything fits."""
    return (escape(name),) if name else ()


def _patterns(argument: str, given: Names) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, str | Collection):
        raise ConfigError(f"{argument}: must be a pattern or a list of them, got {given!r}")
    some = [given] if isinstance(given, str) else list(given)
    if len(some) > MOST_PATTERNS:
        raise ConfigError(f"{argument}: has {len(some):,} patterns; {MOST_PATTERNS} at most are kept")
    return tuple(dict.fromkeys(_text(argument, each) for each in some))


def _text(argument: str, given: object) -> str:
    if not isinstance(given, str) or not given or len(given) > LONGEST or "\x00" in given:
        raise ConfigError(
            f"{argument}: must be a name or pattern of {LONGEST} letters at most, got {given!r}"
        )
    return given

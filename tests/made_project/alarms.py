"""The incidents of one endpoint: an open one since its onset, and for some one that ended long ago."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from made_project.rows import EndpointRows
from made_project.shape import APP, DETECTED, HOUR, POTENTIAL, Character
from made_project.statistics import evidence

NEWEST = 200
_RULE = {"rule": "result-status", "application_name": APP, "result_name": "feature_drift"}


def spans(rows: EndpointRows) -> Iterator[tuple[int, int, bool]]:
    """First and last bad window of each incident, and whether it is open."""
    if rows.number % 10 == 9 and rows.shape.windows > 48 and rows.shape.needle is None:
        yield 20, 30, False
    if rows.character in (Character.DRIFTING, Character.SUSPECTED):
        bad = [place for place in range(rows.shape.windows) if rows.value(place) >= POTENTIAL]
        if bad:
            yield bad[0], rows.shape.windows - 1, True


def incident(rows: EndpointRows, number: int, first: int, last: int, is_open: bool) -> dict[str, Any]:
    places = range(first, last + 1)
    worst = max(places, key=rows.value)
    detected = [place for place in places if rows.value(place) >= DETECTED]
    ended_us = None if is_open else rows.start_us(last + 1)
    return {
        "incident_id": number, **_RULE, "endpoint_id": rows.id, "kind": 0,
        "state": ("escalated" if detected else "raised") if is_open else "resolved",
        "reason": "" if is_open else "calm", "status": 2 if detected else 1,
        "first_us": rows.start_us(first), "last_us": rows.start_us(last),
        "detected_us": rows.start_us(detected[0]) if detected else None, "ended_us": ended_us,
        "windows": len(places), "detected": len(detected), "worst_us": rows.start_us(worst),
        "value": rows.value(worst), "detail": evidence(rows.shape, int(rows.rows[worst]), rows.scores[worst]),
        "raised_us": rows.start_us(first) + HOUR, "changed_us": rows.start_us(first) + HOUR,
        "resolved_us": None if ended_us is None else ended_us + HOUR,
    }  # fmt: skip


def incident_windows(rows: EndpointRows, first: int, last: int) -> Iterator[dict[str, Any]]:
    for place in range(max(first, last - NEWEST + 1), last + 1):
        value = rows.value(place)
        yield {
            **_RULE, "endpoint_id": rows.id, "start_us": rows.start_us(place),
            "end_us": rows.start_us(place) + HOUR,
            "said": "detected" if value >= DETECTED else "suspected", "value": value,
            "rows": int(rows.rows[place]), "revision": 1,
            "detail": evidence(rows.shape, int(rows.rows[place]), rows.scores[place]), "stats": "",
        }  # fmt: skip

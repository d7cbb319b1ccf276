"""Results that are gathered over windows: the sums of each are kept, and folded in the order of the windows.

Whoever writes an answer notes its sums and folds, in one transaction. A window that was judged again, or came
late, has every later one folded anew. So the result of a window is the same in whatever order answers came,
and however often. A new reference begins from nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, and_, bindparam, delete, select, update

from modelmon.ledger.acknowledged import acknowledged
from modelmon.ledger.gathered import Chosen, Gathered, gather
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.reports import AppReport
from modelmon.ledger.sum_schema import SLOW_DRIFT, sum_states, window_sums
from modelmon.model import ResultKindApp, ValuePoint, WindowKey
from modelmon.sql.statements import chunks, insert_missing, upsert

PAGE = 2_000
"""So many windows are read at a time."""
NONE_US = -1
_OF_APP = and_(
    window_sums.c.endpoint_id == bindparam("an_endpoint"),
    window_sums.c.application_name == bindparam("an_app"),
)
_REST = select(window_sums).where(_OF_APP, window_sums.c.start_us > bindparam("after_us"))
_REST = _REST.order_by(window_sums.c.start_us).limit(PAGE)
_IS_STATE = and_(
    sum_states.c.endpoint_id == bindparam("an_endpoint"),
    sum_states.c.application_name == bindparam("an_app"),
)
_STATE = select(sum_states).where(_IS_STATE).with_for_update()
_SAY = (
    update(window_sums)
    .where(_OF_APP, window_sums.c.start_us == bindparam("a_start"))
    .values(status=bindparam("a_status"))
)
_FORGET = delete(window_sums).where(_OF_APP, window_sums.c.start_us == bindparam("a_start"))


@dataclass(frozen=True, slots=True)
class FoldedWindow:
    """What a window came to: its result, and whether it says something else than before."""

    point: ValuePoint
    is_new: bool


@dataclass(frozen=True, slots=True)
class _State:
    """How far the windows of an app are folded: until which, against which reference, and to what."""

    start_us: int
    reference: str
    gathered: Gathered


def note_sums(connection: Connection, reports: Iterable[AppReport]) -> dict[tuple[str, str], int]:
    """Keep the sums of the windows that were judged; forget those of windows that have none any more.

    Returns per endpoint and app the first window that has changed, from which on it is to be folded.
    """
    ended = [each for each in reports if each.done]
    known = _known(connection, {each.key.endpoint_id for each in ended})
    meant = [each for each in ended if _has_sums(each) or each.key[:2] in known]
    counts = acknowledged(connection, {each.key for each in meant})
    # Where a newer answer came before, what comes after it says nothing more.
    newest = {each.key: each for each in meant if counts.get(each.key) == each.revision}
    gone = [_at(key) for key, each in newest.items() if not _has_sums(each)]
    if gone:
        connection.execute(_FORGET, gone)
    rows = [_sums_row(each) for each in newest.values() if _has_sums(each)]
    upsert(connection, window_sums, rows, keep=["status"])
    changed: dict[tuple[str, str], int] = {}
    for endpoint_id, name, start_us in newest:
        pair = endpoint_id, name
        changed[pair] = min(start_us, changed.get(pair, start_us))
    return changed


def fold_sums(
    connection: Connection, held: HeldProfiles, pair: tuple[str, str], first_us: int
) -> list[FoldedWindow]:
    """Fold the windows of an endpoint and app anew from `first_us` on; their results, in order."""
    state = _locked(connection, pair)
    if state.start_us >= first_us:  # it holds more than what comes before them
        state = _State(NONE_US, "", Gathered())
    folded: list[FoldedWindow] = []
    while rows := connection.execute(_REST, {**_app(pair), "after_us": state.start_us}).all():
        for (reference, *_), some in groupby(rows, _fold_key):
            state, found = _fold_some(connection, held, state, reference, list(some))
            folded += [each for each in found if each.point.start_us >= first_us]
    changed = [each.point for each in folded if each.is_new]
    if changed:
        connection.execute(_SAY, [_said(point) for point in changed])
    upsert(connection, sum_states, [_state_values(pair, state)])
    return folded


def _fold_some(
    connection: Connection, held: HeldProfiles, state: _State, reference: str, rows: list[Row[Any]]
) -> tuple[_State, list[FoldedWindow]]:
    """Fold windows that one reference, one budget and the same choices belong to."""
    last_us = rows[-1].start_us
    profile = held.named(connection, reference)
    if profile is None:  # of before a reference that is long gone: they stay as they are
        return _State(last_us, reference, Gathered()), []
    gathered = state.gathered if state.reference == reference else Gathered()
    values = np.stack([np.frombuffer(row.values, dtype="<f8") for row in rows])
    windows = values.reshape(len(rows), -1, 5)
    if windows.shape[1] != len(profile.features):
        return _State(last_us, reference, Gathered()), []
    first = rows[0]
    seconds = (first.end_us - first.start_us) / 1e6
    chosen = Chosen.of(first.floor, first.chosen, len(profile.features))
    results, gathered = gather(gathered, windows, profile, first.budget, chosen, seconds)
    points = [
        _point(row, status, value, extra)
        for row, (status, value, extra) in zip(rows, results(first.most), strict=True)
    ]
    found = [FoldedWindow(point, point.status != row.status) for row, point in zip(rows, points, strict=True)]
    return _State(last_us, reference, gathered), found


def _point(row: Row[Any], status: int, value: float, extra: str) -> ValuePoint:
    return ValuePoint(
        row.endpoint_id, row.application_name, row.start_us, row.end_us, SLOW_DRIFT, value, row.revision,
        int(ResultKindApp.data_drift), status, extra,
    )  # fmt: skip


def _fold_key(row: Row[Any]) -> tuple[Any, ...]:
    return (
        row.reference,
        row.budget,
        row.floor,
        row.end_us - row.start_us,
        row.most,
        len(row.values),
        row.chosen,
    )


def _has_sums(report: AppReport) -> bool:
    return report.answer is not None and report.answer.sums is not None


def _sums_row(report: AppReport) -> dict[str, Any]:
    assert report.answer is not None, "it has sums"
    sums = report.answer.sums
    assert sums is not None, "it has sums"
    return {
        **report.key._asdict(), "end_us": report.end_us, "revision": report.revision,
        "reference": sums.reference, "budget": sums.budget, "floor": sums.floor, "most": sums.most,
        "values": sums.values, "chosen": sums.chosen or None, "status": -1,
    }  # fmt: skip


def _locked(connection: Connection, pair: tuple[str, str]) -> _State:
    row = connection.execute(_STATE, _app(pair)).one_or_none()
    if row is None:
        insert_missing(connection, sum_states, [_state_values(pair, _State(NONE_US, "", Gathered()))])
        row = connection.execute(_STATE, _app(pair)).one()
    gathered = Gathered(np.frombuffer(row.state, dtype="<f8"), row.gathered, row.standing)
    return _State(row.start_us, row.reference, gathered)


def _known(connection: Connection, endpoint_ids: Collection[str]) -> set[tuple[str, str]]:
    """The endpoints and apps among these of which something was ever gathered."""
    query = select(sum_states.c.endpoint_id, sum_states.c.application_name)
    return {
        (endpoint_id, name)
        for chunk in chunks(sorted(endpoint_ids))
        for endpoint_id, name in connection.execute(query.where(sum_states.c.endpoint_id.in_(chunk)))
    }


def _state_values(pair: tuple[str, str], state: _State) -> dict[str, Any]:
    gathered = state.gathered
    return {
        "endpoint_id": pair[0], "application_name": pair[1], "start_us": state.start_us,
        "reference": state.reference, "state": gathered.state.astype("<f8").tobytes(),
        "gathered": gathered.windows, "standing": gathered.standing,
    }  # fmt: skip


def _app(pair: tuple[str, str]) -> dict[str, str]:
    return {"an_endpoint": pair[0], "an_app": pair[1]}


def _at(key: WindowKey) -> dict[str, Any]:
    return {**_app(key[:2]), "a_start": key.start_us}


def _said(point: ValuePoint) -> dict[str, Any]:
    return {**_at(point.key), "a_status": point.status}

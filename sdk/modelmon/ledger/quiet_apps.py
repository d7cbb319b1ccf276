"""Apps that raise no incidents where another one judges the same within an alarm budget."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, select

from modelmon.ledger.schema import apps, windows
from modelmon.ledger.window_ledger import watched
from modelmon.windows import FAILED

QUIET, BESIDE = "histogram-data-drift", "drift"
"""Thresholds that know no budget are quiet beside those that keep one."""
ALONE, NEVER = "alone", "never"
_JUDGED = (
    # Its answer may come later, to the same window: whichever of the two is quicker must not decide.
    select(windows.c.start_us)
    .where(
        windows.c.endpoint_id == bindparam("an_endpoint"), windows.c.application_name == BESIDE,
        windows.c.outcome != FAILED,
    )
    .limit(1)
)  # fmt: skip


def quiet_endpoints(connection: Connection, endpoint_ids: Collection[str], when: str) -> set[str]:
    """Those of these endpoints of which `QUIET` raises no incidents: `when` it may is alone, always or never
    (the setting `histogram_incidents`). A window that `BESIDE` was asked for counts, unless it failed."""
    if when != ALONE:
        return set(endpoint_ids) if when == NEVER else set()
    is_there = select(apps.c.name).where(apps.c.name == BESIDE, apps.c.active.is_(True))
    if not endpoint_ids or connection.execute(is_there).first() is None:
        return set()
    judged = (
        each.endpoint_id for each in watched(connection, endpoint_ids).values() if each.judged_by(BESIDE)
    )
    return {each for each in judged if connection.execute(_JUDGED, {"an_endpoint": each}).first()}


def quiet_apps(judging: Collection[str], when: str) -> frozenset[str]:
    """Of the apps that have judged an endpoint those whose verdicts are shown, and make it no worse.

    >>> quiet_apps({"drift", "histogram-data-drift"}, "alone"), quiet_apps({"histogram-data-drift"}, "alone")
    (frozenset({'histogram-data-drift'}), frozenset())
    """
    is_quiet = when == NEVER or (when == ALONE and BESIDE in judging)
    return frozenset({QUIET} if is_quiet else ())

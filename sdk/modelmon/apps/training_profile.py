"""The profile of the training set, also where a period was made the reference: what was fitted on its cells
knows no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.references import training_hash

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats import Profile

_HELD = HeldProfiles()  # by their hash, which never means another one


def training_profile(context: MonitoringApplicationContext) -> Profile | None:
    """None without a training set. Raises UnavailableError."""
    known, database = training_hash(context.model_endpoint), context.past_windows.database
    if known is None:
        return context.profile
    if not known or database is None:
        return None
    with database.read() as connection:
        return _HELD.named(connection, known)

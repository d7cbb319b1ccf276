"""The features of an endpoint as they are now: in the newest window that was judged whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modelmon.errors import StoreError, UnavailableError
from modelmon.ledger import endpoints
from modelmon.model import from_us, to_us
from modelmon.private_columns import is_private
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.features import FeatureView, read_features
from modelmon.views.whole_windows import newest_judged
from modelmon.views.window_features import read_window_features


@dataclass(frozen=True, slots=True)
class NewestFeatures:
    """The most changed first. `newer`: the start of a newer window, which was judged and is not whole."""

    features: tuple[FeatureView, ...]
    newer: datetime | None


def read_newest_features(
    database: Database, series: SeriesStore, settings: Settings, endpoint_id: str, now_us: int
) -> NewestFeatures:
    """Of a window that is not the one whose statistics are kept they are counted again from its rows. Where
    no window is whole, or its rows can't be read now, those whose statistics are kept."""
    with database.read() as connection:
        record = endpoints.get(connection, endpoint_id)
        judged = newest_judged(connection, settings, endpoint_id)
        kept = read_features(connection, endpoint_id, record)
    if record is None or judged.shown_us is None or (kept and _start_us(kept) == judged.shown_us):
        return NewestFeatures(_shown(settings, kept), None)
    try:
        found = read_window_features(
            database, series, settings, endpoint_id, from_us(judged.shown_us), now_us
        )
    except (StoreError, UnavailableError):  # the verdicts beside them don't need the samples
        return NewestFeatures(_shown(settings, kept), None)
    is_newest = judged.newest_us is None or judged.newest_us == judged.shown_us
    return NewestFeatures(found.features, None if is_newest else from_us(judged.newest_us or 0))


def _start_us(kept: tuple[FeatureView, ...]) -> int:
    return to_us(kept[0].start_infer_time)


def _shown(settings: Settings, kept: tuple[FeatureView, ...]) -> tuple[FeatureView, ...]:
    return tuple(each for each in kept if not is_private(settings, each.feature))

"""What an endpoint is compared with: a period of its stored rows is made the reference, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modelmon.errors import ConfigError
from modelmon.ledger import outbox, references
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.references import TRAINING, KeptReference
from modelmon.ledger.window_ledger import project_period
from modelmon.model import Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.drift_files import file_segments
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.period_rows import PeriodRows, period_rows
from modelmon.model_monitoring.reference_profiles import judged_columns, profile_of, segment_columns
from modelmon.model_monitoring.training_sets import reference_rows
from modelmon.model_monitoring.whoever import whoever
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.settings import Settings
from modelmon.stores.samples import open_samples

MOST_VERSIONS = 100


@dataclass(frozen=True, slots=True)
class ReferenceVersion:
    """One version of what an endpoint is compared with: its training set, or a period from `start` to `end`.

    `warnings` are what is worth knowing of it, where it has just been made. `version` 0: nobody has ever made
    a period the reference.
    """

    endpoint: str
    version: int
    kind: str
    start: datetime | None
    end: datetime | None
    rows: int
    who: str
    at: datetime | None
    warnings: tuple[str, ...] = ()


def set_reference(
    settings: Settings, name: str, start: Time, end: Time = None, *, who: str = ""
) -> ReferenceVersion:
    """Make the stored rows of [start, end) what an endpoint is compared with; `end` is now unless given.

    Windows that are judged from now on are compared with it, incidents of data drift end, slow drift begins
    from nothing. Raises ConfigError for a period that can't be a reference, before anything has changed.
    """
    now = wall_clock_us()
    if start is None:
        raise ConfigError("start: missing; say from when on the rows are the reference")
    span = moment_us(start, "start", 0), moment_us(end, "end", now)
    if span[0] >= span[1]:
        raise ConfigError(f"the end must come after the start {start}, got {end or 'now'}")
    with opened(settings) as database:
        with database.read() as connection:
            endpoint = called(connection, name)
            minutes = project_period(connection, settings.base_period)
            drifted = references.drift_incidents(connection, endpoint.endpoint_id, span)
        found = period_rows(database, open_samples(settings), endpoint, span, settings.app_min_rows)
        profile, stats = _made_of(endpoint, found, minutes, file_segments(settings, endpoint.name))
        with database.write() as connection:
            kept = references.make_reference(
                connection, endpoint.endpoint_id, span, found.table.num_rows, profile, stats,
                who or whoever(), now,
            )  # fmt: skip
            _end_incidents(settings, connection, endpoint, now)
    warnings = [*_warnings(endpoint, found, profile, minutes), *_drifted(drifted)]
    return _shown(endpoint.name, kept, warnings)


def undo_reference(settings: Settings, name: str, *, who: str = "") -> ReferenceVersion:
    """Bring back what an endpoint was compared with before the newest period; once more goes further back.

    Raises ConfigError where there is nothing to take back.
    """
    now = wall_clock_us()
    with opened(settings) as database, database.write() as connection:
        endpoint = called(connection, name)
        kept = references.take_back(connection, endpoint.endpoint_id, who or whoever(), now)
        _end_incidents(settings, connection, endpoint, now)
    return _shown(endpoint.name, kept)


def list_references(settings: Settings, name: str) -> tuple[ReferenceVersion, ...]:
    """What an endpoint is and was compared with, the newest (which counts) first, at most a hundred."""
    with opened(settings) as database, database.read() as connection:
        endpoint = called(connection, name)
        kept = references.versions(connection, endpoint.endpoint_id, MOST_VERSIONS)
    if kept and references.is_newest(kept[0], endpoint):
        return tuple(_shown(endpoint.name, each) for each in kept)
    rows = int(reference_rows(endpoint.feature_stats))
    training = ReferenceVersion(endpoint.name, 0, TRAINING, None, None, rows, "", None)
    return (training, *(_shown(endpoint.name, each) for each in kept))


def _made_of(
    endpoint: Endpoint, found: PeriodRows, minutes: int, segments: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    from modelmon.stats import describe

    stats = describe(found.table, found.names)
    apart = segment_columns(None, segments, judged_columns(stats))
    try:
        features = [name for name in found.names if name in endpoint.feature_names]
        profile = profile_of(found.table, found.names, found.when, minutes * 60.0, apart, compared=features)
    except ConfigError as error:
        raise ConfigError(str(error).replace("training_set: ", "reference: ")) from error
    return profile, stats


def _warnings(endpoint: Endpoint, found: PeriodRows, profile: str, minutes: int) -> list[str]:
    from modelmon.stats import calibration, profile_from_json

    said = []
    known = calibration(profile_from_json(profile), minutes * 60.0)
    if not known.may_detect:
        said.append(f"alarms will be potential at most: {known.why}; a longer period has more of them")
    if found.empty:
        said.append(f"no row has a value of {', '.join(found.empty)}: not judged while this is the reference")
    unnamed = sorted(set(endpoint.feature_stats) - {*found.names, *found.empty})
    if unnamed:
        said.append(f"the reference before had {', '.join(unnamed)} too, which the endpoint has no more")
    if found.step > 1:
        said.append(f"it has more rows than are needed: one of {found.step:,} was taken")
    return said


def _drifted(number: int) -> list[str]:
    if not number:
        return []
    found = "an incident of data drift lies" if number == 1 else f"{number} incidents of data drift lie"
    return [f"{found} in the period: what was drift then is usual now"]


def _end_incidents(settings: Settings, connection: Connection, endpoint: Endpoint, now_us: int) -> None:
    told = references.resolve_drift(connection, endpoint.endpoint_id, now_us)
    outbox.write(connection, [incident_fact(settings, each) for each in told], now_us)


def _shown(name: str, kept: KeptReference, warnings: Sequence[str] = ()) -> ReferenceVersion:
    start, end = (None if moment is None else from_us(moment) for moment in (kept.start_us, kept.end_us))
    at = from_us(kept.set_us)
    return ReferenceVersion(
        name, kept.version, kept.kind, start, end, kept.rows, kept.who, at, tuple(warnings)
    )

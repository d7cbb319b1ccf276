"""A context without project, stream or server, over frames at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from modelmon.apps.context import MonitoringApplicationContext
from modelmon.apps.sample_frames import is_arrow
from modelmon.errors import ConfigError
from modelmon.model import EPOCH, MICROSECOND, Endpoint, Window, endpoint_id_of
from modelmon.settings import Settings
from modelmon.stats import describe
from modelmon.stats.frames import Column, as_frame, columns
from modelmon.wire.naming import as_registered

if TYPE_CHECKING:
    from modelmon.stats.frames import Frame

TIMESTAMP = "timestamp"


def offline_context(
    application_name: str,
    sample: Frame,
    reference: Frame | Mapping[str, Any] | None = None,
    *,
    label_names: Sequence[str] = (),
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    window_incomplete: int = 0,
    settings: Settings | None = None,
) -> MonitoringApplicationContext:
    """The context of a window whose rows are `sample`, for an endpoint whose reference is `reference`."""
    settings = settings or Settings.load()
    label_names = [label_names] if isinstance(label_names, str) else label_names
    stats = _reference_stats(reference)
    sample = _placed(as_frame(sample), [*dict.fromkeys((*stats, *label_names))])
    names = [*stats] or [name for name, column in columns(sample).items() if not _is_time(name, column)]
    endpoint = Endpoint(
        endpoint_id=endpoint_id_of(settings.project, "evaluate", application_name),
        project=settings.project,
        name="evaluate",
        function_name="evaluate",
        feature_names=tuple(name for name in names if name not in label_names),
        label_names=tuple(label_names),
        feature_stats=stats,
    )
    return MonitoringApplicationContext(
        application_name,
        endpoint,
        _window(sample, start, end),
        lambda: sample,
        settings,
        window_incomplete=window_incomplete,
    )


def _placed(sample: Frame, names: Sequence[str]) -> Frame:
    """The sample with its columns under these names where case and separators alone differ, as live."""
    found = columns(sample)
    own = [name for name, column in found.items() if name != TIMESTAMP or not _is_time(name, column)]
    placed = dict(zip(own, as_registered(names, own), strict=True))
    renamed = [placed.get(name, name) for name in found]
    if renamed == list(found):
        return sample
    return sample.rename_columns(renamed) if is_arrow(sample) else sample.set_axis(renamed, axis=1)


def _reference_stats(reference: Frame | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if reference is None:
        return {}
    if isinstance(reference, Mapping):
        return reference
    return describe(reference)


def _window(sample: Frame, start: datetime | str | None, end: datetime | str | None) -> Window:
    if (start is None) != (end is None):
        raise ConfigError("give both start and end of the window, or neither")
    if start is None or end is None:
        start, end = _span(sample) or (EPOCH, EPOCH + timedelta(minutes=10))
    try:
        return Window(_utc(start), _utc(end))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _span(sample: Frame) -> tuple[datetime, datetime] | None:
    """From the first timestamp to just after the last, when the sample has a column of times."""
    column = columns(sample).get(TIMESTAMP)
    if column is None or not _is_time(TIMESTAMP, column) or column.missing == len(column):
        return None
    if is_arrow(column.data):
        import pyarrow.compute as pc

        first, last = (pc.min_max(column.data)[end].as_py() for end in ("min", "max"))
    else:
        first, last = column.data.min(), column.data.max()
    return (first, last + MICROSECOND) if isinstance(first, datetime) else None


def _is_time(name: str, column: Column) -> bool:
    """Whether this is when the rows were, and no feature that is called so: a number is one."""
    return name == TIMESTAMP and column.type_name.startswith(("timestamp", "datetime", "Timestamp"))


def _utc(moment: datetime | str) -> datetime:
    """A naive time is taken as UTC, as MLRun does; a pandas one becomes a plain datetime."""
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if not isinstance(read, datetime):
        raise ConfigError(f"start and end must be datetimes or ISO texts, got {moment!r}")
    if hasattr(read, "to_pydatetime"):
        read = read.to_pydatetime(warn=False)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)

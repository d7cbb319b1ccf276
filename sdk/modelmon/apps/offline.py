"""A context without project, stream or server, over frames at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from modelmon.apps.context import MonitoringApplicationContext
from modelmon.apps.sample_frames import is_arrow
from modelmon.apps.served_rows import served_sample
from modelmon.column_names import ACTUAL_PREFIX
from modelmon.errors import ConfigError
from modelmon.model import EPOCH, MICROSECOND, Endpoint, Window, endpoint_id_of
from modelmon.model_task import ModelTask
from modelmon.settings import Settings
from modelmon.stats import Profile, describe, profile, profile_of_stats
from modelmon.stats.frames import Column, as_frame, columns
from modelmon.stats.time_columns import only_time_column
from modelmon.wire.naming import as_registered

if TYPE_CHECKING:
    from modelmon.stats.frames import Frame
    from modelmon.stats.performance.reference import PerformanceReference

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
    task: ModelTask | None = None,
    segments: Sequence[str] = (),
) -> MonitoringApplicationContext:
    """The context of a window whose rows are `sample`, for an endpoint whose reference is `reference`."""
    settings = settings or Settings.load()
    whole = reference
    reference = _without_actuals(reference)
    label_names = [label_names] if isinstance(label_names, str) else label_names
    stats = _reference_stats(reference)
    sample = _placed(as_frame(sample), [*dict.fromkeys((*stats, *label_names))])
    names = [*stats] or [name for name, column in columns(sample).items() if _is_value(name, column)]
    endpoint = Endpoint(
        endpoint_id=endpoint_id_of(settings.project, "evaluate", application_name),
        project=settings.project,
        name="evaluate",
        function_name="evaluate",
        feature_names=tuple(name for name in names if name not in label_names),
        label_names=tuple(label_names),
        feature_stats=stats,
        policy={"task": task.to_json()} if task else {},
    )
    window = _window(sample, start, end)
    made = cache(lambda: _profile(reference, endpoint, window, segments))
    return MonitoringApplicationContext(
        application_name,
        endpoint,
        window,
        lambda: sample,
        settings,
        window_incomplete=window_incomplete,
        profile=made,
        performance=lambda: _performance(whole, task, made()),
        served=lambda: served_sample(sample, window, None if isinstance(reference, Mapping) else reference),
    )


def _without_actuals(reference: Frame | Mapping[str, Any] | None) -> Frame | Mapping[str, Any] | None:
    """What came true is no feature, and nothing that the model answers."""
    if reference is None or isinstance(reference, Mapping):
        return reference
    frame = as_frame(reference)
    names = [name for name in columns(frame) if name.startswith(ACTUAL_PREFIX)]
    if not names:
        return frame
    return frame.drop_columns(names) if is_arrow(frame) else frame.drop(columns=names)


def _performance(
    reference: Frame | Mapping[str, Any] | None, task: ModelTask | None, profile: Profile | None
) -> PerformanceReference | None:
    """As `log_model` makes it of answers in a training set; here the label is in `actual.<prediction>`."""
    from modelmon.stats.performance.reference import read_reference

    if task is None or reference is None or isinstance(reference, Mapping):
        return None
    when = only_time_column(columns(reference), ())
    return read_reference(reference, task, ACTUAL_PREFIX + task.actual, when, profile)


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


def _profile(
    reference: Frame | Mapping[str, Any] | None,
    endpoint: Endpoint,
    window: Window,
    segments: Sequence[str],
) -> Profile | None:
    """As `log_model` makes it of a training set; of statistics a coarse one."""
    if reference is None:
        return None
    if isinstance(reference, Mapping):
        return profile_of_stats(reference) if reference else None
    when = only_time_column(columns(reference), endpoint.label_names)
    seconds = (window.end - window.start).total_seconds()
    features = [name for name in endpoint.feature_names if name != when]
    return profile(
        reference, time_column=when, window_seconds=[seconds], compared=features,
        segments=segments, segment_seconds=seconds,
    )  # fmt: skip


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


def _is_value(name: str, column: Column) -> bool:
    return not _is_time(name, column) and not name.startswith(ACTUAL_PREFIX)


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

"""The profile of a training set: made where its rows are, checked where it comes to from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelmon.errors import ConfigError, no_such
from modelmon.stats import profile, profile_from_json, profile_to_json
from modelmon.stats.frames import Column, Frame
from modelmon.stats.profiling import SEGMENT_SECONDS, WINDOW_SECONDS
from modelmon.stats.time_columns import only_time_column


def profile_of(
    training_set: Frame,
    names: Sequence[str],
    time_column: str | None,
    window_seconds: float | None,
    segments: Sequence[str] = (),
    *,
    compared: Sequence[str],
) -> str:
    """The profile of these columns, as it is kept, and of the segments of some of them; whole rows are
    `compared` by some. Raises ConfigError for a time column without times."""
    lengths = sorted({*WINDOW_SECONDS, *([window_seconds] if window_seconds else [])})
    try:
        made = profile(
            training_set, features=names, time_column=time_column, window_seconds=lengths,
            compared=compared, segments=segments, segment_seconds=window_seconds or SEGMENT_SECONDS,
        )  # fmt: skip
    except ConfigError as error:
        raise ConfigError(f"training_set: {error}") from error
    return profile_to_json(made)


def judged_columns(stats: Mapping[str, Any]) -> list[str]:
    """The columns of described rows that have a profile."""
    return [name for name, each in stats.items() if each["kind"] != "other"]


def segment_columns(given: Any, of_file: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The columns whose values are profiled apart: those `given` to log_model, None: those that the drift
    file names and the training set has. Raises ConfigError for one that it has not."""
    if given is None:
        return tuple(name for name in of_file if name in known)
    if (
        isinstance(given, str)
        or not isinstance(given, Sequence)
        or not all(isinstance(each, str) for each in given)
    ):
        raise ConfigError(f"segments: must be a list of columns, got {given!r}")
    for name in given:
        if name not in known:
            raise no_such(f"segments: the training set has no feature {name!r}", name, known)
    return tuple(dict.fromkeys(given))


def check_profile(written: str) -> None:
    """Of a profile that was made elsewhere. Raises ConfigError for one that is damaged; "" is none."""
    if written:
        try:
            profile_from_json(written)
        except ConfigError as error:
            raise ConfigError(f"profile: {error}") from error


def time_column_of(found: Mapping[str, Column], named: str | None, predictions: Sequence[str]) -> str | None:
    """The column that says when each row was: the one `named`, else the only one of times; "" is none.

    Raises ConfigError for one that is not there, is a prediction or holds no times.
    """
    if named is None:
        return only_time_column(found, predictions)
    if not isinstance(named, str):
        raise ConfigError(f"time_column: must be a column's name, got {named!r}")
    if not named:
        return None
    if named not in found:
        raise no_such(f"time_column: the training set has no column {named!r}", named, found)
    if named in predictions:
        raise ConfigError(f"time_column: {named!r} is a label_column already")
    return named

"""A profile as JSON text, about 1 kB a feature, and back: what cannot be a profile is refused by name.

Format 2 differs from 1, which is still read, in that variances are texts and what is empty is left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.stats.level_shifts import STEPS, LevelShifts
from modelmon.stats.profile import (
    FeatureProfile,
    Kind,
    Profile,
    Segments,
    Stretches,
    StretchRepeats,
)
from modelmon.stats.shapes import SHAPES
from modelmon.stats.variance_text import variance_text, variances_of

Floats = NDArray[np.float64]
AtLeast0 = Annotated[float, Meta(ge=0)]
Above0 = Annotated[float, Meta(gt=0)]

FORMAT: Literal[2] = 2
Variances = list[list[AtLeast0] | str]
"""A line for each length of stretches: numbers, or the text of `variance_text`."""


class _Kept(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Base of what is kept: a key that is not known is refused."""


class _Shifts(_Kept, frozen=True):
    scale: Above0
    up: list[AtLeast0]
    down: list[Annotated[float, Meta(le=0)]]


class _Feature(_Kept, frozen=True):
    name: str
    kind: Kind
    counts: list[AtLeast0]
    edges: list[float] = []
    singles: list[float | None] = []
    categories: list[str] = []
    unlisted: AtLeast0 = 0.0
    shape_variance: Variances = []
    share_variance: Variances = []
    shifts: _Shifts | None = None


class _Repeats(_Kept, frozen=True):
    rows: Annotated[int, Meta(ge=0)]
    hits: Annotated[int, Meta(ge=0)]
    variance: AtLeast0


class _Stretches(_Kept, frozen=True):
    seconds: Above0
    number: Annotated[int, Meta(ge=1)]
    tails: dict[str, list[float]]
    repeats: _Repeats | None = None


class _Lines(_Kept, frozen=True):
    """What a segment knows of one feature, whose cells are those of the whole."""

    counts: list[AtLeast0]
    unlisted: AtLeast0 = 0.0
    shape_variance: Variances = []
    share_variance: Variances = []


class _Part(_Kept, frozen=True):
    rows: Annotated[int, Meta(ge=0)]
    features: list[_Lines]
    stretches: list[_Stretches] = []
    start_seconds: float | None = None
    end_seconds: float | None = None


class _Segments(_Kept, frozen=True):
    column: str
    values: list[str]
    parts: list[_Part]
    others: _Part | None = None
    rare: list[str] = []
    knows_all: bool = True


class _Profile(_Kept, frozen=True):
    format: Literal[1, 2]
    rows: Annotated[int, Meta(ge=0)]
    features: list[_Feature]
    stretches: list[_Stretches] = []
    start_seconds: float | None = None
    end_seconds: float | None = None
    is_coarse: bool = False
    unjudged: dict[str, str] = {}
    segments: list[_Segments] = []


def profile_to_json(profile: Profile) -> str:
    """The profile as one line of JSON; `profile_from_json` gives the same judgements.

    >>> import pyarrow as pa
    >>> from modelmon.stats import profile
    >>> profile_to_json(profile(pa.table({"city": ["a", "b"]})))[:58]
    '{"format":2,"rows":2,"features":[{"name":"city","kind":"ca'
    """
    kept = _Profile(
        format=FORMAT,
        rows=profile.rows,
        features=[_kept_feature(feature) for feature in profile.features],
        stretches=[_kept_stretches(stretches) for stretches in profile.stretches],
        start_seconds=profile.start_seconds,
        end_seconds=profile.end_seconds,
        is_coarse=profile.is_coarse,
        unjudged=dict(profile.unjudged),
        segments=[_kept_segments(each) for each in profile.segments],
    )
    return msgspec.json.encode(kept).decode()


def profile_from_json(text: str | bytes) -> Profile:
    """The profile that `profile_to_json` wrote; ConfigError says where a text is none."""
    try:
        kept = msgspec.json.decode(text, type=_Profile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"this is no profile of a training set, as profile_to_json writes it: {error}"
        ) from error
    made = Profile(
        tuple(_feature(feature, len(kept.stretches)) for feature in kept.features),
        kept.rows,
        tuple(_stretches(stretches) for stretches in kept.stretches),
        kept.start_seconds,
        kept.end_seconds,
        kept.is_coarse,
        kept.unjudged,
    )
    twice = next((name for name in made.names if made.names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"this is no profile: the feature {twice!r} is in it more than once")
    _check_times(made)
    return replace(made, segments=tuple(_segments(each, made) for each in kept.segments))


def _check_times(made: Profile) -> None:
    if made.stretches and not made.span_seconds > 0:
        raise ConfigError("this is no profile: it has stretches of time and no start and end of them")


def _kept_segments(segments: Segments) -> _Segments:
    others = None if segments.others is None else _kept_part(segments.others)
    parts = [_kept_part(part) for part in segments.profiles]
    return _Segments(
        segments.column, list(segments.values), parts, others, list(segments.rare), segments.knows_all
    )


def _kept_part(part: Profile) -> _Part:
    lines = [
        _Lines(
            _listed(each.counts),
            _short(each.unlisted) or 0.0,
            _lines_of(each.shape_variance),
            _lines_of(each.share_variance),
        )
        for each in part.features
    ]
    stretches = [_kept_stretches(each) for each in part.stretches]
    return _Part(part.rows, lines, stretches, part.start_seconds, part.end_seconds)


def _segments(kept: _Segments, whole: Profile) -> Segments:
    if len(kept.values) != len(kept.parts) or len(set(kept.values)) < len(kept.values):
        raise ConfigError(f"this is no profile: the segments of {kept.column!r} are not one a value")
    if kept.column not in whole.names:
        raise ConfigError(
            f"this is no profile: it has segments of {kept.column!r}, which is no feature of it"
        )
    others = None if kept.others is None else _part(kept.others, whole)
    parts = tuple(_part(part, whole) for part in kept.parts)
    return Segments(kept.column, tuple(kept.values), parts, others, tuple(kept.rare), kept.knows_all)


def _part(kept: _Part, whole: Profile) -> Profile:
    lengths = len(kept.stretches)
    if len(kept.features) != len(whole.features):
        raise ConfigError("this is no profile: a segment has not the features of the whole")
    features = [
        _lines(lines, feature, lengths) for lines, feature in zip(kept.features, whole.features, strict=True)
    ]
    stretches = tuple(_stretches(each) for each in kept.stretches)
    part = Profile(tuple(features), kept.rows, stretches, kept.start_seconds, kept.end_seconds)
    _check_times(part)
    return part


def _lines(kept: _Lines, feature: FeatureProfile, lengths: int) -> FeatureProfile:
    size = feature.counts.size
    fits = _fit(kept.shape_variance, len(SHAPES), lengths) and _fit(kept.share_variance, size, lengths)
    if len(kept.counts) != size or not fits:
        raise ConfigError(f"this is no profile: of the feature {feature.name!r} a segment has other cells")
    return replace(
        feature,
        counts=np.array(kept.counts, dtype=np.float64),
        unlisted=kept.unlisted,
        shape_variance=_variances(kept.shape_variance, len(SHAPES)),
        share_variance=_variances(kept.share_variance, size),
    )


def _kept_feature(feature: FeatureProfile) -> _Feature:
    shifts = feature.shifts
    table = None if shifts is None else _Shifts(shifts.scale, _listed(shifts.up), _listed(shifts.down))
    return _Feature(
        name=feature.name,
        kind=feature.kind,
        counts=_listed(feature.counts),
        edges=feature.edges.tolist(),
        singles=_singles(feature.singles),
        categories=list(feature.categories),
        unlisted=_short(feature.unlisted) or 0.0,
        shape_variance=_lines_of(feature.shape_variance),
        share_variance=_lines_of(feature.share_variance),
        shifts=table,
    )


def _kept_stretches(stretches: Stretches) -> _Stretches:
    tails = {f"{floor:g}": _listed(tail) for floor, tail in stretches.tails.items()}
    repeats = stretches.repeats
    kept = None if repeats is None else _Repeats(repeats.rows, repeats.hits, repeats.variance)
    return _Stretches(stretches.seconds, stretches.number, tails, kept)


def _stretches(kept: _Stretches) -> Stretches:
    try:
        tails = {float(floor): np.array(tail, dtype=np.float64) for floor, tail in kept.tails.items()}
    except ValueError as error:
        raise ConfigError(f"this is no profile: the tails of its stretches have no floor: {error}") from error
    repeats = kept.repeats
    if repeats is not None and repeats.hits > repeats.rows:
        raise ConfigError(f"this is no profile: {repeats.hits} of {repeats.rows} rows of stretches repeat")
    read = None if repeats is None else StretchRepeats(repeats.rows, repeats.hits, repeats.variance)
    return Stretches(kept.seconds, kept.number, tails, read)


def _feature(kept: _Feature, lengths: int) -> FeatureProfile:
    wrong = _what_is_wrong(kept, lengths)
    if wrong:
        raise ConfigError(f"this is no profile: of the feature {kept.name!r} {wrong}")
    shifts = kept.shifts
    singles = kept.singles or [None] * (len(kept.edges) - 1)
    table = None if shifts is None else LevelShifts(shifts.scale, np.array(shifts.up), np.array(shifts.down))
    return FeatureProfile(
        kept.name,
        kept.kind,
        np.array(kept.edges, dtype=np.float64),
        np.array([np.nan if value is None else value for value in singles], dtype=np.float64),
        tuple(kept.categories),
        np.array(kept.counts, dtype=np.float64),
        kept.unlisted,
        _variances(kept.shape_variance, len(SHAPES)),
        _variances(kept.share_variance, len(kept.counts)),
        table,
    )


def _what_is_wrong(kept: _Feature, lengths: int) -> str:
    """What keeps a feature from being one, in words; nothing where all is well."""
    is_numeric = kept.kind != "categorical"
    cells = len(kept.edges) - 1 if is_numeric else len(kept.categories)
    edges = np.array(kept.edges, dtype=np.float64)
    wrongs = {
        f"the counts are {len(kept.counts)}, of {cells} cells it has {cells + 3}": len(kept.counts)
        != cells + 3,
        f"the edges are {len(kept.edges)}, at least 4 are wanted": is_numeric and cells < 3,
        "the edges do not ascend": bool((np.diff(edges) <= 0).any()),
        "a cell has no place for its value": is_numeric and len(kept.singles) not in (0, cells),
        "a category is named twice": len(set(kept.categories)) < len(kept.categories),
        "it is categorical and has edges": not is_numeric and bool(kept.edges or kept.singles),
        "it is of numbers and has categories": is_numeric and bool(kept.categories),
        f"variances are not of {lengths} lengths of stretches": not (
            _fit(kept.shape_variance, len(SHAPES), lengths)
            and _fit(kept.share_variance, len(kept.counts), lengths)
        ),
        f"the level table has not {STEPS.size} steps": kept.shifts is not None
        and {len(kept.shifts.up), len(kept.shifts.down)} != {STEPS.size},
    }
    return next((words for words, is_wrong in wrongs.items() if is_wrong), "")


def _singles(values: Floats) -> list[float | None]:
    """The only value of each cell, None where it has several; nothing where all have."""
    if np.isnan(values).all():
        return []
    return [None if np.isnan(value) else _short(value) for value in values.tolist()]


def _lines_of(variances: Floats) -> Variances:
    texts = [variance_text(line) for line in variances]
    return [_listed(line) if text is None else text for text, line in zip(texts, variances, strict=True)]


def _variances(kept: Variances, size: int) -> Floats:
    lines = [variances_of(line, size) if isinstance(line, str) else line for line in kept]
    return np.array(lines, dtype=np.float64).reshape(len(kept), size)


def _fit(kept: Variances, size: int, lengths: int) -> bool:
    """Whether there is a line for each length of stretches, and a variance in it for each question."""
    return len(kept) == lengths and all(_fits(line, size) for line in kept)


def _fits(line: list[float] | str, size: int) -> bool:
    if not isinstance(line, str):
        return len(line) == size
    try:
        variances_of(line, size)
    except ValueError:
        return False
    return True


def _listed(values: Floats) -> list[float]:
    return [_short(value) for value in values.tolist()]


def _short(value: float) -> float:
    """Whole numbers without a point."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value

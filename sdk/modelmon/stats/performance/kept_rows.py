"""Rows of a reference that are kept, so that a metric nobody knew of can be measured on them later."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.stats.performance.rows import TaskRows

Floats = NDArray[np.float64]

MOST, MOST_NUMBERS = 5_000, 15_000
GROUPS = 100


@dataclass(frozen=True, slots=True)
class KeptRows:
    """`rows` of the reference, as many from each of `groups` stretches of it in the order of time; `groups`
    is 0 where nobody knows the order."""

    rows: TaskRows
    groups: int

    def group(self, number: int) -> TaskRows:
        """Those of one stretch."""
        length = len(self.rows) // self.groups
        return self.rows.at(np.arange(number * length, (number + 1) * length))

    def to_json(self) -> dict[str, Any]:
        """At most 80 kB: numbers of four bytes each."""
        score = self.rows.score
        columns = [self.rows.actual, self.rows.predicted, *([] if score is None else np.atleast_2d(score.T))]
        return {
            "classes": self.rows.classes, "groups": self.groups, "columns": len(columns),
            "rows": b64encode(np.stack(columns).astype("<f4").tobytes()).decode(),
        }  # fmt: skip


def kept_rows(rows: TaskRows, *, by_time: bool, seed: int = 0) -> KeptRows | None:
    """At most 5,000 of the rows whose actual has come; None where there are too few to say anything.

    By time an equal number is drawn from each of 100 stretches, without the rows are drawn from all.
    """
    wide = 1 if rows.score is None or rows.score.ndim == 1 else rows.score.shape[1]
    most = min(MOST, MOST_NUMBERS // (2 + wide))
    if len(rows) < GROUPS:
        return None
    random, groups = np.random.default_rng(seed), GROUPS if by_time else 1
    each = min(most, len(rows)) // groups
    parts = np.array_split(np.arange(len(rows)), groups)
    drawn = [np.sort(random.choice(part, each, replace=False)) for part in parts]
    return KeptRows(rows.at(np.concatenate(drawn)), groups if by_time else 0)


def from_json(found: Mapping[str, Any]) -> KeptRows:
    """The inverse of `to_json`; ConfigError for what is none."""
    try:
        classes, groups, wide = (int(found[name]) for name in ("classes", "groups", "columns"))
        numbers = np.frombuffer(b64decode(found["rows"], validate=True), "<f4").reshape(wide, -1)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"kept rows have classes, groups, columns and rows ({error!r})") from error
    actual, predicted, *scores = numbers.astype(np.float64)
    if groups < 0 or classes < 0 or (groups and actual.size % groups) or actual.size < GROUPS:
        raise ConfigError(f"kept rows are at least {GROUPS}, as many in each of their groups")
    score = None if not scores else scores[0] if len(scores) == 1 else np.stack(scores, axis=1)
    return KeptRows(TaskRows(actual, predicted, score, classes), groups)

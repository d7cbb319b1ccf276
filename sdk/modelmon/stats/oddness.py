"""How odd rows are: an isolation forest, and features that lie far from what their row lets one expect.

The forest sees rows that are unlike others in several features at once. It is nearly blind to one odd
feature of many, and to values that are usual alone but not together. So each feature's own score and its
surprise given all others are looked at as well, and a row is odd where either says so.
Source: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008; Noto, Brodley, Slonim, "FRaC: A Feature-Modeling
Approach for Semi-Supervised and Unsupervised Anomaly Detection", Data Mining and Knowledge Discovery 25,
2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.extras import missing
from modelmon.stats.beta_binomial import predicted_hits
from modelmon.stats.frames import Frame
from modelmon.stats.row_encoding import RowEncoding, encode_rows, joined, rows_of
from modelmon.stats.stretches import beyond_sampling

Floats = NDArray[np.float64]

SHARE = 0.01
"""Of the reference's own rows so many are called odd."""
TREES, DRAWN = 100, 256
STANDING, LEAST_BETWEEN = 0.02, 1e-6
"""One stretch in fifty may stand out; a variance is raised from this on."""
FIT_EVERY = 4
"""Of so many stretches one teaches what rows look like; the others say how odd usual rows are."""


@dataclass(frozen=True, slots=True, eq=False)
class OddRows:
    """Each row's oddness, from 1 on odd, with the scores and surprises (rows, features) behind it."""

    oddness: Floats
    scores: Floats
    surprises: Floats

    @property
    def hits(self) -> int:
        return int((self.oddness >= 1).sum())


@dataclass(frozen=True, slots=True, eq=False)
class OddnessModel:
    """What a reference teaches; `hits` of its `rows` are odd, and `between` is the variance of that share
    between stretches of time beside sampling, 0 where there is one stretch alone."""

    encoding: RowEncoding
    forest: Any
    limits: tuple[float, float]
    """Of the forest's score and of the farthest feature: what lies beyond is odd."""
    rows: int
    hits: int
    between: float
    stretches: int

    def look(self, frame: Frame) -> OddRows:
        """How odd these rows are. Missing and infinite values, and new categories, are values too."""
        scores, surprises, measures = _measures(self.encoding, self.forest, frame)
        ratios = measures / np.array(self.limits)
        return OddRows(ratios.max(1, initial=0.0), scores, surprises)


def learn_oddness(stretches: Sequence[Frame], names: Sequence[str], *, seed: int = 0) -> OddnessModel:
    """From the rows of a reference, one frame a stretch of time, of the features `names`.

    A quarter of the stretches teaches; of fewer than four a quarter of their rows. The others are held to it,
    so that what is said of them holds of rows that were not seen. The same rows give the same model. Raises
    ConfigError where scikit-learn is missing, or nothing can be learned.
    """
    taught, held = _parted(stretches)
    encoding = encode_rows(taught, names)
    if not encoding.features or not len(held[0]):
        raise ConfigError("the reference has no rows, or no feature that rows can be compared by")
    scores = encoding.scores(taught)
    forest = _forest(np.hstack([scores, encoding.surprises(scores)]), seed)
    every = _measures(encoding, forest, joined(held))[2]
    first, second = np.quantile(every, 1 - SHARE / 2, axis=0, method="higher")
    limits = float(max(first, 1e-9)), float(max(second, 1e-9))
    odd = (every >= np.array(limits)).any(1)
    between = _between(odd, [len(each) for each in held])
    return OddnessModel(encoding, forest, limits, len(every), int(odd.sum()), between, len(held))


def _between(odd: NDArray[np.bool_], sizes: Sequence[int]) -> float:
    """The variance of the share of odd rows between stretches of these sizes, beside sampling."""
    if len(sizes) < 2:
        return 0.0
    rows = np.array(sizes, dtype=np.float64)[:, None]
    hits = np.add.reduceat(odd.astype(np.float64), np.cumsum([0, *sizes[:-1]]))[:, None]
    share = hits.sum() / max(rows.sum(), 1.0)
    seen = beyond_sampling(hits / np.maximum(rows, 1) - share, rows, np.array([share * (1 - share)]))
    return _raised(float(seen[0]), hits[:, 0], rows[:, 0])


def _raised(between: float, hits: Floats, rows: Floats) -> float:
    """The variance raised until the stretches themselves would not stand out more often than they may: where
    odd rows come in clumps the tail is heavier than their variance alone says."""
    counts = list(zip(hits.astype(int).tolist(), rows.astype(int).tolist(), strict=True))
    whole = int(hits.sum()), int(rows.sum())
    while between < 1:
        tails = [predicted_hits(*each, *whole, alpha=STANDING, between=between).tail for each in counts]
        if sum(tail <= STANDING for tail in tails) <= STANDING * len(tails):
            break
        between = 2 * max(between, LEAST_BETWEEN)
    return between


def _parted(stretches: Sequence[Frame]) -> tuple[Frame, list[Frame]]:
    filled = [each for each in stretches if len(each)]
    if not filled:
        raise ConfigError("the reference has no rows")
    if len(filled) < FIT_EVERY:
        whole = joined(filled)
        places = np.arange(len(whole))
        return rows_of(whole, places[::FIT_EVERY]), [rows_of(whole, places[places % FIT_EVERY > 0])]
    return joined(filled[::FIT_EVERY]), [each for place, each in enumerate(filled) if place % FIT_EVERY]


def _forest(rows: Floats, seed: int) -> Any:
    try:
        from sklearn.ensemble import IsolationForest
    except ModuleNotFoundError as error:
        raise missing(error) or error from error
    return IsolationForest(n_estimators=TREES, max_samples=min(DRAWN, len(rows)), random_state=seed).fit(rows)


def _measures(encoding: RowEncoding, forest: Any, frame: Frame) -> tuple[Floats, Floats, Floats]:
    """Scores, surprises, and (rows, 2): what the forest says, and the farthest of scores and surprises."""
    scores = encoding.scores(frame)
    surprises = encoding.surprises(scores)
    both = np.hstack([scores, surprises])
    isolated = -forest.score_samples(both) if len(both) else np.zeros(0)
    return scores, surprises, np.stack([isolated, np.abs(both).max(1, initial=0.0)], axis=1)

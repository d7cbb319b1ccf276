"""Models whose truth is known: what they say, what comes true, and what may happen to either."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from modelmon.model_task import ModelTask, TaskKind
from tests.honesty.streams import Rng, Values

BINARY = ModelTask(TaskKind.binary, "late", ("chance",), "true")
SEVERAL = ModelTask(TaskKind.multiclass, "kind", ("p_a", "p_b", "p_c"), "", ("a", "b", "c"))
NUMBERS = ModelTask(TaskKind.regression, "delay")
CLASSES = np.array(["a", "b", "c"])
EFFECTS = np.array([1.2, -0.8, 0.5, 0.3, 0.0, 0.0])
"""Of the features x0 to x5 on the logit; the last two the model ignores."""
BASES = {0.3: -1.2, 0.01: -5.7}
"""The intercept by the base rate that it gives, nearly."""


def features(rng: Rng, rows: int, shift: Values | float = 0.0) -> Values:
    """Six features (rows, 6), the first five of them correlated by 0.3; `shift` in sigma, one a feature."""
    common = rng.standard_normal((rows, 1))
    own = rng.standard_normal((rows, EFFECTS.size))
    mixed = np.sqrt(0.7) * own + np.sqrt(0.3) * common
    mixed[:, -1] = own[:, -1]
    return mixed + shift


def _frame(inputs: Values, **answers: Values) -> pd.DataFrame:
    named = {f"x{place}": inputs[:, place] for place in range(inputs.shape[1])}
    return pd.DataFrame({**named, **answers})


def binary(
    rng: Rng, rows: int, *, base_rate: float = 0.3, shift: Values | float = 0.0, logit: float = 0.0,
    wrong: float = 0.0, mature: float = 1.0,
) -> pd.DataFrame:  # fmt: skip
    """A right model of two classes. `logit` moves the outcomes, `wrong` turns that share of them round."""
    inputs = features(rng, rows, shift)
    score = inputs @ EFFECTS + BASES[base_rate]
    came = rng.random(rows) < expit(score + logit)
    came ^= rng.random(rows) < wrong
    actual = pd.Series(came, dtype=object).where(rng.random(rows) < mature, None)
    # The cut that a model of a rare class would have: near its base rate.
    threshold = 0.5 if base_rate > 0.1 else 0.05
    said = expit(score)
    return _frame(inputs, late=said > threshold, chance=said, **{"actual.late": actual})


def several(rng: Rng, rows: int, *, shift: Values | float = 0.0, wrong: float = 0.0) -> pd.DataFrame:
    """A right model of three classes; `wrong` of the rows get any class."""
    inputs = features(rng, rows, shift)
    logits = np.stack([inputs @ EFFECTS, -0.5 * inputs @ EFFECTS, inputs[:, 1]], axis=1)
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    came = (rng.random((rows, 1)) > np.cumsum(chances, axis=1)).sum(axis=1)
    came = np.where(rng.random(rows) < wrong, rng.integers(0, 3, rows), np.minimum(came, 2))
    named = {f"p_{name}": chances[:, place] for place, name in enumerate(CLASSES)}
    return _frame(inputs, kind=CLASSES[chances.argmax(axis=1)], **named, **{"actual.kind": CLASSES[came]})


def numbers(
    rng: Rng, rows: int, *, shift: Values | float = 0.0, harder: float = 1.0, bias: float = 0.0,
    heavy: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """A right regression whose errors grow with x0; `heavy`: lognormal ones of mean 0, else normal."""
    inputs = features(rng, rows, shift)
    spread = 1 + norm.cdf(inputs[:, 0]) + 0.5 * norm.cdf(inputs[:, 2])
    noise = np.exp(rng.standard_normal(rows)) - np.exp(0.5) if heavy else rng.standard_normal(rows)
    said = 10 * (inputs @ EFFECTS)
    return _frame(inputs, delay=said, **{"actual.delay": said + bias + harder * spread * noise})


def timed(frame: pd.DataFrame, window_rows: int) -> pd.DataFrame:
    """The rows in order of time, so many an hour."""
    start = pd.Timestamp("2025-06-02", tz="UTC")
    seconds = np.arange(len(frame)) * (3600.0 / window_rows)
    return frame.assign(when=start + pd.to_timedelta(seconds, unit="s"))

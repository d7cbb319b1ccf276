"""Student's t distribution for whole degrees of freedom, in closed form."""

from __future__ import annotations

import math

_HALVINGS = 200


def student_tail(value: float, degrees: int) -> float:
    """The probability that Student's t with so many degrees of freedom is `value` or more, in [0, 1].

    Infinite values have 0 and 1. Below about 1e-15 the sum of cosines it stands on says nothing more. Raises
    ValueError for less than one degree and for NaN.

    >>> round(student_tail(2.776, 4), 4), student_tail(0, 7), student_tail(float("inf"), 1)
    (0.025, 0.5, 0.0)

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    if degrees < 1 or math.isnan(value):
        raise ValueError(f"t has at least one degree of freedom and a number, got {value} of {degrees}")
    if math.isinf(value):
        return 0.0 if value > 0 else 1.0
    angle = math.atan(abs(value) / math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    is_odd = degrees % 2 == 1
    term = cosine if is_odd else 1.0
    total = term if degrees > 1 or not is_odd else 0.0
    for step in range(3 if is_odd else 2, degrees - 1, 2):
        term *= (step - 1) / step * cosine * cosine
        total += term
    inside = 2 / math.pi * (angle + sine * total) if is_odd else sine * total
    outside = max(0.0, (1 - inside) / 2)
    return outside if value >= 0 else 1 - outside


def student_limit(alpha: float, degrees: int) -> float:
    """The value that t exceeds with probability `alpha`, in (0, 0.5].

    >>> round(student_limit(0.025, 4), 3)
    2.776
    """
    if not 0 < alpha <= 0.5:
        raise ValueError(f"alpha lies above 0 and is at most a half, got {alpha}")
    low, high = 0.0, 1.0
    while student_tail(high, degrees) > alpha and high < 1e12:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, degrees) > alpha else (low, middle)
    return high

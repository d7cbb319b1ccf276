"""Variances of two digits as text: most of a profile is made of them, and as numbers they would double it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ZERO = "."
_ALPHABET = "".join(chr(code) for code in range(33, 127) if chr(code) not in f'"\\{ZERO}')
LEAST_DIGITS, LEAST_POWER = 10, -60
_DIGITS = 90
_CODES = np.frombuffer(_ALPHABET.encode(), np.uint8)
_PLACE = np.full(256, -1)
_PLACE[_CODES] = np.arange(_CODES.size)


def variance_text(values: Floats) -> str | None:
    """A line of variances as text, None where one of them has more than two digits: `variances_of` is exact.

    Each is two characters, its digits (10 to 99) and its power of ten, or a point for 0. Points at the end
    are left out. Characters are those of ASCII from `!` on, but for the point, quotes and the backslash.

    >>> text = variance_text(np.array([0.0, 0.00012, 3e-7, 0.0]))
    >>> text, variances_of(text, 4).tolist()
    ('.$Z7W', [0.0, 0.00012, 3e-07, 0.0])
    >>> variance_text(np.array([0.123])) is None
    True
    """
    above = values > 0
    powers = np.zeros(values.size, dtype=np.intp)
    powers[above] = np.floor(np.log10(values[above])).astype(np.intp) - 1
    digits = np.rint(_times(values, -powers)).astype(np.intp)
    over = digits == 10 * LEAST_DIGITS
    digits[over], powers[over] = LEAST_DIGITS, powers[over] + 1
    places = np.stack([digits[above] - LEAST_DIGITS, powers[above] - LEAST_POWER], axis=1)
    if ((places < 0) | (places >= _DIGITS)).any():
        return None
    written = iter("".join(_ALPHABET[place] for place in pair) for pair in places.tolist())
    text = "".join(next(written) if is_above else ZERO for is_above in above.tolist()).rstrip(ZERO)
    return text if np.array_equal(variances_of(text, values.size), values) else None


def variances_of(text: str, size: int) -> Floats:
    """The `size` variances that `variance_text` wrote; ValueError for another text."""
    chars = np.frombuffer(text.encode("utf-8"), np.uint8)
    is_zero = chars == ord(ZERO)
    pairs = _PLACE[chars[~is_zero]]
    begins = is_zero.copy()
    begins[np.flatnonzero(~is_zero)[::2]] = True
    if pairs.size % 2 or ((pairs < 0) | (pairs >= _DIGITS)).any() or begins.sum() > size:
        raise ValueError(f"{text[:20]!r} is no text of {size} variances")
    digits, powers = pairs.reshape(-1, 2).T
    found = np.zeros(size)
    found[: begins.sum()][~is_zero[begins]] = _times(digits + float(LEAST_DIGITS), powers + LEAST_POWER)
    return found


def _times(values: Floats, powers: NDArray[np.intp]) -> Floats:
    """Values times a power of ten; exact up to 22, where a power is a whole number that a float holds."""
    sizes = 10.0 ** np.abs(powers)
    return np.where(powers < 0, values / sizes, values * sizes)

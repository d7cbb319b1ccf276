"""A window's counts as few bytes: what is kept of past windows, about 2 to 6 kB for a hundred features."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError
from modelmon.stats.profile import Profile

QUICK = 1
WIDTHS = (np.uint8, np.uint16, np.uint32, np.uint64)


def pack_counts(counts: ArrayLike, profile: Profile) -> bytes:
    """The counts (features, profile.width) that `cell_counts` made, each cell of each feature once.

    The first byte is how many bytes a number has, the rest is compressed.

    >>> import pyarrow as pa
    >>> from modelmon.stats import cell_counts, profile
    >>> made = profile(pa.table({"city": ["a", "b", "b"]}))
    >>> packed = pack_counts(cell_counts(pa.table({"city": ["b"]}), made), made)
    >>> unpack_counts(packed, made).tolist()
    [[0, 1, 0, 0, 0]]
    """
    cells = np.asarray(counts, dtype=np.int64)[_inside(profile)]
    kind = next(kind for kind in WIDTHS if cells.max(initial=0) <= np.iinfo(kind).max)
    numbers = cells.astype(np.dtype(kind).newbyteorder("<"))
    return bytes([numbers.itemsize]) + zlib.compress(numbers.tobytes(), QUICK)


def unpack_counts(packed: bytes, profile: Profile) -> NDArray[np.int64]:
    """The counts again; ConfigError for bytes that are none of this profile."""
    inside = _inside(profile)
    try:
        numbers = np.frombuffer(zlib.decompress(packed[1:]), dtype=f"<u{packed[0]}")
    except (zlib.error, TypeError, ValueError, IndexError) as error:
        raise ConfigError(f"counts of a past window can't be read: {error}") from error
    if numbers.size != inside.sum():
        raise ConfigError(
            f"counts of a past window are of {numbers.size} cells, this profile has {inside.sum()}"
        )
    counts = np.zeros(inside.shape, dtype=np.int64)
    counts[inside] = numbers
    return counts


def _inside(profile: Profile) -> NDArray[np.bool_]:
    """(features, width): which cells a feature has."""
    sizes = np.array([feature.counts.size for feature in profile.features], dtype=np.intp)
    return np.arange(profile.width) < sizes[:, None]

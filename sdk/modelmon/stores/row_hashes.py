"""Hashes of rows of requests, many at once: 64 bits that are the same on every machine.

Nobody is kept out by them. Where two rows have the same hash, both are looked at: the ids themselves decide.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

UInt64s = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]

WORD = 8
MOST_WORDS = 8
"""A longer id is hashed by itself: ids are 16 to 40 characters nearly always."""
_ROW, _LENGTH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


def row_hashes(request_ids: pa.Array, rows: Int64s) -> UInt64s:
    """The hash of each (request id, row); an absent id is an empty one.

    >>> found = row_hashes(pa.array(["a", "a", "b"]), np.array([0, 1, 0]))
    >>> len(set(found.tolist())), found[0] == row_hashes(pa.array(["a"]), np.array([0]))[0]
    (3, True)
    """
    return _mixed(_text_hashes(request_ids) ^ (rows.astype(np.uint64) * _ROW))


def _text_hashes(texts: pa.Array) -> UInt64s:
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string()).fill_null("")
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    offsets = np.frombuffer(texts.buffers()[1] or bytes(WORD), np.int64)
    starts, ends = (offsets[texts.offset + first :][: len(texts)] for first in (0, 1))
    lengths = ends - starts
    found = lengths.astype(np.uint64) * _LENGTH
    short = lengths <= MOST_WORDS * WORD
    for length in np.unique(lengths[short]).tolist():  # nearly always one
        places = np.flatnonzero(lengths == length)
        found[places] = _of_length(data, starts[places], length, found[places])
    for place in np.flatnonzero(~short).tolist():
        text = data[starts[place] : ends[place]].tobytes()
        found[place] = np.frombuffer(blake2b(text, digest_size=WORD).digest(), "<u8")[0]
    return found


def _of_length(data: npt.NDArray[np.uint8], starts: Int64s, length: int, found: UInt64s) -> UInt64s:
    """Texts of one length, a word of all of them after the other."""
    words = -(-length // WORD)
    padded = np.zeros((len(starts), words * WORD), np.uint8)
    for first in range(0, length, WORD):
        width = min(WORD, length - first)
        padded[:, first : first + width] = data[(starts + first)[:, None] + np.arange(width)]
    for word in padded.view("<u8").astype(np.uint64, copy=False).T:
        found = _mixed(found ^ word)
    return found


def _mixed(values: UInt64s) -> UInt64s:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014): each bit changes half of the others."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: UInt64s = values ^ (values >> np.uint64(31))
    return mixed


def pairs(
    keys: npt.NDArray[np.generic], asked: npt.NDArray[np.generic], most: int | None = None
) -> tuple[Int64s, Int64s]:
    """Every (place in `asked`, place in `keys`) of the same value; `keys` are sorted. With `most` no place in
    `asked` has more than one more than these.

    >>> [each.tolist() for each in pairs(np.array([1, 2, 2]), np.array([2, 5, 1]))]
    [[0, 0, 2], [1, 2, 0]]
    """
    left, right = np.searchsorted(keys, asked, "left"), np.searchsorted(keys, asked, "right")
    counts = right - left if most is None else np.minimum(right - left, most + 1)
    whose = np.repeat(np.arange(len(asked)), counts)
    within = np.arange(len(whose)) - np.repeat(np.cumsum(counts) - counts, counts)
    return whose, np.repeat(left, counts) + within

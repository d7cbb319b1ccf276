"""Buckets of time: as many as a picture shows, however long the span is."""

from __future__ import annotations

from modelmon.model import MINUTE_US

LENGTHS = tuple(
    minutes * MINUTE_US for minutes in (1, 5, 10, 30, 60, 180, 360, 720, 1_440, 2_880, 10_080, 40_320)
)
"""From a minute to four weeks; a span that takes more than these is cut in multiples of the longest."""


def bucket_us(start_us: int, end_us: int, most: int, least_us: int = MINUTE_US) -> int:
    """How long buckets are so that there are at most `most` of them in the span; they lie between multiples
    of their length, and none is shorter than `least_us`.

    >>> bucket_us(0, 24 * 60 * MINUTE_US, 300) // MINUTE_US, bucket_us(0, 60 * MINUTE_US, 300) // MINUTE_US
    (5, 1)
    """
    for length_us in LENGTHS:
        if length_us >= least_us and _buckets(start_us, end_us, length_us) <= most:
            return length_us
    longest = LENGTHS[-1]
    return longest * -(-_buckets(start_us, end_us, longest) // max(1, most - 1))


def _buckets(start_us: int, end_us: int, length_us: int) -> int:
    return -(-end_us // length_us) - start_us // length_us

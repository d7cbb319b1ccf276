"""The newest stored rows of a span: so many fit into memory, however much was ever stored.

A model is fitted on what the world is like now, so it is the oldest rows that are left out, and none between.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelmon.errors import ConfigError
from modelmon.model import Endpoint
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.thinned_rows import MOST_ROWS, MOST_VALUES
from modelmon.settings import Settings
from modelmon.stores.listing import ListedFile, list_paths


def check_most(most: int | None, endpoint: Endpoint) -> int:
    """How many rows are read where `most` are asked for. Raises ConfigError for what is no such number."""
    if most is None:
        columns = len(endpoint.feature_names) + 2 * len(endpoint.label_names)
        return max(1, min(MOST_ROWS, MOST_VALUES // max(1, columns)))
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ConfigError(f"most: must be a whole number of rows, 1 or more, got {most!r}")
    return most


def newest_from(
    settings: Settings, endpoint: Endpoint, span_us: tuple[int, int], most: int
) -> tuple[int, int]:
    """From when on [start, end) has so many rows, and a few more; and how many it has in all, about."""
    with opened(settings) as database, database.read() as connection:
        listed = list_paths(connection, endpoint.endpoint_id, *span_us)
    return max(span_us[0], _beginning(listed, span_us[1], most)), sum(file.rows for file in listed)


def _beginning(listed: Sequence[ListedFile], end_us: int, most: int) -> int:
    """0 where there are not so many. Rows of a file that reaches past the end may lie there, all of them.

    >>> files = [ListedFile(str(first), first, first + 9, 10, True) for first in (0, 10, 20)]
    >>> [_beginning(files, 30, most) for most in (5, 10, 11, 31)], _beginning(files, 25, 10)
    ([20, 20, 10, 0], 10)
    """
    held = 0
    for file in sorted(listed, key=lambda each: each.min_us, reverse=True):
        held += file.rows * (file.max_us < end_us)
        if held >= most:
            return file.min_us
    return 0

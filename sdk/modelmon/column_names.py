"""The names of the columns of a samples file, and how a feature or prediction of any name gets one.

On disk a few names are ours: the time, the metadata of each row and the keys of the folder layout. A
feature of such a name is stored as `feature.<name>`, a prediction as `label.<name>`, which is what MLRun
calls it. So is one whose name is empty or itself begins with either prefix: every stored name leads back to
exactly one original.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from modelmon.errors import RejectedError

TIMESTAMP = "timestamp"
METADATA_COLUMNS = (
    "endpoint_id", "request_id", "latency", "labels", "metrics", "entities", "effective_sample_count",
    "estimated_prediction_count", "stream_partition", "stream_offset", "event_item", "event_row",
)  # fmt: skip
FOLDER_KEYS = ("key", "year", "month", "day", "hour")
RESERVED = frozenset((TIMESTAMP, *METADATA_COLUMNS, *FOLDER_KEYS))
"""Reserved in any case of letters: DuckDB and others don't tell `Hour` from `hour`."""
ROW_ORDER = (TIMESTAMP, "stream_partition", "stream_offset", "event_item", "event_row")
"""The order of the rows of a sample; from the second on also a row's identity within one stream."""
IDENTITY = ("request_id", *ROW_ORDER[1:])
"""What actuals know a row by: its request and row, or its place."""
LONGEST_NAME = 240  # characters; the ledger's columns for stored names hold 255

Kind = Literal["feature", "prediction"]
PREFIXES: dict[Kind, str] = {"feature": "feature.", "prediction": "label."}
_FIELDS: dict[Kind, str] = {"feature": "feature_names", "prediction": "label_names"}
METADATA_PREFIX = "metadata."
ACTUAL_PREFIX = "actual."
"""Before the name of a prediction: what came true for it."""
_OURS = frozenset((TIMESTAMP, *METADATA_COLUMNS))


def stored_name(name: str, kind: Kind) -> str:
    """The column that a feature or prediction of this name is stored in.

    Raises RejectedError for a name that no column can have: longer than 240 characters, with a NUL
    character, or not Unicode text.

    >>> stored_name("hour", "feature"), stored_name("Latency", "prediction")
    ('feature.hour', 'label.Latency')
    """
    if name.lower() in RESERVED or not name or name.startswith(tuple(PREFIXES.values())):
        return PREFIXES[kind] + _checked(name, kind)
    return _checked(name, kind)


def original_name(column: str) -> str:
    """The name that a stored column had before it was stored.

    >>> original_name("feature.hour"), original_name("pressure")
    ('hour', 'pressure')
    """
    for prefix in PREFIXES.values():
        if column.startswith(prefix):
            return column.removeprefix(prefix)
    return column


def returned_names(columns: Sequence[str]) -> dict[str, str]:
    """The name that a reader gives each stored column: the one it had before it was stored.

    Where two would be called the same, the feature has the name, the prediction stays `label.<name>`, and
    our own column is `metadata.<name>`.

    >>> returned_names(["timestamp", "feature.latency", "delay", "label.delay", "latency"])
    {'timestamp': 'timestamp', 'feature.latency': 'latency', 'delay': 'delay', 'label.delay': 'label.delay', \
'latency': 'metadata.latency'}
    """
    returned: dict[str, str] = {}
    taken: set[str] = set()
    for column in sorted(columns, key=_precedence):
        name, prefix = original_name(column), METADATA_PREFIX
        if column.startswith(PREFIXES["prediction"]):
            prefix = PREFIXES["prediction"]
        while name in taken:
            name = prefix + name
        returned[column] = name
        taken.add(name)
    return {column: returned[column] for column in columns}


def _precedence(column: str) -> int:
    if column in _OURS:
        return 2
    return 1 if column.startswith(PREFIXES["prediction"]) else 0


def stored_names(
    feature_names: Sequence[str], prediction_names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of an endpoint's features and predictions, in order.

    A prediction that has a feature's name is stored as `label.<name>`. Raises RejectedError for a name that
    stands twice among the features or twice among the predictions, and where `stored_name` does.

    >>> stored_names(["hour", "delay"], ["delay"])
    (('feature.hour', 'delay'), ('label.delay',))
    """
    _check_unique(feature_names, "feature")
    _check_unique(prediction_names, "prediction")
    features = tuple(stored_name(name, "feature") for name in feature_names)
    taken = frozenset(features)
    predictions = (stored_name(name, "prediction") for name in prediction_names)
    return features, tuple(PREFIXES["prediction"] + name if name in taken else name for name in predictions)


def _checked(name: str, kind: Kind) -> str:
    if len(name) > LONGEST_NAME:
        raise RejectedError(
            f"a {kind}'s name has at most {LONGEST_NAME} characters, got {len(name)}: {name[:40]!r}…",
            _FIELDS[kind],
        )
    if "\0" in name or not _is_text(name):
        raise RejectedError(f"a {kind}'s name is Unicode text without NUL, got {name!r}", _FIELDS[kind])
    return name


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write
        return False
    return True


def _check_unique(names: Sequence[str], kind: Kind) -> None:
    if len(set(names)) < len(names):
        (twice, _), *_ = Counter(names).most_common(1)
        raise RejectedError(f"two {kind}s are called {twice!r}; names must differ", _FIELDS[kind])

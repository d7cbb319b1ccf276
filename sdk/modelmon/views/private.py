"""Columns that are shown nowhere: whatever shows a column, or values of one, asks here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

import msgspec

from modelmon.column_names import METADATA_PREFIX, original_name
from modelmon.settings import Settings
from modelmon.views.results_in_words import extra_data

Value = TypeVar("Value")
NOT_SHOWN = "not shown: it may hold columns that are private (setting `private`)"


def private_patterns(settings: Settings) -> tuple[str, ...]:
    """The names and patterns of the setting."""
    return tuple(filter(None, re.split(r"[,\s]+", settings.private)))


def is_private(settings: Settings, column: str) -> bool:
    """Whether this column, by its own name or the one it is stored under, is shown nowhere.

    >>> settings = Settings(private="email, *_name")
    >>> [is_private(settings, each) for each in ("email", "feature.email", "last_name", "age")]
    [True, True, True, False]
    """
    names = {column, original_name(column), column.removeprefix(METADATA_PREFIX)}
    return any(fnmatchcase(name, pattern) for pattern in private_patterns(settings) for name in names)


def without_private(settings: Settings, columns: Mapping[str, Value]) -> dict[str, Value]:
    """What may be shown of these, by column."""
    return {name: value for name, value in columns.items() if not is_private(settings, name)}


def shown_body(settings: Settings, body: str) -> str:
    """A message as it may be shown: where there are private columns not at all, since a message names its
    values by their place."""
    return NOT_SHOWN if private_patterns(settings) else body


def shown_extra(settings: Settings, text: str) -> str:
    """The extra data of a result without the names and scores of private columns.

    >>> shown_extra(Settings(private="email"), '{"feature":"email","features":{"age":1,"email":2}}')
    '{"features":{"age":1}}'
    """
    if not private_patterns(settings) or not (known := extra_data(text)):
        return text
    if isinstance(known.get("feature"), str) and is_private(settings, known["feature"]):
        del known["feature"]
    if isinstance(known.get("features"), Mapping):
        known["features"] = without_private(settings, known["features"])
    return msgspec.json.encode(known).decode()

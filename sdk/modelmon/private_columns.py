"""Columns that are shown nowhere: whatever shows a column, or values of one, asks here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import msgspec

from modelmon.column_names import ACTUAL_PREFIX, METADATA_PREFIX, original_name
from modelmon.settings import Settings

Value = TypeVar("Value")
NOT_SHOWN = "not shown: it may hold columns that are private (setting `private`)"
PRIVATE = "(private)"
_WORD = re.compile(r"[^\s'\"`,:;()\[\]{}<>=|]+")
_GOT = re.compile(r"\b(got) .*", re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_ERROR = re.compile(r"([A-Za-z_][\w.]*)(?=:|$)")


def private_patterns(settings: Settings) -> tuple[str, ...]:
    """The names and patterns of the setting."""
    return tuple(filter(None, re.split(r"[,\s]+", settings.private)))


def is_private(settings: Settings, column: str) -> bool:
    """Whether this column, by its own name or the one it is stored under, is shown nowhere.

    >>> settings = Settings(private="email, *_name")
    >>> [is_private(settings, each) for each in ("email", "actual.email", "feature.email", "age")]
    [True, True, True, False]
    """
    own = column.removeprefix(ACTUAL_PREFIX)
    names = {column, own, original_name(own), column.removeprefix(METADATA_PREFIX)}
    return any(fnmatchcase(name, pattern) for pattern in private_patterns(settings) for name in names)


def without_private(settings: Settings, columns: Mapping[str, Value]) -> dict[str, Value]:
    """What may be shown of these, by column."""
    return {name: value for name, value in columns.items() if not is_private(settings, name)}


def shown_body(settings: Settings, body: str) -> str:
    """A message as it may be shown: where there are private columns not at all, since a message names its
    values by their place."""
    return NOT_SHOWN if private_patterns(settings) else body


def shown_error(settings: Settings, text: str) -> str:
    """What an app or a model said when it failed: where there are private columns only the kind of error,
    since nobody knows whether its text holds a value of theirs.

    >>> shown_error(Settings(private="email"), "KeyError: 'email'")
    'KeyError: not shown: it may hold columns that are private (setting `private`)'
    """
    if not text or not private_patterns(settings):
        return text
    kind = _ERROR.match(text)
    return f"{kind[0]}: {NOT_SHOWN}" if kind and kind[0] != text else NOT_SHOWN


def shown_reason(settings: Settings, text: str) -> str:
    """Why we set a message aside, or a field of it: without the names of private columns and, where there
    are any, without what stood in its place.

    >>> shown_reason(Settings(private="email"), "inputs[0].email must be a number, got 'a@b.org'")
    'inputs[0].(private) must be a number, got (private)'
    """
    if not private_patterns(settings):
        return text
    without_values = _GOT.sub(rf"\1 {PRIVATE}", text)
    return _masked(settings, _QUOTED.sub(PRIVATE, without_values))


def shown_extra(settings: Settings, text: str) -> str:
    """The extra data of a result without the names and scores of private columns; what is no JSON object is
    what an app said when it failed.

    >>> shown_extra(Settings(private="email"), '{"feature":"email","features":{"age":1,"email":2}}')
    '{"features":{"age":1}}'
    """
    if not text or not private_patterns(settings):
        return text
    try:
        known = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return shown_error(settings, text)
    return msgspec.json.encode(_without(settings, known)).decode()


def _without(settings: Settings, value: Any) -> Any:
    """JSON without private keys and names, however deep."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if not _names_private(settings, name, each)}
        return {name: _without(settings, each) for name, each in kept.items()}
    if isinstance(value, list):
        return [_without(settings, each) for each in value if not _names_private(settings, "", each)]
    return _masked(settings, value) if isinstance(value, str) else value


def _names_private(settings: Settings, name: str, value: object) -> bool:
    return is_private(settings, name) or (isinstance(value, str) and is_private(settings, value))


def _masked(settings: Settings, text: str) -> str:
    """Each name of a private column in a text, also as a part of a path, taken out."""

    def mask(word: re.Match[str]) -> str:
        if is_private(settings, word[0]):
            return PRIVATE
        parts = word[0].split(".")
        return ".".join(PRIVATE if is_private(settings, part) else part for part in parts)

    return _WORD.sub(mask, text)

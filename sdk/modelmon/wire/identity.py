"""Ids and names on the wire: which are accepted, and how an endpoint is known that does not say its id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from modelmon.errors import RejectedError
from modelmon.model import ENDPOINT_ID, LONGEST_ID, UNKNOWN_ENDPOINT, endpoint_id_of

LONGEST_NAME = 255
LONGEST_TEXT = 512
"""Characters of a text that says who sent an event: senders are remembered, so none may be of any size."""
MOST_REMEMBERED = 64
"""Names of one event; sets of more are checked each time, so that what is remembered stays small."""
_FUNCTION_URI = re.compile(r"([^/:@\x00]{1,63})/([^/:@\x00]{1,255})(?::[^@]*)?(?:@.*)?", re.DOTALL)
_is_endpoint_id = ENDPOINT_ID.fullmatch


def shown(value: object) -> str:
    """A value as an error message shows it: on one line, cut where it gets long."""
    try:
        text = repr(value[:100] if isinstance(value, str | bytes) else value)
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 100 else f"{text[:97]}..."


def check_endpoint_id(value: object, field: str = "endpoint_id") -> str:
    """The id, or RejectedError."""
    if type(value) is str and _is_endpoint_id(value):
        return value
    raise RejectedError(f"must be 1 to {LONGEST_ID} letters, digits, '_' or '-', got {shown(value)}", field)


def check_name(value: object, field: str, longest: int = LONGEST_NAME) -> str:
    """A name that every store can hold: not empty, not too long, no NUL, no lone surrogate."""
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise RejectedError(f"must be a text of 1 to {longest} characters, got {shown(value)}", field)
    return check_text(value, field)


def check_text(value: str, field: str) -> str:
    """A text that every store can hold as a key or name; it may be empty."""
    if "\x00" in value:
        raise RejectedError(f"must not hold a NUL character, got {shown(value)}", field)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RejectedError(f"must not hold a lone surrogate, got {shown(value)}", field) from None
    return value


def check_names(names: tuple[str, ...], field: str) -> tuple[str, ...]:
    """The names of an event's columns, or RejectedError for a bad one or one that stands twice."""
    return _remembered(names, field) if len(names) <= MOST_REMEMBERED else _checked(names, field)


def _checked(names: tuple[str, ...], field: str) -> tuple[str, ...]:
    for name in names:
        check_name(name, field)
    if len(set(names)) < len(names):
        twice = first_repeated(names)
        raise RejectedError(f"{shown(twice)} stands twice; each column needs a name of its own", field)
    return names


_remembered = lru_cache(maxsize=1024)(_checked)  # events of one endpoint bring the same names


def first_repeated(names: Iterable[str]) -> str | None:
    """The first of these that was there before, None when they all differ.

    >>> first_repeated(["a", "b", "a"])
    'a'
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


@lru_cache(maxsize=4096)
def split_function_uri(function_uri: str) -> tuple[str, str]:
    """Project and function of "project/function[:tag][@hash]"; two empty texts for anything else.

    >>> split_function_uri("flights/serving:latest@25b301f8")
    ('flights', 'serving')
    """
    match = _FUNCTION_URI.fullmatch(function_uri)
    return (match[1], match[2]) if match else ("", "")


@lru_cache(maxsize=4096)
def derive_endpoint_id(function_uri: str, model: str, version: str) -> str:
    """The id of an event that carries none, as the model server and the SDK reckon it."""
    project, function = split_function_uri(function_uri)
    if not project:
        raise RejectedError(
            "missing, and function_uri does not tell it either: expected 'project/function', "
            f"got {shown(function_uri)}",
            "endpoint_id",
        )
    return endpoint_id_of(project, function, model, version)


def split_model(model: str, version: str) -> tuple[str, str]:
    """Model and version from the wire's `model` ("name" or "name:version") and `version`.

    >>> split_model("delay:v1", "")
    ('delay', 'v1')
    """
    if version or ":" not in model:
        return model.removesuffix(f":{version}") if version else model, version
    name, _, version = model.partition(":")
    return name, version


class Sender(NamedTuple):
    """Who sent an event, as far as it can be told: else the unknown endpoint and empty texts."""

    endpoint_id: str
    endpoint_name: str
    function_uri: str
    model_class: str
    version: str


def identify(
    endpoint_id: object, model: object, version: object, function_uri: object, class_name: object
) -> Sender:
    """The sender of an event that is rejected.

    Where nothing but the model's name is known, that alone makes the id: what is set aside is counted under
    the name that people look for.
    """
    name, version = split_model(_usable(model), _usable(version))
    found = endpoint_name_of(name, version) if name else ""
    if len(found) > LONGEST_NAME:
        found = name = ""
    uri = _usable(function_uri)
    return Sender(_rejected_id(endpoint_id, name, version, uri), found, uri, _usable(class_name), version)


def _rejected_id(endpoint_id: object, model: str, version: str, uri: str) -> str:
    try:
        return check_endpoint_id(endpoint_id)
    except RejectedError:
        if not model:
            return UNKNOWN_ENDPOINT
    return endpoint_id_of(*split_function_uri(uri), model, version)


def _usable(text: object) -> str:
    try:
        return check_text(text, "") if isinstance(text, str) and len(text) <= LONGEST_TEXT else ""
    except RejectedError:
        return ""


def endpoint_name_of(model: str, version: str) -> str:
    """The endpoint's name: the model's, or "name:version" when a version is set."""
    return f"{model}:{version}" if version else model

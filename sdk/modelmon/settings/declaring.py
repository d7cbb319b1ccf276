"""How a setting is declared: a field with its default, what it means and which values it takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import Field, field, fields
from typing import Any

from modelmon.errors import ConfigError


def setting(
    default: str | float,
    doc: str,
    *,
    section: str = "",
    least: float | None = None,
    most: float = float("inf"),
    choices: tuple[str, ...] = (),
    secret: bool = False,
    credential: bool = False,
) -> Any:
    """A setting of the type that its `default` has: text, a whole number, a number, or true and false.

    With a `section` it begins one of the reference page, which those after it belong to. A `secret` may hold
    a password or a key and is shown nowhere; a `credential` may also stand in the project's credentials.
    """
    metadata = {
        "doc": doc, "section": section, "least": least, "most": most, "choices": choices, "secret": secret,
        "credential": credential,
    }  # fmt: skip
    return field(default=default, repr=not secret, metadata=metadata)


def settings_of(declaring: Any) -> Iterable[Field[Any]]:
    """The settings that a dataclass declares, or those of an object of one."""
    return [entry for entry in fields(declaring) if "doc" in entry.metadata]


def type_of(entry: Field[Any]) -> type:
    """What a setting is: str, int, float or bool."""
    return type(entry.default)


def check(settings: Any) -> None:
    """ConfigError for a value that is out of its range or none of its choices."""
    for entry in settings_of(settings):
        _check(entry, getattr(settings, entry.name))


def converted(entry: Field[Any], value: Any) -> Any:
    """`value` as the setting's type. Raises ConfigError where that would be another value."""
    name, kind = entry.name, type_of(entry)
    if kind is bool:
        return _switch(name, value)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    if kind is str and value is None:
        return ""
    if entry.metadata["secret"]:  # as a number it would be another one: 0123 is 83
        raise ConfigError(f"{name}: expected str, got {type(value).__name__}; quote it")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{name}: expected {kind.__name__}, got {value!r}")
    try:
        found = kind(value)
        if kind is int and float(value) != found:
            raise ValueError("a part of a whole")
        return found
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{name}: expected {kind.__name__}, got {value!r}") from error


def _switch(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ConfigError(f"{name}: expected true or false, got {value!r}")


def _check(entry: Field[Any], value: Any) -> None:
    name, least, choices = entry.name, entry.metadata["least"], entry.metadata["choices"]
    if least is not None and not least <= value < float("inf"):
        raise ConfigError(f"{name}: must be a number of at least {least}, got {value!r}")
    if least is not None and value > entry.metadata["most"]:
        raise ConfigError(f"{name}: must be a number from {least} to {entry.metadata['most']}, got {value!r}")
    if choices and value not in choices:
        known = ", ".join(filter(None, choices)) + (" or empty" if "" in choices else "")
        raise ConfigError(f"{name}: must be one of {known}, got {value!r}")

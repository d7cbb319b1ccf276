"""What stands after the `?` of an address, as a struct with types.

`-` and `_` are alike. A list is a repeated name, one with commas, or names with numbers
(`name-1=a&name-2=b`), whose values are whole: our own forms and links write it so, since Nuclio keeps the
last of a repeated name. A time is ISO 8601 (UTC where it names no zone) or milliseconds since the epoch, as
MLRun's page sends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from modelmon.api.problems import Problem
from modelmon.errors import no_such, uncapitalized

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""A range before the one is a date still, and so is one after the other."""
Parameters = TypeVar("Parameters", bound=msgspec.Struct)


class NoParameters(msgspec.Struct, frozen=True):
    """A route that takes none."""


def read_parameters(kind: type[Parameters], pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Raises Problem 400 for a name that the route does not know, and for a value of another type."""
    hints = get_type_hints(kind)
    known = {field.encode_name.replace("_", "-"): field for field in msgspec.structs.fields(kind)}
    found: dict[str, Any] = {}
    numbered: dict[str, dict[float, str]] = {}
    for name, value in pairs:
        spelled = name.replace("_", "-")
        base, _, number = spelled.rpartition("-")
        if base in known and number.isdecimal() and _is_list(hints[known[base].name]):
            numbered.setdefault(base, {})[float(number)] = _text(name, value)
            continue
        if spelled not in known:
            raise Problem(400, str(no_such(f"there is no parameter {name!r}", spelled, known)), name)
        field, value = known[spelled], _text(name, value)
        if _is_list(hints[field.name]):
            found.setdefault(field.encode_name, []).extend(each for each in value.split(",") if each)
        elif value:  # an empty one is as good as none: forms send them
            found[field.encode_name] = _moment(name, value) if _is_time(hints[field.name]) else value
    for base, values in numbered.items():
        found.setdefault(known[base].encode_name, []).extend(
            values[each] for each in sorted(values) if values[each]
        )
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refused(str(error), found, hints) from None


def _refused(error: str, found: dict[str, Any], hints: dict[str, Any]) -> Problem:
    said, _, place = error.partition(" - at `$.")
    name = place.rstrip("`").partition("[")[0]
    if name not in found:
        return Problem(400, f"{name or 'parameters'}: {uncapitalized(said)}", name)
    given = found[name]
    if known := _known_values(hints.get(name)):
        return Problem(400, str(no_such(f"{name}: there is no {given!r}", str(given), known)), name)
    return Problem(400, f"{name}: {uncapitalized(said)}, got {given!r}", name)


def _text(name: str, value: str) -> str:
    if "\x00" in value:  # which databases take for a fault
        raise Problem(400, f"{name}: {value!r} has a character that no text has here", name)
    return value


def _moment(name: str, text: str) -> datetime:
    try:
        if text.lstrip("-").isdigit():
            found = datetime.fromtimestamp(int(text) / 1000, UTC)
        else:
            found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except (ValueError, OverflowError, OSError):
        raise Problem(
            400, f"{name}: {text!r} is no time; write 2026-11-30T08:00:00Z, or milliseconds since 1970", name
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not EARLIEST <= found < LATEST:
        raise Problem(400, f"{name}: {text!r} is not from {EARLIEST:%Y} to {LATEST.year - 1}", name)
    return found


def _known_values(hint: Any) -> list[str]:
    """Where only some may be given."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [str(each.value) for each in hint]
    return [str(each) for each in get_args(hint)] if get_origin(hint) is Literal else []


def _is_list(hint: Any) -> bool:
    return get_origin(hint) in (list, tuple)


def _is_time(hint: Any) -> bool:
    return hint is datetime or datetime in get_args(hint)

"""Columns of numbers without a text for each: eight bytes a number, all of them as one base64 text.

It is exact: floats keep their bits, whole numbers stay whole.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Literal, NamedTuple

import msgspec

from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.wire.decoding import refused
from modelmon.wire.identity import shown

_BYTES, _BASE64_BYTES = 8, 4 / 3
_CODES = {"float64": "d", "int64": "q"}
_NAMES = {code: name for name, code in _CODES.items()}
_CODES_OF: dict[type, str] = {float: "d", int: "q"}
PACKABLE = ("when_us", "microsec", "inputs", "outputs")
ONE_NUMBER = PACKABLE[:2]
"""Columns with one number for each event, a whole one; the others have rows."""


class Packed(msgspec.Struct, gc=False):
    """A packed column as it is read: `types` of the numbers of a row, and the rows, one after the other, each
    number little-endian."""

    types: tuple[Literal["float64", "int64"], ...]
    base64: bytes


class PackedRows(msgspec.Struct, frozen=True, gc=False):
    """Rows on their way into a packed column: a code of `struct` for each number of a row, and all bytes."""

    codes: str
    data: bytes

    def __len__(self) -> int:
        """About so many bytes in a message."""
        return round(len(self.data) * _BASE64_BYTES)


def pack(rows: Sequence[Any]) -> PackedRows | None:
    """The rows packed; None unless they are lists of one length, with nothing but 64-bit numbers, and the
    same type in the same place of each."""
    if len(rows) == 1 and type(rows[0]) is list:  # most requests
        return pack_numbers(rows[0], 1)
    if set(map(type, rows)) != {list} or len(set(map(len, rows))) != 1:
        return None
    return pack_numbers(list(chain.from_iterable(rows)), len(rows))


def pack_numbers(numbers: list[Any], rows: int) -> PackedRows | None:
    """The same for the numbers of so many rows, one row after the other."""
    types = tuple(map(type, numbers if rows == 1 else numbers[: len(numbers) // rows]))
    form = _form(types)
    if form is None or (rows > 1 and not _are_alike(numbers, types, rows)):
        return None
    try:
        if rows == 1:
            return PackedRows(form.codes, form.pack(*numbers))
        return PackedRows(form.codes, struct.pack(f"<{form.codes * rows}", *numbers))
    except struct.error:  # beyond 64 bits
        return None


def pack_ints(numbers: list[int | None]) -> PackedRows | None:
    """Rows of one whole number each; None where one is None."""
    try:
        return PackedRows("q", struct.pack(f"<{len(numbers)}q", *numbers))
    except struct.error:
        return None


class _Form(NamedTuple):
    """How a row of some types is packed."""

    codes: str
    pack: Callable[..., bytes]


# Rows of a model are alike.
@lru_cache(maxsize=256)
def _form(types: tuple[type, ...]) -> _Form | None:
    codes = [_CODES_OF.get(kind, "") for kind in types]
    if not codes or not all(codes):
        return None
    joined = "".join(codes)
    return _Form(joined, struct.Struct(f"<{joined}").pack)


def _are_alike(numbers: list[Any], types: tuple[type, ...], rows: int) -> bool:
    if len(set(types)) == 1:
        return set(map(type, numbers)) == {types[0]}
    return list(map(type, numbers)) == list(types) * rows


def packed_text(rows: Sequence[PackedRows]) -> bytes:
    """The JSON of a column of these rows, which have the same codes."""
    types = [_NAMES[code] for code in rows[0].codes]
    return msgspec.json.encode({"types": types, "base64": b"".join([each.data for each in rows])})


def unpack(rows: PackedRows) -> list[list[Any]]:
    """The rows as lists."""
    return list(map(list, struct.iter_unpack("<" + rows.codes, rows.data)))


def read_packed(column: dict[str, Any], name: str) -> list[Any]:
    """The list that a packed column stands for. Raises RejectedError for one that is broken."""
    field = f"events.{name}"
    try:
        packed = msgspec.convert(column, Packed)
    except msgspec.ValidationError as error:
        why = refused(error)
        raise RejectedError(why.reason, f"{field}.{why.field}" if why.field else field) from None
    except UnicodeEncodeError:
        raise RejectedError("must not hold a lone surrogate", field) from None
    check_packed(packed, field, is_one=name in ONE_NUMBER)
    return ints_of(packed) if name in ONE_NUMBER else rows_of(packed)


def packed_rows(packed: Packed) -> int:
    """How many rows has a column that was checked."""
    return len(packed.base64) // (_BYTES * len(packed.types))


def ints_of(packed: Packed) -> list[int]:
    """The whole numbers of a column that was checked, one a row."""
    return list(struct.unpack(f"<{packed_rows(packed)}q", packed.base64))


def rows_of(packed: Packed) -> list[list[Any]]:
    """The rows of a column that was checked, as lists."""
    # Not `struct.iter_unpack`: it remembers formats, and others decide how long these are.
    form = struct.Struct("<" + "".join([_CODES[kind] for kind in packed.types]))
    return list(map(list, form.iter_unpack(packed.base64)))


def check_packed(packed: Packed, field: str, *, is_one: bool) -> None:
    """RejectedError unless all rows are whole; `is_one`: each is one whole number."""
    types = packed.types
    if not types or (is_one and types != ("int64",)):
        wanted = 'be ["int64"]' if is_one else "name the type of each number of a row"
        raise RejectedError(f"must {wanted}, got {shown(list(types))}", f"{field}.types")
    if len(packed.base64) % (_BYTES * len(types)):
        raise RejectedError(
            f"must hold whole rows of {count(len(types), 'number')} of {_BYTES} bytes, got "
            f"{count(len(packed.base64), 'byte')}",
            f"{field}.base64",
        )


def told_rows(column: Any) -> int:
    """About so many rows of one number has a column that may be broken; 0 where it is none."""
    text = column.get("base64") if isinstance(column, dict) else None
    return int(len(text) / (_BYTES * _BASE64_BYTES)) if isinstance(text, str) else 0

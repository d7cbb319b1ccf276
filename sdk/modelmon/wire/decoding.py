"""JSON to checked values: msgspec where it can, a slower and more lenient parser where it can't."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Union

import msgspec

from modelmon.errors import RejectedError, uncapitalized
from modelmon.wire.identity import LONGEST_TEXT, shown

LARGEST_INTEGER = 2**63 - 1
DEEPEST = 8
"""Lists and objects inside each other, counted from `inputs` or `outputs`."""
MOST_SHORT_ELEMENTS, SHORT_BYTES = 1_000, 32
"""An array of more elements than this, of fewer bytes on average, holds no events: the shortest has 50."""

_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=LARGEST_INTEGER)]
Scalar: Any = Union[_Integer, float, str, bool, None]  # noqa: UP007 - `|` can't join an Annotated


def _nested(depth: int) -> Any:
    """JSON down to `depth`. Spelt out level by level, because what nests without end can't be stored."""
    cell = Scalar
    for _ in range(depth):
        cell = Union[Scalar, list[cell], dict[str, cell]]  # type: ignore[valid-type]  # noqa: UP007
    return cell


if TYPE_CHECKING:
    Cell = Any
    Shallow = Any
    Attributes = dict[str, Any] | None
    Text = str | None
else:
    Text = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)] | None
    Cell = _nested(DEEPEST)
    Shallow = _nested(DEEPEST // 2)
    Attributes = dict[str, Shallow] | None


class RawRequest(msgspec.Struct, gc=False):
    id: str | int | float | None = None
    inputs: Cell = None
    input_schema: tuple[str, ...] | None = None
    entities: Attributes = None


class RawResponse(msgspec.Struct, gc=False):
    id: str | int | float | None = None
    outputs: Cell = None
    output_schema: tuple[str, ...] | None = None


class RawPublisher(msgspec.Struct, gc=False):
    id: str
    number: int


class RawEvent(msgspec.Struct, gc=False):
    """Every field of every format that we look at; all others are skipped unread."""

    model: Text = None
    class_name: Text = msgspec.field(default=None, name="class")
    model_class: Text = None
    version: Text = None
    function_uri: Text = None
    endpoint_id: Text = None
    sampling_percentage: int | float | None = None
    effective_sample_count: int | None = None
    labels: Attributes = None
    metrics: Attributes = None
    request: RawRequest | None = None
    resp: RawResponse | None = None
    op: Text = None
    when: str | int | float | None = None
    microsec: int | float | None = None
    error: Shallow = None
    publisher: RawPublisher | None = None
    kind: str | None = None
    first_timestamp: str | int | float | None = None
    last_timestamp: str | int | float | None = None
    timestamp: str | int | float | None = None
    headers: Any = None
    values: Any = None


# Building these takes milliseconds, and a model server that only writes should not pay for it.
@cache
def _event_decoder() -> msgspec.json.Decoder[RawEvent]:
    return msgspec.json.Decoder(RawEvent)


_elements = msgspec.json.Decoder(list[msgspec.Raw])
_anything = msgspec.json.Decoder()
REFUSED = (msgspec.MsgspecError, ValueError, RecursionError)


def decode_event(body: bytes) -> RawEvent:
    """One event's fields, or RejectedError naming the one of a wrong type."""
    try:
        return _event_decoder().decode(body)
    except REFUSED:
        return convert_event(decode_leniently(body))


def convert_event(value: Any) -> RawEvent:
    """The fields of an event that is already a dict, or RejectedError."""
    try:
        return msgspec.convert(value, RawEvent)
    except msgspec.ValidationError as error:
        raise refused(error) from None
    except RecursionError:
        raise RejectedError("is nested too deeply") from None


def refused(error: msgspec.ValidationError) -> RejectedError:
    """The same error with the field that it speaks of."""
    reason, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").removeprefix(".")
    # Only the innermost level expects nothing but scalars.
    if "`bool | int | float | str | null`" in reason and ("`array`" in reason or "`object`" in reason):
        reason = f"is nested deeper than {DEEPEST} lists or objects"
    return RejectedError(uncapitalized(reason), field)


def decode_any(body: bytes) -> Any:
    """Any JSON value, with what Python's parser accepts beyond the standard (NaN, Infinity)."""
    try:
        return _anything.decode(body)
    except REFUSED:
        return decode_leniently(body)


def decode_leniently(body: bytes) -> Any:
    """The same by Python's own parser. An integer beyond 64 bits becomes the nearest float, and one
    beyond the floats its own digits; a lone surrogate can't be stored and is rejected."""
    value, may_hold_surrogates = parse_leniently(body)
    if may_hold_surrogates:
        refuse_surrogates(value)
    return value


def parse_leniently(body: bytes) -> tuple[Any, bool]:
    """The same without the last, and whether `refuse_surrogates` has to look."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_int=_read_integer)
    except UnicodeDecodeError as error:
        raise RejectedError(f"is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise RejectedError("is nested too deeply") from None
    except ValueError as error:
        raise RejectedError(f"is not JSON: {error}") from None
    return value, bool(_ESCAPED_SURROGATE.search(body))


def refuse_surrogates(value: Any) -> None:
    """RejectedError, with the place, where a text holds half a surrogate pair."""
    try:
        surrogate = _find_surrogate(value)
    except RecursionError:
        raise RejectedError("is nested too deeply") from None
    if surrogate is not None:
        path = "".join(reversed(surrogate)).lstrip(".")
        raise RejectedError("must not hold a lone surrogate", path or "(name)")


def decode_to_identify(body: bytes) -> Any:
    """As much as can be made of a message that was rejected; None when nothing can."""
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_int=_read_integer)
    except (ValueError, RecursionError):
        return None


def _read_integer(digits: str) -> int | float | str:
    if len(digits) <= 20:
        value = int(digits)
        if -(2**63) <= value <= LARGEST_INTEGER:
            return value
    number = float(digits)
    return number if math.isfinite(number) else digits


def _find_surrogate(value: Any) -> list[str] | None:
    """The steps to the first text or object that holds half a surrogate pair, the innermost first."""
    if isinstance(value, str):
        return None if value.isascii() or not _SURROGATE.search(value) else []
    for key, entry in _entries(value):
        if isinstance(key, str) and _SURROGATE.search(key):
            return []
        found = _find_surrogate(entry)
        if found is not None:
            # Spelt out on the way back only: a path for every element would be the square of a long name.
            found.append(f".{key}" if isinstance(key, str) else f"[{key}]")
            return found
    return None


def _entries(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# A text that never ends is one token up to the end of the message: it is not looked at anew from each quote.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


def split_array(body: bytes) -> list[bytes]:
    """The elements of a JSON array, each as it was written; RejectedError when it is no whole array.

    An element that is not JSON itself does not spoil its neighbours; but elements that are too many to be
    anything else than rubbish are not told apart.
    """
    try:
        elements = _elements.decode(body)
    except REFUSED:
        return _split_by_brackets(body.strip())
    check_elements(len(elements), len(body))
    return [bytes(element) for element in elements]


def check_elements(count: int, size: int) -> None:
    """RejectedError for so many elements in so few bytes that they can't be events."""
    if count > MOST_SHORT_ELEMENTS and size < count * SHORT_BYTES:
        raise RejectedError(
            f"holds {count:,} elements in {size:,} bytes, less than {SHORT_BYTES} each: they are no JSON "
            "objects of the kind that is read here"
        )


def _split_by_brackets(body: bytes) -> list[bytes]:
    depth, start, elements = 0, 1, []
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and mark == b",") or (depth == 0 and token.end() == len(body)):
            elements.append(body[start : token.start()].strip())
            start = token.end()
        elif depth == 0:
            break
    if start != len(body):
        raise RejectedError(f"is not a whole JSON array: {shown(body)}")
    check_elements(len(elements), len(body))
    return elements

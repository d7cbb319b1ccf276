"""How a view becomes JSON: the one place where its names and values are written for others to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from modelmon.model import to_us
from modelmon.wire import write_moment


def to_json(view: Any) -> Any:
    """Values that any JSON encoder takes, of a view or of anything made of views.

    A view becomes an object with the names of its fields, a time ISO 8601 of UTC as on the wire, a day its
    date.

    >>> from modelmon.model import from_us
    >>> to_json({"last_request": from_us(0), "states": ("no data",)})
    {'last_request': '1970-01-01 00:00:00.000000+00:00', 'states': ['no data']}
    """
    if view is None or (isinstance(view, str | int | float) and not isinstance(view, Enum)):
        return view
    if isinstance(view, datetime):
        return write_moment(to_us(view))
    if isinstance(view, date):
        return view.isoformat()
    if isinstance(view, Enum):
        return view.value
    if is_dataclass(view):
        return {field.name: to_json(getattr(view, field.name)) for field in fields(view)}
    if isinstance(view, Mapping):
        return {name: to_json(value) for name, value in view.items()}
    return [to_json(each) for each in view]

"""Events of actuals, as tests send them."""

from __future__ import annotations

from typing import Any

from modelmon.wire import Actuals, write_actuals
from streaming import ENDPOINT


def actuals(values: dict[str, Any], ids: tuple[str, ...] = ("r",), **fields: Any) -> bytes:
    """What came true for requests, by the name of the prediction."""
    rows = fields.pop("rows", [0] * len(ids))
    return write_actuals(Actuals(fields.pop("endpoint_id", ENDPOINT), values, list(ids), rows, **fields))


def of_entity(value: str, since_us: int, until_us: int | None = None, late: Any = 1, **fields: Any) -> bytes:
    """What came true for all predictions of an entity in a span."""
    until = [until_us or since_us + 1]
    entity = fields.pop("entity", "customer")
    return write_actuals(Actuals(ENDPOINT, {"late": [late]}, [], [], entity, [value], [since_us], until))

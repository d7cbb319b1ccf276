"""Models as endpoints know them: which serve a model, and the reference that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from modelmon.ledger.schema import endpoints
from modelmon.model import from_us

PAGE = 100


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One endpoint of a model. `reference_rows` is 0 without a reference; `inputs` are its features."""

    model_uri: str
    version: str
    model_class: str
    endpoint_id: str
    endpoint_name: str
    function_name: str
    reference_rows: int
    inputs: int
    predictions: tuple[str, ...]
    registered: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class ModelPage:
    """By model and endpoint; `after` asks for the next page, "" on the last one."""

    models: tuple[ServedModel, ...]
    after: str


def list_models(connection: Connection, limit: int = PAGE, after: str = "") -> ModelPage:
    """Endpoints in the order of their models; `after`: the id that the page before ended with."""
    order = (endpoints.c.model_uri, endpoints.c.name, endpoints.c.endpoint_id)
    query = select(endpoints).order_by(*order).limit(limit + 1)
    last = connection.execute(select(*order).where(endpoints.c.endpoint_id == after)).one_or_none()
    if last is not None:
        uri, name, number = order
        same_model = (uri == last[0]) & ((name > last[1]) | ((name == last[1]) & (number > last[2])))
        query = query.where((uri > last[0]) | same_model)
    rows = connection.execute(query).all()
    return ModelPage(
        tuple(map(_model, rows[:limit])), rows[limit - 1].endpoint_id if len(rows) > limit else ""
    )


def _model(row: Any) -> ServedModel:
    stats: Mapping[str, Any] = msgspec.json.decode(row.feature_stats or "{}")
    names: Any = msgspec.json.decode(row.feature_names or "[]")
    predictions: Any = msgspec.json.decode(row.label_names or "[]")
    rows = max((each.get("count") or 0 for each in stats.values() if isinstance(each, Mapping)), default=0)
    return ServedModel(
        row.model_uri, row.version, row.model_class, row.endpoint_id, row.name, row.function_name, int(rows),
        len(names), tuple(predictions), from_us(row.created_us), from_us(row.updated_us),
    )  # fmt: skip

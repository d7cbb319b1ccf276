"""When what an endpoint depends on came anew: its model, its reference, its function, the apps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from modelmon.ledger.deployments import FUNCTION, MODEL, REFERENCE, deployments
from modelmon.ledger.schema import endpoints, functions
from modelmon.model import from_us, to_us

MOST = 100
"""So many are read at once, the newest."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One of a model, a reference or a function (`kind`); `before` and `after` say what it was and is: "" of
    `before` is the first one, of `after` one that was taken away. `function_name` is "" of the others."""

    at: datetime
    kind: str
    function_name: str
    before: str
    after: str

    @property
    def short(self) -> str:
        """What came, in a word or two."""
        what = f"function {self.function_name}" if self.kind == FUNCTION else self.kind
        return f"{what} taken away" if not self.after else f"{what} anew" if self.before else f"first {what}"

    @property
    def words(self) -> str:
        """What came, and instead of what."""
        if not self.after:
            return f"{self.short}, was {self.before}"
        return f"{self.short}: {self.before} → {self.after}" if self.before else f"{self.short}: {self.after}"


def read_deployments(
    connection: Connection, endpoint_id: str, start: datetime, end: datetime, limit: int = MOST
) -> tuple[Deployment, ...]:
    """Of this endpoint, its function and the apps those in [start, end), in order; of many the newest."""
    columns = deployments.c
    mine = and_(columns.endpoint_id == endpoint_id, columns.kind.in_([MODEL, REFERENCE]))
    apps = select(functions.c.name).where(functions.c.kind == "app")
    served = select(endpoints.c.function_name).where(endpoints.c.endpoint_id == endpoint_id)
    of_functions = and_(
        columns.endpoint_id == "", columns.kind == FUNCTION,
        or_(columns.function_name.in_(apps), columns.function_name.in_(served)),
    )  # fmt: skip
    query = (
        select(deployments)
        .where(or_(mine, of_functions), columns.at_us >= to_us(start), columns.at_us < to_us(end))
        .order_by(columns.at_us.desc(), columns.deployment_id.desc())
        .limit(limit)
    )
    return tuple(map(_deployment, reversed(connection.execute(query).all())))


def _deployment(row: Row[Any]) -> Deployment:
    return Deployment(from_us(row.at_us), row.kind, row.function_name, row.before, row.after)

"""Endpoints of which somebody can say how right they are: before that, apps that ask for it sleep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from modelmon.ledger.actuals_schema import actual_counts
from modelmon.model_task import TaskKind


def is_awake(policy: Mapping[str, Any], performance_hash: str, actuals: int | None) -> bool:
    """Whether so many actuals of it found their prediction, or its model answers with a score, or its
    training set lets the error of a number be estimated.

    >>> is_awake({}, "", 0), is_awake({}, "", 1), is_awake({"task": {"score": ["chance"]}}, "", None)
    (False, True, True)
    """
    task = policy.get("task") or {}
    is_number = task.get("kind") == TaskKind.regression and bool(performance_hash)
    return bool(actuals or task.get("score") or is_number)


def actuals_of(connection: Connection, endpoint_id: str) -> int:
    """How many of its actuals found their prediction."""
    query = select(actual_counts.c.stored).where(actual_counts.c.endpoint_id == endpoint_id)
    return connection.scalar(query) or 0

"""What the outbox tells of challengers and of runs of jobs. Names and shapes are documented and stable."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from modelmon.ledger import endpoints, outbox
from modelmon.ledger.outbox import Fact


def challenger_fact(
    connection: Connection, number: int, model_key: str, endpoint_id: str, run_id: str, asked: str
) -> Fact:
    """That a challenger waits for a person. `asked` is what the run of a job was asked with that has logged
    it, as JSON; "": a person has."""
    body = {"challenger": number, "model": model_key, "run_id": run_id}
    return Fact(
        outbox.CHALLENGER_WAITS, endpoint_id, {**body, **_of_endpoint(connection, endpoint_id), **_why(asked)}
    )


def run_fact(
    connection: Connection, run_id: str, job: str, state: str, endpoint_id: str, asked: str,
    challenger: int | None,
) -> Fact:  # fmt: skip
    """That a run of a job has failed, or ran out of time; `challenger` is what it had logged before."""
    body = {"run_id": run_id, "job": job, "state": state, "challenger": challenger}
    return Fact(
        outbox.JOB_RUN_FAILED, endpoint_id, {**body, **_of_endpoint(connection, endpoint_id), **_why(asked)}
    )


def _of_endpoint(connection: Connection, endpoint_id: str) -> dict[str, str]:
    known = endpoints.get(connection, endpoint_id)
    return {"endpoint_id": endpoint_id, "endpoint_name": known.name if known else ""}


def _why(asked: str) -> dict[str, Any]:
    """Of which incident, and of which rule; 0 and "" where a person has asked."""
    said = msgspec.json.decode(asked) if asked else {}
    return {"incident_id": said.get("incident_id", 0), "rule": said.get("rule", "")}

"""What came true for predictions, as programs tell it."""

from __future__ import annotations

from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.bodies import read_body
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.errors import RejectedError
from modelmon.model_monitoring.actuals import LoggedActuals, Read, called_as_predictions, send_actuals
from modelmon.model_monitoring.endpoints import called
from modelmon.wire.actuals import KIND, RawActuals, read_actuals


class ActualsSent(RawActuals, kw_only=True, gc=False):
    """Of which endpoint, by name or id; the rest is as in the event: `request_ids` and `rows`, or `entity`,
    `entity_values`, `since` and `until`; and `columns` by the name of a prediction."""

    endpoint: str


def log(asked: Asked, parameters: object) -> LoggedActuals:
    sent = read_body(asked, ActualsSent)
    with asked.database.read() as connection:
        endpoint = called(connection, sent.endpoint)
    names = called_as_predictions(list(sent.columns), endpoint)
    sent.columns = {names[own]: values for own, values in sent.columns.items()}
    given: dict[str, Any] = {name: getattr(sent, name) for name in RawActuals.__struct_fields__}
    body = {"kind": KIND, "endpoint_id": endpoint.endpoint_id, KIND: _without_none(given)}
    try:
        found = read_actuals(msgspec.json.encode(body))
    except RejectedError as error:
        field = error.field.removeprefix(f"{KIND}.").removeprefix(KIND)
        raise Problem(400, error.reason, field) from None
    count = len(sent.request_ids or sent.entity_values or ())
    return send_actuals(asked.settings, asked.database, endpoint, Read(found, count - len(found)))


def _without_none(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


ROUTES = (
    Route(
        "POST", "/api/v1/projects/{project}/actuals", log,
        "Log what came true for predictions; answered once the events stream has it.", body=ActualsSent,
        role=Role.OPERATOR,
    ),
)  # fmt: skip

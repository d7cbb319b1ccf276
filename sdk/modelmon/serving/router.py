"""The models of one function behind their paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelmon.errors import RejectedError
from modelmon.serving import protocol
from modelmon.serving.inference import Clock, ModelFailureError, ServedModel
from modelmon.serving.protocol import Reply, Request

ID_HEADER = "mlrun-event-id"
PATH_HEADER = "mlrun-event-path"
INFERRING = ("POST", "PUT", "")
"""Methods of a request to a model. Others, as of a browser or a scanner, are no errors of the model."""


class Router:
    """Answers requests of the V2 protocol: 400 says what is wrong with one, 500 that a model failed."""

    def __init__(self, name: str, models: Sequence[ServedModel], clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._models = {served.name: served for served in models}
        # A name without its version leads to the model that has that name alone.
        names = [served.model.name for served in models]
        alone = {served.model.name: served for served in models if names.count(served.model.name) == 1}
        self._routes = alone | self._models

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        """(status, body, content type); `body` is bytes, text, or an already parsed dict."""
        headers = {name.lower(): value for name, value in headers.items()}
        path = headers.get(PATH_HEADER, path)
        try:
            if path == protocol.HEALTH or (path in ("", "/") and method in ("GET", "HEAD")):
                return protocol.answer({"name": self._name, "version": "v2", "extensions": []})
            return self._route(method, path, headers, body)
        except RejectedError as error:
            return protocol.text(400, str(error))
        except ModelFailureError as error:
            return protocol.text(500, str(error))

    def _route(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        name, op = protocol.read_target(path)
        if method in ("GET", "HEAD"):
            if not name:
                return protocol.answer({"models": list(self._models)})
            if op in ("", "ready"):
                return _ready(self._find(name)) if op else _describe(self._find(name))
        if method not in INFERRING and op in ("", *protocol.OPERATIONS):
            return protocol.text(405, f"{method} does not infer: use POST, got {method} {path}")
        served = self._find(name) if name else None
        request_id = headers.get(ID_HEADER) or self._clock.new_id()
        try:
            content = protocol.read_body(body, headers.get("content-type", ""))
        except RejectedError as error:
            if served:
                served.refuse(op or "infer", request_id, error)
            raise
        served = served or self._find(content.get("model"))
        op = op or content.get("operation") or "infer"
        if not isinstance(op, str):
            raise RejectedError(f"must be a text, got {op!r}", "operation")
        if op in protocol.OPERATIONS:
            return Reply(200, served.infer(content, op, content.get("id", request_id)), protocol.JSON)
        return _custom(served, op, Request(request_id, method, path, headers, content))

    def _find(self, name: Any) -> ServedModel:
        if name is None and self._models:
            return next(iter(self._models.values()))
        if not isinstance(name, str) or name not in self._routes:
            available = ", ".join(self._models) or "none"
            raise RejectedError(f"there is no model {name!r}; available are: {available}")
        return self._routes[name]


def _ready(served: ServedModel) -> Reply:
    return protocol.text(200, "model ready") if served.model.ready else protocol.text(408, "model not ready")


def _describe(served: ServedModel) -> Reply:
    model = served.model
    return protocol.answer(
        {
            "name": served.name,
            "model_endpoint_uid": model.model_endpoint_uid,
            "inputs": [{"name": name} for name in model.inputs],
            "outputs": [{"name": name} for name in model.outputs],
        }
    )


def _custom(served: ServedModel, op: str, request: Request) -> Reply:
    operation = getattr(served.model, f"op_{op}", None)
    if not callable(operation):
        raise RejectedError(f"illegal model operation {op!r}: {type(served.model).__name__} has no op_{op}")
    return served.custom(operation, request)

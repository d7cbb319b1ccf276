"""One request through one model: hooks in their order, the answer, the log."""

from __future__ import annotations

import logging
import os
import time
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelmon.errors import RejectedError
from modelmon.model import wall_clock_us
from modelmon.serving import protocol
from modelmon.serving.model_server import V2ModelServer
from modelmon.serving.recorder import Call, Recorder, Ticket
from modelmon.wire import write_moment
from modelmon.wire.naming import as_registered

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clock:
    """Where times and ids come from; a test gives its own."""

    now_us: Callable[[], int] = wall_clock_us
    timer_us: Callable[[], int] = lambda: time.perf_counter_ns() // 1000
    new_id: Callable[[], str] = lambda: os.urandom(16).hex()


FAILURES = (Exception, SystemExit, CancelledError)
"""What a model may raise; not the interrupt of a person who runs it by hand."""


TRACE_US, MOST_KINDS = 60_000_000, 1_000
MOST_SAID = 2_000
"""So many characters of an error's own text are logged: it may be all of the request."""


class ModelFailureError(Exception):
    """The model failed on a request that it had accepted; logged already, and fit for the caller."""


class ServedModel:
    """A loaded model with its name in the router and what logs its requests (None: nothing does)."""

    def __init__(self, name: str, model: V2ModelServer, recorder: Recorder | None, clock: Clock) -> None:
        self.name = name
        self.model = model
        self.recorder = recorder
        self._clock = clock
        self._traced: dict[str, int] = {}  # kind of error to when its traceback was last logged
        self._replaces_log = type(model).logged_results is not V2ModelServer.logged_results

    def infer(self, body: dict[str, Any], op: str, request_id: str) -> bytes:
        """The JSON answer to an infer, predict or explain request.

        Raises RejectedError for a bad request and ModelFailureError for a model that failed; both are
        logged as error events.
        """
        began_us = self._clock.timer_us()
        call = Call(op, request_id, self._clock.now_us())
        try:
            request = self._accepted(body, op)
        except FAILURES as error:
            raise self._refusal(call, body, error) from error
        ticket = self.recorder.take(request) if self.recorder else None
        try:
            outputs = self._outputs(request, op)
            response = self.model.postprocess(self._response(call, outputs))
            _check_outputs(response)
            answer = protocol.write_json(response)
        except FAILURES as error:
            raise self._failure(call, ticket or request, error) from error
        if self.recorder and ticket:
            latency_us = self._clock.timer_us() - began_us
            has_outputs = isinstance(response, dict) and "outputs" in response
            if has_outputs and not self._replaces_log:
                self.recorder.served(call, ticket, latency_us, answer, self.model.metrics)
            else:
                own = answer if has_outputs else {"outputs": outputs}
                self._log_replaced(call, ticket, latency_us, request, response, own)
        return answer

    def custom(
        self, operation: Callable[[protocol.Request], Any], request: protocol.Request
    ) -> protocol.Reply:
        """The reply of a model's own `op_…` method, which is never logged."""
        try:
            return protocol.answer(operation(request))
        except FAILURES as error:
            raise self._blamed(error) from error

    def refuse(self, op: str, request_id: str, error: RejectedError) -> None:
        """Log a request to this model whose body can't be read."""
        self._log_error(Call(op, request_id, self._clock.now_us()), {}, error)

    def _accepted(self, body: dict[str, Any], op: str) -> dict[str, Any]:
        model = self.model
        if not model.ready:
            raise RejectedError(f"model {self.name} is not ready")
        if op in protocol.DICT_OPERATIONS:
            body = rows_in_order(body, model.inputs, self.name)
        return model.validate(model.preprocess(body, op), op)

    def _outputs(self, request: dict[str, Any], op: str) -> Any:
        return self.model.explain(request) if op == "explain" else self.model.predict(request)

    def _response(self, call: Call, outputs: Any) -> dict[str, Any]:
        model = self.model
        explains = call.op == "explain"
        response = {"id": call.id, "model_name": self.name if explains else model.name, "outputs": outputs}
        if not explains:
            response["timestamp"] = write_moment(call.start_us)
        if model.model_endpoint_uid:
            response["model_endpoint_uid"] = model.model_endpoint_uid
        if model.version:
            response["model_version"] = model.version
        return response

    def _log_replaced(
        self,
        call: Call,
        ticket: Ticket,
        latency_us: int,
        request: dict[str, Any],
        response: Any,
        own: bytes | dict[str, Any],
    ) -> None:
        assert self.recorder is not None, "there is a ticket, so there is a recorder"
        try:
            inputs, outputs = self.model.logged_results(request, response, call.op)
        except FAILURES as error:  # seam: the hook is the user's code, the answer stands
            self.recorder.lose(error)
            return
        logged = own if outputs is None else {"outputs": outputs}
        self.recorder.replaced(call, ticket, latency_us, inputs, logged, self.model.metrics)

    def _refusal(self, call: Call, body: dict[str, Any], error: BaseException) -> RejectedError:
        # What the checks before the model raise is about the request, whatever its type.
        self._log_error(call, body, error)
        return error if isinstance(error, RejectedError) else RejectedError(_said(error))

    def _failure(self, call: Call, request: Ticket | dict[str, Any], error: BaseException) -> Exception:
        self._log_error(call, request, error)
        return self._blamed(error)

    def _blamed(self, error: BaseException) -> Exception:
        if isinstance(error, RejectedError):
            return error
        error_id = self._clock.new_id()
        # One caller that fails a thousand times a second must not fill the log with one traceback.
        traced = self._is_news(error)
        more = "" if traced else "; its traceback is above, by the first error of its kind"
        logger.error(
            "model %s failed, error %s: %s%s", self.name, error_id, _said(error)[:MOST_SAID], more,
            exc_info=error if traced else None,
        )  # fmt: skip
        return ModelFailureError(
            f"model {self.name} failed on this request; error {error_id} in the function's log says why"
        )

    def _is_news(self, error: BaseException) -> bool:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        kind = f"{type(error)} {place and (place.tb_frame.f_code.co_filename, place.tb_lineno)}"
        now_us = self._clock.now_us()
        if now_us - self._traced.get(kind, -TRACE_US) < TRACE_US:
            return False
        if len(self._traced) > MOST_KINDS:
            self._traced.clear()
        self._traced[kind] = now_us
        return True

    def _log_error(self, call: Call, request: Ticket | dict[str, Any], error: BaseException) -> None:
        if self.recorder:
            self.recorder.refused(call, request, _said(error))


def _check_outputs(response: Any) -> None:
    if isinstance(response, dict) and response.get("outputs", ()) is None:
        raise TypeError("predict() returned None: it has to return one output for each of the inputs")


def rows_in_order(body: dict[str, Any], names: list[str], model_name: str) -> dict[str, Any]:
    """The request with each dict among its inputs as a list, in the order of the model's inputs.

    A name may differ from the model's in case and separators, as in the monitoring. Raises RejectedError
    when the order is not known or a row lacks a feature.
    """
    if not names:
        raise RejectedError(
            f"model {model_name} does not say the order of its inputs, so it can't take dicts: "
            "give `inputs=[names]` to add_model or log_model, or set self.inputs in load()"
        )
    rows = body.get("inputs")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RejectedError("must be a list of dicts, feature name to value", "inputs")
    ordered = [_row_in_order(row, names, number) for number, row in enumerate(rows)]
    return {**body, "inputs": ordered}


def _row_in_order(row: dict[str, Any], names: list[str], number: int) -> list[Any]:
    if row.keys() != set(names):
        row = dict(zip(as_registered(names, tuple(row)), row.values(), strict=True))
    missing = [name for name in names if name not in row]
    if missing:
        raise RejectedError(f"has no {missing[0]!r}; the inputs are {', '.join(names)}", f"inputs.{number}")
    return [row[name] for name in names]


def _said(error: BaseException) -> str:
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - seam: the exception's class is the user's code too
        message = "(no message)"
    return message if isinstance(error, RejectedError) else f"{type(error).__name__}: {message}"

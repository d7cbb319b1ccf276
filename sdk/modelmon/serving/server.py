"""A serving function put together from its spec: models, router, tracking."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError
from modelmon.model import WorkerState
from modelmon.serving import protocol
from modelmon.serving.inference import Clock, ServedModel
from modelmon.serving.loading import load_class
from modelmon.serving.model_server import ServerContext, V2ModelServer
from modelmon.serving.protocol import Reply
from modelmon.serving.publisher import EXIT_SECONDS, Publisher
from modelmon.serving.recorder import Recorder, Source
from modelmon.serving.router import Router
from modelmon.serving.spec import ModelSpec, ServingSpec, read_spec
from modelmon.settings import Settings


class ModelServing:
    """A running serving function: `handle` answers requests, `close` publishes what is still held."""

    def __init__(
        self, router: Router, models: Mapping[str, V2ModelServer], publisher: Publisher | None
    ) -> None:
        self._router = router
        self._publisher = publisher
        self.models = models

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        """(status, body, content type) of the answer; never raises for what a caller sends."""
        return self._router.handle(method, path, headers, body)

    def test(
        self, path: str = "/", body: Any = None, method: str = "", headers: Mapping[str, str] | None = None
    ) -> Any:
        """Answer a request in this process: parsed JSON, or the text of another answer.

        A request with a body is a POST, one without a GET, unless `method` says otherwise.
        Raises RuntimeError with the text when the status is 400 or above.
        """
        method = method or ("GET" if body is None else "POST")
        sent = body if body is None or isinstance(body, bytes | str) else protocol.write_json(body)
        reply = self.handle(method, path, headers or {}, sent)
        if reply.status >= 400:
            raise RuntimeError(f"{path} answered {reply.status}: {reply.body.decode()}")
        return protocol.read_json(reply.body) if reply.content_type == protocol.JSON else reply.body.decode()

    def stats(self) -> dict[str, int | str]:
        """What the publisher held, sent and dropped; empty when nothing is tracked."""
        return self._publisher.stats() if self._publisher else {}

    def health(self) -> dict[str, Any]:
        """The state of this worker: requests are answered in each; `waiting` says that their log is not."""
        outage = self._publisher.outage if self._publisher else ""
        unready = [name for name, model in self.models.items() if not model.ready]
        state = WorkerState.WAITING if outage else WorkerState.STARTING if unready else WorkerState.READY
        reason = outage or (f"not loaded yet: {', '.join(unready)}" if unready else "")
        return {
            "state": state.value,
            "healthy": not unready,
            "reason": reason,
            "models": {name: model.ready for name, model in self.models.items()},
            "tracking": self.stats(),
        }

    async def close(self) -> None:
        """Publish what is held, within EXIT_SECONDS; no request may follow."""
        await asyncio.to_thread(self.close_now)

    def close_now(self, timeout_seconds: float = EXIT_SECONDS) -> None:
        """`close` for callers without an event loop."""
        if self._publisher:
            self._publisher.close(timeout_seconds)


def create_server(
    spec: ServingSpec,
    settings: Settings | None = None,
    *,
    folder: str | Path = ".",
    classes: Mapping[str, type[V2ModelServer]] | None = None,
    clock: Clock | None = None,
    draw: Callable[[], float] = random.random,
) -> ModelServing:
    """Load the models of `spec` and serve them.

    Classes are taken from `classes` by their name in the spec, else from the files in `folder`.
    `clock` and `draw` (which rows sampling takes) are for tests. Raises ConfigError for a wrong spec;
    an error in a model's own `load` comes out as it is.
    """
    clock = clock or Clock()
    settings = settings or Settings.load(project=spec.project)
    tracking = spec.tracking
    publisher = None
    if tracking.enabled and spec.models:
        url = settings.stream_url(tracking.stream_url or settings.events_stream)
        publisher = Publisher(url, settings, batch=tracking.batch, client_time=tracking.client_time)
    served = []
    for model_spec in spec.models:
        model = _load(spec, model_spec, Path(folder), classes or {})
        recorder = None
        if publisher:
            source = _source(spec, model_spec, model)
            replaces = type(model).logged_results is not V2ModelServer.logged_results
            recorder = Recorder(source, tracking, publisher, draw, draws_late=replaces)
        served.append(ServedModel(model_spec.endpoint_name, model, recorder, clock))
    router = Router(spec.router, served, clock)
    return ModelServing(router, {each.name: each.model for each in served}, publisher)


def _load(
    spec: ServingSpec, model_spec: ModelSpec, folder: Path, classes: Mapping[str, type[V2ModelServer]]
) -> V2ModelServer:
    name = model_spec.class_name
    found = classes.get(name) or load_class(name, folder, spec.source)
    if not issubclass(found, V2ModelServer):
        raise ConfigError(f"model {model_spec.key}: class {name} must extend modelmon.V2ModelServer")
    context = ServerContext(spec.project, spec.function_name)
    model: V2ModelServer = found(
        context=context,
        name=model_spec.endpoint_name,
        model_path=_model_path(folder, model_spec.model_path),
        **model_spec.parameters,
    )
    model.model_endpoint_uid = model.model_endpoint_uid or spec.endpoint_id(model_spec)
    model.labels = {**model_spec.labels, **model.labels}
    model.inputs = model.inputs or model_spec.inputs
    model.outputs = model.outputs or model_spec.outputs
    if model.model is None:
        model.load()
        model.ready = True
    return model


def _model_path(folder: Path, model_path: str) -> str | None:
    if not model_path or "://" in model_path:
        return model_path or None
    return str(folder / model_path)


def _source(spec: ServingSpec, model_spec: ModelSpec, model: V2ModelServer) -> Source:
    return Source(
        endpoint_id=model.model_endpoint_uid,
        endpoint_name=model_spec.endpoint_name,
        function_uri=spec.function_uri,
        model_class=type(model).__name__,
        version=model_spec.model_version,
        labels=model.labels,
        inputs=tuple(model.inputs) or None,
        outputs=tuple(model.outputs) or None,
        host=socket.gethostname(),
        sampling_percentage=spec.tracking.logged_percentage,
    )


def serve_beside(handler_file: str, settings: Settings) -> ModelServing:
    """The server of the function folder that `handler_file` (its main.py) lies in.

    Raises ConfigError for a serving.json that is absent or wrong.
    """
    folder = Path(handler_file).resolve().parent
    return create_server(read_spec(folder), settings, folder=folder)

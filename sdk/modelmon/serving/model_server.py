"""The class that a user's model extends."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError, RejectedError
from modelmon.wire.plain_lists import is_table, name_of


class ServerContext:
    """What a model may ask of the function that runs it."""

    def __init__(
        self,
        project: str = "",
        function_name: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.project = project
        self.function_name = function_name
        self.logger = logging.getLogger(f"modelmon.serving.{function_name or 'model'}")
        self._parameters = dict(parameters or {})

    def get_param(self, key: str, default: Any = None) -> Any:
        """A parameter of the function, `default` when there is none."""
        return self._parameters.get(key, default)

    def get_secret(self, key: str, default: str | None = None) -> str | None:
        """A secret, from the environment variable of that name."""
        return os.environ.get(key, default)


class V2ModelServer:
    """Serves one model over the V2 protocol; write `load` and `predict`, the rest has defaults.

    `name` is "name" or "name:version". `class_args` are the `parameters` of the model's spec, read with
    `get_param`. A model object given as `model` needs no `load`.
    """

    def __init__(
        self,
        context: Any = None,
        name: str | None = None,
        model_path: str | None = None,
        model: Any = None,
        protocol: str | None = None,
        **class_args: Any,
    ) -> None:
        self.context = context
        self.name, _, self.version = (name or "").partition(":")
        self.model_path = model_path
        self.protocol = protocol or "v2"
        self.model = model
        self.ready = model is not None
        self.labels: dict[str, str] = {}
        self.metrics: dict[str, Any] = {}
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.model_endpoint_uid = ""
        self._params = class_args

    def load(self) -> None:
        """Load the model into `self.model`; called once at start."""

    def preprocess(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
        """The request that is validated, predicted and logged; what this raises is answered with 400."""
        return request

    def validate(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
        """The request, or an error that is answered with 400."""
        if not isinstance(request, dict) or "inputs" not in request:
            raise RejectedError('the request has no "inputs"', "inputs")
        inputs = request["inputs"]
        if not isinstance(inputs, list) and not is_table(inputs):
            raise RejectedError(f"must be a list, an array or a frame, got {name_of(inputs)}", "inputs")
        return request

    def predict(self, request: dict[str, Any]) -> Any:
        """The outputs for `request["inputs"]`: a list (or array) with one element for each input."""
        raise NotImplementedError(f"{type(self).__name__} has no predict()")

    def explain(self, request: dict[str, Any]) -> Any:
        """The explanations for `request["inputs"]`."""
        raise RejectedError(f"model {self.name} does not explain")

    def postprocess(self, response: dict[str, Any]) -> Any:
        """The response that the caller gets."""
        return response

    def logged_results(self, request: dict[str, Any], response: Any, op: str) -> tuple[Any, Any]:
        """(inputs, outputs) to be logged in place of those of request and response; None keeps them."""
        return None, None

    def set_metric(self, name: str, value: Any) -> None:
        """A number that goes along with every logged request from now on, until it is set again."""
        self.metrics[name] = value

    def get_param(self, key: str, default: Any = None) -> Any:
        """A parameter of the model, else of the function, else `default`."""
        if key in self._params:
            return self._params[key]
        get_param = getattr(self.context, "get_param", None)
        return get_param(key, default) if get_param else default

    def get_model(self, suffix: str = "") -> tuple[str, dict[str, str]]:
        """(local path of the model's file, the other files beside it by name).

        When `model_path` is a folder the file is the only one in it whose name ends in `suffix`.
        Raises ConfigError when there is no such file, or more than one.
        """
        path = Path(_local_path(self.name, self.model_path))
        if path.is_file():
            return str(path), {}
        files = sorted(entry for entry in path.glob("*") if entry.is_file())
        found = [entry for entry in files if entry.name.endswith(suffix)]
        if len(found) != 1:
            raise ConfigError(
                f"model {self.name}: model_path must be a file, or a folder with one file whose name ends in "
                f"{suffix!r}; {path} has {[entry.name for entry in found]}"
            )
        others = {entry.name: str(entry) for entry in files if entry != found[0]}
        return str(found[0]), others


def _local_path(name: str, model_path: str | None) -> str:
    if not model_path:
        raise ConfigError(f"model {name}: no model_path was given, so there is no file to get")
    path = model_path.removeprefix("file://")
    if "://" in path:
        raise ConfigError(
            f"model {name}: model_path must be a local file or folder, got {model_path!r}; "
            "`deploy` puts the files of a logged model into the function folder"
        )
    return path

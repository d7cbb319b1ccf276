"""What a serving function serves: the JSON document `serving.json` in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from modelmon.errors import ConfigError
from modelmon.model import ENDPOINT_ID, LONGEST_ID, endpoint_id_of
from modelmon.serving.tracking import Tracking
from modelmon.wire.identity import LONGEST_NAME

FILE_NAME = "serving.json"


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model behind the router.

    `key` is its name in the URL, "name" or "name:version". `class_name` is "module.Class" of a file in
    the function folder (or of an installed package), or "Class" alone, then found in the folder's files.
    `model_path` is the model's file, or a folder; a relative one is taken from the function folder.
    `parameters` are the class's own arguments. `inputs` and `outputs` name features and predictions, where
    they are known. `endpoint_id` "" is the id that the SDK computes too.
    """

    key: str
    class_name: str
    model_path: str = ""
    version: str = ""
    parameters: dict[str, Any] = {}
    labels: dict[str, str] = {}
    endpoint_id: str = ""
    inputs: list[str] = []
    outputs: list[str] = []

    def __post_init__(self) -> None:
        if not self.name or "/" in self.key or self.key.count(":") > 1:
            raise ConfigError(f"model key: must be `name` or `name:version` without '/', got {self.key!r}")
        for part in (self.name, self.model_version):
            if part in (".", "..") or part != part.strip() or "?" in part or not part.isprintable():
                raise ConfigError(
                    f"model key: no client can ask for {part!r} in a URL; "
                    "use letters, digits, '-', '_' and '.'"
                )
        if "/" in self.version or ":" in self.version:
            raise ConfigError(f"model {self.key}: version must hold no '/' or ':', got {self.version!r}")
        if ":" in self.key and self.version not in ("", self.key.partition(":")[2]):
            raise ConfigError(f"model {self.key}: the key names another version than {self.version!r}")
        if not self.class_name:
            raise ConfigError(f"model {self.key}: class_name must be `module.Class` or `Class`")
        if len(self.endpoint_name) > LONGEST_NAME or "\x00" in self.endpoint_name:
            raise ConfigError(f"model key: at most {LONGEST_NAME} characters, no NUL, got {self.key!r}")
        if self.endpoint_id and not ENDPOINT_ID.fullmatch(self.endpoint_id):
            raise ConfigError(
                f"model {self.key}: endpoint_id has only letters, digits, '_' and '-', at most {LONGEST_ID}, "
                f"got {self.endpoint_id!r}"
            )

    @property
    def name(self) -> str:
        """The model's name without its version."""
        return self.key.partition(":")[0]

    @property
    def model_version(self) -> str:
        """The version, wherever it was written; "" when it has none."""
        return self.version or self.key.partition(":")[2]

    @property
    def endpoint_name(self) -> str:
        """ "name", or "name:version": the name in the router and of the endpoint."""
        return f"{self.name}:{self.model_version}" if self.model_version else self.name


class ServingSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One serving function: its router, its models, how it is tracked.

    `source` names the file (or module) in which a class without a module is found; "" looks in all
    Python files of the folder but main.py.
    """

    project: str
    function_name: str
    router: str = "ModelRouter"
    models: list[ModelSpec] = []
    tracking: Tracking = msgspec.field(default_factory=lambda: Tracking(enabled=False))
    source: str = ""

    def __post_init__(self) -> None:
        names = [model.endpoint_name for model in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"function {self.function_name}: model {twice[0]!r} is there twice")

    @property
    def function_uri(self) -> str:
        """ "project/function", as events carry it."""
        return f"{self.project}/{self.function_name}"

    def endpoint_id(self, model: ModelSpec) -> str:
        """The endpoint's id: the user's own, or the one hashed from the names."""
        return model.endpoint_id or endpoint_id_of(
            self.project, self.function_name, model.name, model.model_version
        )


def read_spec(folder: str | Path) -> ServingSpec:
    """The spec in a function folder. Raises ConfigError when it is absent or wrong, naming the field."""
    path = Path(folder) / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=ServingSpec)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} is not there: `function.deploy()` of the SDK writes it, see 'Serving and tracking' in "
            "the docs"
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def write_spec(folder: str | Path, spec: ServingSpec) -> Path:
    """Write the spec into a function folder and return the file's path.

    Raises ConfigError for parameters that JSON can't hold.
    """
    path = Path(folder) / FILE_NAME
    try:
        body = msgspec.json.format(msgspec.json.encode(spec))
    except (TypeError, msgspec.MsgspecError) as error:
        raise ConfigError(
            f"function {spec.function_name}: parameters must be JSON values ({error})"
        ) from error
    path.write_bytes(body + b"\n")
    return path

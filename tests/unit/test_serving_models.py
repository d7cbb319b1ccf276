"""From serving.json to loaded models: the spec, class look-up, what a model may ask for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelmon.errors import ConfigError
from modelmon.model import endpoint_id_of
from modelmon.serving import (
    ModelSpec,
    ServingSpec,
    V2ModelServer,
    create_server,
    read_spec,
    serve_beside,
    tracking_of,
    write_spec,
)
from modelmon.serving.loading import load_class
from modelmon.settings import Settings

SETTINGS = Settings.load(project="p", environ={})
MODEL = """
import json
from pathlib import Path
from modelmon import V2ModelServer

class {name}(V2ModelServer):
    def load(self):
        path, others = self.get_model(".json")
        self.model = json.loads(Path(path).read_text()) | {{"others": sorted(others)}}

    def predict(self, request):
        return [self.model["weight"] * self.get_param("factor", 1) * sum(row) for row in request["inputs"]]
"""


def folder_of(tmp_path: Path, name: str, weight: int) -> Path:
    folder = tmp_path / name
    (folder / "model").mkdir(parents=True)
    (folder / "flights.py").write_text(MODEL.format(name="DelayModel"))
    (folder / "main.py").write_text("class DelayModel: ...\n")
    (folder / "model" / "model.json").write_text(json.dumps({"weight": weight}))
    (folder / "model" / "notes.txt").write_text("")
    return folder


def spec_of(class_name: str, **fields: Any) -> ServingSpec:
    model = ModelSpec(key="delay", class_name=class_name, model_path="model", parameters={"factor": 2})
    return ServingSpec(project="p", function_name="f", models=[model], **fields)


@pytest.mark.parametrize("class_name", ["DelayModel", "flights.DelayModel"])
def test_a_function_folder_is_served_as_it_stands(tmp_path: Path, class_name: str) -> None:
    folder = folder_of(tmp_path, "a", 10)
    write_spec(folder, spec_of(class_name))
    server = serve_beside(str(folder / "main.py"), SETTINGS)
    assert server.test("/v2/models/delay/infer", {"inputs": [[1, 2]]})["outputs"] == [60]
    assert server.models["delay"].model["others"] == ["notes.txt"]


def test_two_folders_in_one_process_keep_their_own_modules(tmp_path: Path) -> None:
    servers = [
        create_server(spec_of("flights.DelayModel"), SETTINGS, folder=folder_of(tmp_path, str(n), n))
        for n in (1, 2)
    ]
    outputs = [server.test("/v2/models/delay/infer", {"inputs": [[1]]})["outputs"] for server in servers]
    assert outputs == [[2], [4]]


def test_a_class_may_come_from_an_installed_package(tmp_path: Path) -> None:
    assert load_class("modelmon.serving.V2ModelServer", tmp_path) is V2ModelServer


def test_the_source_says_where_a_bare_class_stands(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a", 1)
    (folder / "twin.py").write_text("class DelayModel: ...\n")
    assert load_class("DelayModel", folder, "flights.py").__module__ == "flights"
    with pytest.raises(ConfigError, match=r"must stand in exactly one file .*flights.py, twin.py"):
        load_class("DelayModel", folder)


@pytest.mark.parametrize(
    ("class_name", "message"),
    [
        ("Nothing", "must stand in exactly one file"),
        ("flights.Nothing", "has no such class"),
        ("flights.json", "has no such class"),
        ("nowhere.Model", "no module 'nowhere'"),
    ],
)
def test_a_class_that_is_not_there_is_named(tmp_path: Path, class_name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_class(class_name, folder_of(tmp_path, "a", 1))


def test_a_module_that_the_users_file_lacks_is_the_users_own_error(tmp_path: Path) -> None:
    (tmp_path / "lacking.py").write_text("import not_installed_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        load_class("lacking.Model", tmp_path)


def test_a_class_must_extend_the_model_server(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("class Plain: ...\n")
    with pytest.raises(ConfigError, match=r"must extend modelmon\.V2ModelServer"):
        create_server(spec_of("plain.Plain"), SETTINGS, folder=tmp_path)


def test_a_model_object_needs_no_load() -> None:
    model = V2ModelServer(None, "m:v1", model=len, threshold=3)
    assert (model.name, model.version, model.ready) == ("m", "v1", True)
    assert (model.get_param("threshold"), model.get_param("other", 4)) == (3, 4)


def test_the_context_tells_project_function_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asking(V2ModelServer):
        def load(self) -> None:
            self.seen = self.context.project, self.context.function_name, self.context.get_secret("TOKEN")

    monkeypatch.setenv("TOKEN", "t")
    server = create_server(spec_of("A"), SETTINGS, classes={"A": Asking})
    assert server.models["delay"].seen == ("p", "f", "t")


@pytest.mark.parametrize(
    ("path", "suffix", "message"),
    [
        (None, "", "no model_path was given"),
        ("s3://bucket/model", "", "must be a local file or folder"),
        ("{}/absent", "", r"has \[\]"),
        ("{}", "", r"has \['a.pkl', 'b.pkl'\]"),
        ("{}", ".json", r"has \[\]"),
    ],
)
def test_a_model_file_that_is_not_one_is_an_error(
    tmp_path: Path, path: Any, suffix: str, message: str
) -> None:
    for name in ("a.pkl", "b.pkl"):
        (tmp_path / name).touch()
    model = V2ModelServer(None, "m", path and path.format(tmp_path))
    with pytest.raises(ConfigError, match=message):
        model.get_model(suffix)


def test_a_model_path_may_be_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").touch()
    for path in (str(tmp_path / "a.pkl"), f"file://{tmp_path / 'a.pkl'}"):
        assert V2ModelServer(None, "m", path).get_model() == (str(tmp_path / "a.pkl"), {})


def test_the_spec_survives_its_file(tmp_path: Path) -> None:
    spec = spec_of("flights.DelayModel", tracking=tracking_of(batch=3, tracking_policy={"client_time": True}))
    assert write_spec(tmp_path, spec) == tmp_path / "serving.json"
    assert read_spec(tmp_path) == spec


def test_an_endpoint_id_is_the_users_own_or_hashed_from_the_names() -> None:
    spec = spec_of("A")
    assert spec.endpoint_id(spec.models[0]) == endpoint_id_of("p", "f", "delay")
    assert spec.endpoint_id(ModelSpec(key="m:v1", class_name="A")) == endpoint_id_of("p", "f", "m", "v1")
    assert spec.endpoint_id(ModelSpec(key="m", version="v1", class_name="A")) == endpoint_id_of(
        "p", "f", "m", "v1"
    )
    assert spec.endpoint_id(ModelSpec(key="m", class_name="A", endpoint_id="own-1")) == "own-1"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"key": ""}, "model key"),
        ({"key": "a/b"}, "model key"),
        ({"key": "a:b:c"}, "model key"),
        *[({"key": key}, "no client can ask for") for key in (".", "..", "x\n", " x", "a?b", "m:..", "\x7f")],
        ({"key": "m", "version": ".."}, "no client can ask for"),
        ({"key": "a:v1", "version": "v2"}, "names another version"),
        ({"key": "a", "version": "x/y"}, "must hold no '/'"),
        ({"key": "a", "class_name": ""}, "class_name"),
        ({"key": "a", "endpoint_id": "no spaces"}, "endpoint_id has only"),
    ],
)
def test_a_wrong_model_spec_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ModelSpec(**{"class_name": "A", **fields})


def test_no_two_models_have_one_name() -> None:
    models = [ModelSpec(key="m:v1", class_name="A"), ModelSpec(key="m", version="v1", class_name="A")]
    with pytest.raises(ConfigError, match="'m:v1' is there twice"):
        ServingSpec(project="p", function_name="f", models=models)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is not there"),
        ("{", "malformed|truncated"),
        ('{"project":"p"}', "function_name"),
        ('{"project":"p","function_name":"f","models":[{"key":"m","class_name":3}]}', r"models\[0\].class"),
        ('{"project":"p","function_name":"f","modells":[]}', "modells"),
        ('{"project":"p","function_name":"f","tracking":{"batch":0}}', "batch: must be"),
    ],
)  # fmt: skip
def test_a_wrong_document_names_the_field(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "serving.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_spec(tmp_path)


def test_parameters_are_json() -> None:
    model = ModelSpec(key="m", class_name="A", parameters={"a": object()})
    with pytest.raises(ConfigError, match="must be JSON values"):
        write_spec(Path(), ServingSpec(project="p", function_name="f", models=[model]))


LIGHT = """
import sys
from modelmon.serving import *
from modelmon.settings import Settings
class Model(V2ModelServer):
    def predict(self, request): return [sum(row) for row in request["inputs"]]
spec = ServingSpec(project="p", function_name="f", models=[ModelSpec(key="m", class_name="Model")],
                   tracking=tracking_of("memory://light"))
server = create_server(spec, Settings.load(project="p"), classes={"Model": Model})
assert server.test("/v2/models/m/infer", {"inputs": [[1, 2]]})["outputs"] == [3]
server.close_now()
assert server.stats()["published"] == 1
heavy = {"pandas", "pyarrow", "scipy", "storey", "sqlalchemy", "numpy"} & set(sys.modules)
print(len(sys.modules), *heavy)
"""


def test_serving_a_tracked_request_needs_nothing_heavy_and_320_modules() -> None:
    """What that costs in seconds shows `make bench`."""
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    modules, *heavy = done.stdout.split()
    assert heavy == []
    assert int(modules) <= 320

"""Serving functions of a project: models, tracking, deployment, and calling them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.function_spec.function_yaml import read_function
from modelmon.model import endpoint_id_of
from modelmon.project import Project, ServingFunction
from modelmon.serving import create_server, read_spec
from modelmon.streams import open_stream
from modelmon.wire import ServingEvent, read_message
from project_support import MODEL, again, deployed, frame, make, write


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


@pytest.fixture
def serving(project: Project) -> ServingFunction:
    return project.set_function("model.py", name="serving")


def folder_of(project: Project, name: str = "serving") -> Path:
    return project.context / ".modelmon" / "functions" / name


def logged(project: Project, factor: int = 2) -> Any:
    return project.log_model(
        "delay", body=str(factor), model_file="factor.txt", training_set=frame(), label_column="late"
    )


def events(project: Project) -> list[Any]:
    stream = open_stream(project.settings.events_url)
    consumer = stream.consumer("test")
    found = [item for message in consumer.poll(100, 1.0) for item in read_message(message.body)]
    consumer.close()
    stream.close()
    return found


def test_deploying_writes_a_folder_that_serves_and_registers_the_endpoint(
    project: Project, serving: ServingFunction
) -> None:
    model = logged(project)
    serving.add_model("delay:v1", model_path=model.uri, class_name="Sum", labels={"team": "ops"}, limit=5)
    serving.set_tracking(tracking_policy={"client_time": True, "default_batch_image": "image"})
    assert project.deploy_function(serving) is serving
    folder = folder_of(project)
    assert deployed(project) == {"serving"}
    assert read_function(folder, project.settings).triggers[0].kind == "http"
    spec = read_spec(folder)
    assert (spec.project, spec.function_name, spec.source) == ("flights", "serving", "model.py")
    (served,) = spec.models
    assert served.model_path == "models/delay/factor.txt"
    assert (served.parameters, served.inputs, served.outputs) == ({"limit": 5}, ["a", "b"], ["late"])
    assert spec.tracking.client_time

    server = create_server(spec, project.settings, folder=folder)
    assert server.test("/v2/models/delay:v1/infer", {"inputs": [[1, 2]]})["outputs"] == [6]
    asyncio.run(server.close())

    (endpoint,) = again(project).list_model_endpoints()
    assert endpoint.endpoint_id == endpoint_id_of("flights", "serving", "delay", "v1")
    assert (endpoint.name, endpoint.function_name, endpoint.version) == ("delay:v1", "serving", "v1")
    assert (endpoint.function_uri, endpoint.model_class) == ("flights/serving", "Sum")
    assert (endpoint.model_uri, endpoint.labels) == (model.uri, {"team": "ops"})
    assert (endpoint.feature_names, endpoint.label_names) == (("a", "b"), ("late",))
    assert set(endpoint.feature_stats) == {"a", "b", "late"}
    assert endpoint.policy["tracking_policy"] == {"default_batch_image": "image"}
    assert not endpoint.discovered
    (event,) = events(project)
    assert isinstance(event, ServingEvent)
    assert (event.endpoint_id, event.inputs, event.outputs) == (endpoint.endpoint_id, [[1, 2]], [[6]])
    assert event.input_names == ("a", "b")


@pytest.mark.parametrize("kind", ["artifact", "uri", "key", "file", "folder", "relative"])
def test_a_model_path_is_an_artifact_its_uri_its_key_or_a_path(
    project: Project, serving: ServingFunction, kind: str
) -> None:
    model = logged(project, 3)
    write(project.context / "files" / "factor.txt", "3")
    path = {
        "artifact": model,
        "uri": model.uri,
        "key": "delay",
        "file": project.context / "files" / "factor.txt",
        "folder": project.context / "files",
        "relative": "files/factor.txt",
    }[kind]
    serving.add_model("delay", model_path=path, class_name="Sum").set_tracking().deploy()
    server = create_server(read_spec(folder_of(project)), project.settings, folder=folder_of(project))
    assert server.test("/v2/models/delay/infer", {"inputs": [[1, 1]]})["outputs"] == [6]
    server.close_now()
    (endpoint,) = project.list_model_endpoints()
    assert bool(endpoint.feature_stats) == (kind in ("artifact", "uri", "key"))


def test_without_tracking_there_is_no_endpoint_and_no_stream(
    project: Project, serving: ServingFunction
) -> None:
    serving.add_model("free", class_name="Free").deploy()
    assert project.list_model_endpoints() == []
    assert not (project.context / ".modelmon" / "streams").exists()


def test_tracking_can_be_set_after_deploying(project: Project, serving: ServingFunction) -> None:
    serving.add_model("free", class_name="Free").deploy()
    serving.set_tracking(batch=10, sample=2, sampling_percentage=50)
    tracking = read_spec(folder_of(project)).tracking
    assert (tracking.enabled, tracking.batch, tracking.sample) == (True, 10, 2)
    assert [endpoint.name for endpoint in project.list_model_endpoints()] == ["free"]
    again(project).get_function("serving").set_tracking(enable_tracking=False)  # type: ignore[union-attr]
    assert not read_spec(folder_of(project)).tracking.enabled


@pytest.mark.parametrize("stream", ["events", "memory://elsewhere"])
def test_the_events_stream_and_a_url_can_be_tracked_to(serving: ServingFunction, stream: str) -> None:
    assert serving.set_tracking(stream).spec.tracking.stream_url == stream


def test_a_class_of_a_package_that_nothing_brings_is_refused_on_deploying(
    project: Project, serving: ServingFunction
) -> None:
    serving.add_model("free", class_name="no.such.Class")
    with pytest.raises(
        ConfigError, match=r"class_name: 'no.such.Class' can't be found, there is no module 'no"
    ):
        serving.deploy()
    assert not folder_of(project).exists()


def test_a_function_that_begins_anew_is_deployed_by_deploy_alone(
    project: Project, serving: ServingFunction
) -> None:
    serving.add_model("free", class_name="Free").deploy()
    anew = project.set_function("model.py", name=serving.name)
    anew.add_model("sum", class_name="Sum").set_tracking(batch=10)
    assert [model.key for model in read_spec(folder_of(project)).models] == ["free"]
    anew.deploy()
    assert [model.key for model in read_spec(folder_of(project)).models] == ["sum"]


def test_deploying_again_keeps_what_the_endpoint_has_learnt(
    project: Project, serving: ServingFunction
) -> None:
    serving.add_model("free", class_name="Free", inputs=["a"], outputs=["y"]).set_tracking().deploy()
    (first,) = project.list_model_endpoints()
    other = project.set_function("model.py", name="serving")
    other.add_model("free", class_name="Sum", model_path=logged(project).uri).set_tracking().deploy()
    (second,) = project.list_model_endpoints()
    assert second.created == first.created
    assert (second.endpoint_id, second.model_class) == (first.endpoint_id, "Sum")
    assert second.feature_names == ("a", "b")
    assert set(second.feature_stats) == {"a", "b", "late"}


def test_a_second_object_finds_the_function_as_it_was_recorded(
    project: Project, serving: ServingFunction
) -> None:
    serving.add_model("one", class_name="Free").set_tracking(sample=3).set_env("LIMIT", 5)
    found = again(project).get_function("serving")
    assert isinstance(found, ServingFunction)
    assert (found.spec, found.source, found.environment) == (serving.spec, serving.source, {"LIMIT": "5"})
    found.add_model("two", class_name="Free").deploy()
    assert [model.key for model in read_spec(folder_of(project)).models] == ["one", "two"]
    assert read_function(folder_of(project), project.settings).environment["LIMIT"] == "5"


def test_workers_and_port_of_the_http_trigger_are_the_function_s_own_where_they_are_given(
    project: Project, serving: ServingFunction
) -> None:
    serving.add_model("one", class_name="Free").deploy()

    def trigger() -> Any:
        (found,) = read_function(folder_of(project), project.settings).triggers
        return found.workers, found.port

    assert trigger() == (1, 0)
    serving.with_http(workers=3, port=18080).deploy()
    assert trigger() == (3, 18080)
    again(project).get_function("serving").deploy()
    assert trigger() == (3, 18080)
    serving.with_http(port=18081).deploy()
    assert trigger() == (1, 18081)


@pytest.mark.parametrize(
    ("given", "said"),
    [({"port": 70_000}, "port must be .* to 65535, got 70000"), ({"port": "80"}, "got '80'"),
     ({"workers": -1}, "workers must be"), ({"workers": 0}, "workers must be .* from 1 to .*, got 0"),
     ({"host": "a"}, "host='a' is not supported here")],
)  # fmt: skip
def test_a_wrong_workers_or_port_is_named(serving: ServingFunction, given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        serving.with_http(**given)


def test_models_and_env_may_be_given_to_deploy_function(project: Project, serving: ServingFunction) -> None:
    project.deploy_function(
        "serving", models=[{"key": "free", "class_name": "Free"}], env={"A": 1}, tag="latest"
    )
    assert [model.key for model in read_spec(folder_of(project)).models] == ["free"]


def test_the_projects_own_folder_of_code_is_taken_when_no_file_is_given(project: Project) -> None:
    write(project.context / "functions" / "serving" / "own.py", MODEL)
    serving = project.set_function(name="scores")
    assert serving.source == project.context / "functions" / "serving"
    serving.add_model("free", class_name="Free").deploy()
    server = create_server(
        read_spec(folder_of(project, "scores")), project.settings, folder=folder_of(project, "scores")
    )
    assert server.test("/v2/models/free/infer", {"inputs": [1]})["outputs"] == [0]


def test_an_installed_class_needs_no_code(project: Project) -> None:
    serving = project.set_function(name="plain")
    serving.add_model("m", class_name="modelmon.serving.model_server.V2ModelServer", model="given").deploy()
    server = create_server(read_spec(folder_of(project, "plain")), folder=folder_of(project, "plain"))
    assert server.test("/v2/models/")["models"] == ["m"]


def test_a_file_called_main_does_not_replace_the_handler(project: Project) -> None:
    write(project.context / "main.py", MODEL)
    serving = project.set_function("main.py", name="serving")
    serving.add_model("free", class_name="Free").deploy()
    assert "http_handlers" in (folder_of(project) / "main.py").read_text()
    server = create_server(read_spec(folder_of(project)), folder=folder_of(project))
    assert server.test("/v2/models/free/infer", {"inputs": [1, 2]})["outputs"] == [0, 0]


def test_the_mock_server_answers_without_a_deployment(project: Project, serving: ServingFunction) -> None:
    serving.add_model("delay", model_path=logged(project), class_name="Sum").set_tracking()
    server = serving.to_mock_server()
    assert server.test("/v2/models/delay/infer", {"inputs": [[4]]})["outputs"] == [8]
    assert deployed(project) == set()
    assert server.stats() == {}
    tracked = serving.to_mock_server(track_models=True)
    tracked.test("/v2/models/delay/infer", {"inputs": [[4]]})
    tracked.close_now()
    assert len(events(project)) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"key": ""}, "model key"),
        ({"key": "a/b"}, "got 'a/b'"),
        ({"key": "free"}, "'free' is there twice"),
        ({"key": 5}, "model 5"),
        ({"class_name": None}, "class_name: must be 'Class' or 'module.Class', got None"),
        ({"class_name": "Nobody"}, "no class 'Nobody' in .*; there are: Sum, Free"),
        ({"model_path": "nowhere.pkl"}, "model_path: 'nowhere.pkl' does not exist"),
        ({"model_path": "store://models/flights/none"}, "no model 'none' was logged in project flights"),
        ({"model_path": "store://models/trains/delay"}, "is a model of project 'trains'"),
        ({"model_path": "store://artifacts/x"}, "must be like store://models/flights/<key>"),
        ({"model_path": 5}, "model_path: must be the path"),
        ({"endpoint_id": "a b"}, "endpoint_id: must be at most 64"),
        ({"endpoint_id": "a" * 65}, "endpoint_id"),
        ({"endpoint_id": 5}, "endpoint_id: .* got 5"),
        ({"labels": {"a": 5}}, "labels"),
        ({"labels": "a"}, "labels: must be a dict of texts, got 'a'"),
        ({"inputs": [5]}, "inputs"),
        ({"inputs": "abc"}, "inputs: must be a list of names, each one once, got 'abc'"),
        ({"outputs": ["y", "y"]}, "outputs: must be a list of names, each one once"),
        ({"version": 2}, "version"),
        ({"factor": object()}, "'factor' must be a JSON value .*, got object"),
        ({"model_url": "http://x"}, "model_url='http://x' is not supported"),
        ({"child_function": "f"}, "child_function='f' is not supported"),
        ({"creation_strategy": "archive"}, "only 'inplace' is supported"),
    ],
)
def test_a_wrong_model_is_refused_and_not_kept(
    project: Project, serving: ServingFunction, arguments: dict[str, Any], reason: str
) -> None:
    serving.add_model("free", class_name="Free")
    with pytest.raises(ConfigError, match=reason):
        serving.add_model(**{"key": "m", "class_name": "Free", **arguments})
    found = again(project).get_function("serving")
    assert isinstance(found, ServingFunction)
    assert [model.key for model in found.spec.models] == ["free"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"sampling_percentage": 0}, "sampling_percentage: .* got 0"),
        ({"sampling_percentage": 101}, "sampling_percentage"),
        ({"sample": 0}, "sample: must be a whole number of at least 1"),
        ({"batch": "10"}, "batch: .* got '10'"),
        ({"stream_path": "ftp://x"}, "stream_path"),
        (
            {"stream_path": "nope"},
            r"stream_path: nobody would read the stream 'nope'; .*\('events'\), or give",
        ),
        ({"tracking_policy": {"other": 1}}, "unknown key 'other'"),
        ({"enable_tracking": 1}, "enable_tracking: must be True or False"),
    ],
)
def test_wrong_tracking_is_refused_and_not_kept(
    serving: ServingFunction, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        serving.set_tracking(**arguments)
    assert not serving.spec.tracking.enabled


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"func": "nowhere.py"}, "func: 'nowhere.py' does not exist"),
        ({"func": 5}, "func: must be the path"),
        ({"name": "Serving"}, "lower-case"),
        ({"name": "modelmon-stream"}, "ModelMon's own"),
        ({"name": "rows"}, "a function of kind app already"),
        ({"func": None, "name": ""}, "name: a function's name"),
        ({"kind": "job"}, "kind: must be 'serving' .* got 'job'"),
        ({"handler": "h"}, "handler='h' is not supported"),
    ],
)
def test_a_wrong_function_is_refused(project: Project, arguments: dict[str, Any], reason: str) -> None:
    project.set_model_monitoring_function("rows", "rows_app.py")
    with pytest.raises(ConfigError, match=reason):
        project.set_function(**{"func": "model.py", "name": "scores", **arguments})
    with pytest.raises(ConfigError, match="no function 'scores'"):
        project.get_function("scores")


def test_a_function_is_called_like_its_file_unless_told_otherwise(project: Project) -> None:
    write(project.context / "My_Model.py", MODEL)
    assert project.set_function("My_Model.py").name == "my-model"


def test_a_function_without_models_is_not_deployed(project: Project, serving: ServingFunction) -> None:
    with pytest.raises(ConfigError, match="add_model comes before deploy"):
        serving.deploy()
    assert deployed(project) == set()
    with pytest.raises(ConfigError, match="topology: must be one of router"):
        serving.set_topology("flow")
    assert serving.set_topology("router") is serving


def test_an_id_that_another_model_has_is_refused(project: Project, serving: ServingFunction) -> None:
    serving.add_model("free", class_name="Free", endpoint_id="mine").set_tracking().deploy()
    other = project.set_function("model.py", name="other")
    other.add_model("rest", class_name="Free", endpoint_id="mine").set_tracking()
    with pytest.raises(ConfigError, match="mine is that of model 'free' of function 'serving' already"):
        other.deploy()
    assert deployed(project) == {"serving"}


def test_code_that_is_gone_leaves_the_old_deployment(project: Project, serving: ServingFunction) -> None:
    serving.add_model("free", class_name="Free").deploy()
    (project.context / "model.py").unlink()
    with pytest.raises(ConfigError, match=r"model\.py"):
        serving.deploy()
    assert (folder_of(project) / "model.py").is_file()
    assert not list(folder_of(project).parent.glob(".*~*"))


# --- invoke -----------------------------------------------------------------------------------------------


@dataclass
class Seen:
    method: str = ""
    path: str = ""
    body: bytes = b""
    content_type: str = ""
    own: str = ""


@pytest.fixture
def running(project: Project, serving: ServingFunction) -> Iterator[Seen]:
    """Something that answers at the address a runner would have written."""
    seen = Seen()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            seen.method, seen.path, seen.body = self.command, self.path, self.rfile.read(length)
            seen.content_type = self.headers.get("Content-Type") or ""
            seen.own = self.headers.get("X-Own") or ""
            status = 400 if "bad" in self.path else 200
            content = b"no such model" if status == 400 else json.dumps({"path": self.path}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if status == 400 else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = folder_of(project).with_name("serving.address")
    address.parent.mkdir(parents=True, exist_ok=True)
    address.write_text(f"127.0.0.1:{server.server_port}")
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_invoking_sends_the_body_as_it_is_meant(serving: ServingFunction, running: Seen) -> None:
    assert serving.invoke("v2/models/m/infer", {"inputs": [1]}, headers={"X-Own": "1"}) == {
        "path": "/v2/models/m/infer"
    }
    assert (running.method, running.body, running.own) == ("POST", b'{"inputs": [1]}', "1")
    assert running.content_type == "application/json"
    serving.invoke("/")
    assert (running.method, running.body) == ("GET", b"")
    serving.invoke("/", "text", method="PUT")
    assert (running.method, running.body) == ("PUT", b"text")
    with pytest.raises(ConfigError, match=r"path: must be a text .* got None"):
        serving.invoke(None)  # type: ignore[arg-type]


def test_an_answer_that_refuses_is_an_error_with_its_text(serving: ServingFunction, running: Seen) -> None:
    with pytest.raises(RejectedError, match="/bad answered 400: no such model"):
        serving.invoke("/bad", b"")
    with pytest.raises(ConfigError, match="body: must be bytes, text or JSON values"):
        serving.invoke("/", {1, 2})


def test_a_function_that_does_not_run_says_what_runs_it(project: Project, serving: ServingFunction) -> None:
    with pytest.raises(UnavailableError, match="'serving' is not running: start `modelmon up` in "):
        serving.invoke("/")
    address = folder_of(project).with_name("serving.address")
    address.parent.mkdir(parents=True, exist_ok=True)
    address.write_text("127.0.0.1:9")
    with pytest.raises(UnavailableError, match="does not answer at 127"):
        serving.invoke("/")

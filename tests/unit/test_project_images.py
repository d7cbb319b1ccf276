"""`image` of the project SDK: what a function is built on under Nuclio."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import project_support
from modelmon.errors import ConfigError
from modelmon.project.base_images import given_image, with_base_image


def base_image(project: object, name: str) -> str:
    path = Path(project.context) / ".modelmon" / "functions" / name / "function.yaml"  # type: ignore[attr-defined]
    return str(yaml.safe_load(path.read_text().replace("${", "{"))["spec"]["build"]["baseImage"])


def test_the_image_of_a_serving_function_is_what_it_is_built_on_also_when_it_is_deployed_again(
    tmp_path: Path,
) -> None:
    flights = project_support.make(tmp_path / "flights")
    (flights.context / "serving.py").write_text(
        "from modelmon import V2ModelServer\n\n\nclass M(V2ModelServer):\n    def load(self): ...\n"
        "    def predict(self, request): return [0]\n"
    )
    serving = flights.set_function("serving.py", name="web", image="churn-base:1")
    serving.add_model("m", class_name="M")
    flights.deploy_function(serving)
    assert base_image(flights, "web") == "churn-base:1"
    again = flights.get_function("web")
    again.set_env("A", "b")
    flights.deploy_function(again)
    assert base_image(flights, "web") == "churn-base:1"
    flights.set_function(again, image="churn-base:2").deploy()
    assert base_image(flights, "web") == "churn-base:2"


def test_the_image_of_an_app_and_of_the_infrastructure(tmp_path: Path) -> None:
    flights = project_support.make(tmp_path / "flights")
    app = flights.set_model_monitoring_function("rows", "rows_app.py", "Rows", image="own/rows:1")
    flights.deploy_function(app)
    assert base_image(flights, "rows") == "own/rows:1"
    flights.enable_model_monitoring(image="registry:5000/base:2")
    for name in ("modelmon-stream", "modelmon-writer", "modelmon-controller", "histogram-data-drift"):
        assert base_image(flights, name) == "registry:5000/base:2"
    flights.update_model_monitoring_controller(20)
    assert base_image(flights, "modelmon-controller") == "python:3.11-slim"


@pytest.mark.parametrize("image", ["churn base", "own/Upper", 3, "http://registry/a", ":1"])
def test_what_docker_can_t_read_is_refused_with_the_value(image: object) -> None:
    with pytest.raises(ConfigError, match=r"must be the name of an image like 'python:3.11-slim', got"):
        given_image(image)


@pytest.mark.parametrize("image", ["mlrun/mlrun", "mlrun/mlrun:1.12.1", "registry.example:5000/mlrun/mlrun"])
def test_an_image_of_mlrun_is_left_out_and_that_is_said(image: str, caplog: pytest.LogCaptureFixture) -> None:
    assert given_image(image) == ""
    assert "is MLRun's own: functions are built on python:3.11-slim instead" in caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spec:\n  build:\n    commands: []\n", 'spec:\n  build:\n    baseImage: "a:1"\n    commands: []\n'),
        (
            "spec:\n  handler: main:handler\n",
            'spec:\n  build:\n    baseImage: "a:1"\n  handler: main:handler\n',
        ),
        ("spec:\n  build:\n    baseImage: b # why\n", 'spec:\n  build:\n    baseImage: "a:1"\n'),
    ],
    ids=["build", "spec", "image"],
)
def test_a_function_yaml_keeps_its_own_lines(text: str, expected: str) -> None:
    assert with_base_image(text, "a:1") == expected


@pytest.mark.parametrize("text", ["spec: {handler: a}\n", "spec:\n    build:\n        baseImage: b\n", ""])
def test_a_function_yaml_written_otherwise_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write spec.build.baseImage: a:1 there"):
        with_base_image(text, "a:1")

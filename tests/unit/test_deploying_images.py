"""What is installed in a function's image, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelmon.deploying.bundling import bundle
from modelmon.deploying.deployable import check_function
from modelmon.deploying.images import image_of, with_image
from modelmon.deploying.packages import Layer, layers_of
from modelmon.deploying.plan import Plan, make_plan
from modelmon.deploying.rendering import render_function
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import template
from modelmon.function_spec.telemetry import NO_TELEMETRY
from modelmon.local.needs import EXTRAS
from modelmon.settings import Settings
from modelmon.wheel import Wheel, installed_wheel, pack_wheel
from nuctl_stand_in import SERVERS, WHEEL

REQUIRES = (
    "numpy>=1.26",
    "kafka-python<4,>=3; extra == 'kafka'",
    "sqlalchemy>=2; extra == 'stores'",
    "sqlalchemy>=2; extra == 'stream'",
    "storey>=1.14; (python_version < '3.13') and extra == 'stream'",
    "sqlalchemy>=2; extra == 'apps'",
    "scipy>=1.12; extra == 'apps'",
)


def plan_of(**settings: Any) -> Plan:
    return make_plan(Settings().changed(project="flights", stream_path="kafka://a:1", **settings), "local")


def image(name: str, plan: Plan, **changes: tuple[str, str]) -> Any:
    """`spec.build` of one of ModelMon's functions, and the files beside it."""
    text = (template(name) / "function.yaml").read_text()
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    own = "churn-drift" if name.startswith("apps") else f"modelmon-{name}"
    rendered = render_function(text, own, plan, Wheel(WHEEL, REQUIRES, "numpy==1.26.4\n"))
    return yaml.safe_load(rendered.text)["spec"]["build"], rendered.files


def test_functions_share_the_layers_that_they_have_in_common() -> None:
    build = {name: image(name, plan_of())[0] for name in ("writer", "stream", "serving", "apps/_template")}
    before = {name: each["directives"]["preCopy"] for name, each in build.items()}
    assert before["writer"][:2] == before["serving"][:-1]
    assert before["stream"][:4] == before["apps/_template"][:4] == before["writer"][:-1]
    assert len(before["stream"]) == len(before["apps/_template"]) == 7


def test_a_job_reads_samples_as_an_app_does() -> None:
    """So its image brings the same."""
    job, app = (
        image(name, plan_of())[0]["directives"]["preCopy"] for name in ("jobs/_template", "apps/_template")
    )
    assert job == app


def test_each_layer_is_installed_from_a_file_that_is_copied_alone_under_the_constraints() -> None:
    build, files = image("stream", plan_of(records_url="postgresql+psycopg://db/a"))
    assert build["directives"]["preCopy"][:-1] == [
        {
            "kind": "COPY",
            "value": "handler/modelmon-image/constraints.txt handler/modelmon-image/core.txt /opt/modelmon/",
        },
        {
            "kind": "RUN",
            "value": "python -m pip install --no-cache-dir --constraint /opt/modelmon/constraints.txt "
            "--requirement /opt/modelmon/core.txt",
        },
        {"kind": "COPY", "value": "handler/modelmon-image/stores.txt /opt/modelmon/"},
        {
            "kind": "RUN",
            "value": "python -m pip install --no-cache-dir --constraint /opt/modelmon/constraints.txt "
            "--requirement /opt/modelmon/stores.txt",
        },
        {"kind": "COPY", "value": "handler/modelmon-image/stream.txt /opt/modelmon/"},
        {
            "kind": "RUN",
            "value": "python -m pip install --no-cache-dir --constraint /opt/modelmon/constraints.txt "
            "--requirement /opt/modelmon/stream.txt",
        },
    ]
    assert files == {
        "modelmon-image/constraints.txt": "numpy==1.26.4\n",
        "modelmon-image/core.txt": "numpy>=1.26\nkafka-python<4,>=3\npsycopg[binary]\n",
        "modelmon-image/stores.txt": "sqlalchemy>=2\n",
        "modelmon-image/stream.txt": 'storey>=1.14; python_version < "3.13"\n',
    }


def test_every_image_keeps_libraries_from_telling_their_makers_that_they_are_used() -> None:
    for name in ("stream", "serving", "apps/_template"):
        *before, last = image(name, plan_of())[0]["directives"]["preCopy"]
        assert last["kind"] == "ENV"
        assert dict(each.split("=") for each in last["value"].split()) == NO_TELEMETRY
        assert "ENV" not in [each["kind"] for each in before]


def test_after_the_copy_only_the_wheel_is_installed_without_what_it_needs() -> None:
    build, _ = image("stream", plan_of())
    assert build["directives"]["postCopy"] == [
        {"kind": "RUN", "value": f"python -m pip install --no-cache-dir --no-deps /opt/nuclio/{WHEEL}"}
    ]


@pytest.mark.parametrize(
    "changed", [{"stream_workers": 2, "events_partitions": 2}, {"base_period": 60}, {"grace_seconds": 5}]
)
def test_a_changed_setting_changes_nothing_that_comes_before_the_copy(changed: Any) -> None:
    (before, files), (after, files_after) = image("stream", plan_of()), image("stream", plan_of(**changed))
    assert (before["directives"], files) == (after["directives"], files_after)


def test_requirements_of_the_function_come_after_modelmons_and_under_no_constraint(tmp_path: Path) -> None:
    plan = plan_of()
    text = (template("serving") / "function.yaml").read_text()
    rendered = render_function(text, "serving", plan, Wheel(WHEEL, REQUIRES, "a==1\n"), ("scikit-learn",))
    *_, copy, run, _ = yaml.safe_load(rendered.text)["spec"]["build"]["directives"]["preCopy"]
    assert copy == {"kind": "COPY", "value": "handler/requirements.txt /opt/modelmon/"}
    assert run["value"] == (
        "python -m pip install --no-cache-dir --requirement /opt/modelmon/requirements.txt "
        "--requirement /opt/modelmon/core.txt"
    )


def test_an_image_of_ones_own_keeps_the_versions_that_are_in_it() -> None:
    build, files = image("serving", plan_of(), base=("python:3.11-slim", "churn-base:1"))
    assert build["baseImage"] == "churn-base:1"
    assert "--constraint" not in str(build["directives"])
    assert list(files) == ["modelmon-image/core.txt"]


def test_commands_of_ones_own_stay_and_modelmon_is_installed_beside_them() -> None:
    commands = (
        "    baseImage: python:3.11-slim\n    commands: [apt-get update, 'apt-get \\', install -y libgomp1, "
        "'@nuclio.postCopy', python -c 'import modelmon', 'last\\']\n"
    )
    build, _ = image("serving", plan_of(), own=("    baseImage: python:3.11-slim\n", commands))
    directives = build["directives"]
    before = [each["value"] for each in directives["preCopy"]]
    assert before[:2] == ["apt-get update", "apt-get install -y libgomp1"]
    assert len(before) == 5
    after = [each["value"] for each in directives["postCopy"]]
    assert after[1:] == ["python -c 'import modelmon'", "last"]
    assert "commands" not in build


def test_directives_of_ones_own_stay_too() -> None:
    build: dict[str, Any] = {"directives": {"preCopy": [{"kind": "USER", "value": "root"}]}}
    with_image(build, image_of(WHEEL, [Layer("core", ("numpy",))], "", requirements=False))
    assert [each["kind"] for each in build["directives"]["preCopy"]] == ["USER", "COPY", "RUN", "ENV"]
    assert len(build["directives"]["postCopy"]) == 1


@pytest.mark.parametrize(
    ("settings", "drivers"),
    [
        (SERVERS, ["psycopg[binary]", "s3fs"]),
        ({"series_url": "mysql+pymysql://db/a", "samples_path": "gs://b"}, ["gcsfs", "pymysql"]),
        ({}, []),
    ],
    ids=["postgresql", "mysql", "none"],
)
def test_the_drivers_of_the_settings_addresses_are_installed(settings: Any, drivers: list[str]) -> None:
    (core,) = layers_of("serving", make_plan(Settings().changed(**settings), "kube"), REQUIRES, is_app=False)
    assert list(core.lines) == ["numpy>=1.26", "kafka-python<4,>=3", *drivers]


def test_every_extra_that_a_function_needs_is_one_of_the_wheels() -> None:
    plan, requires = plan_of(), installed_wheel().requires
    layers = layers_of("modelmon-stream", plan, requires, is_app=False)
    assert [layer.name for layer in layers] == ["core", "stores", "stream"]
    assert all(layer.lines for layer in layers)
    for name, extra in EXTRAS.items():  # what it imports is in its image, the shared layers first
        layers = layers_of(name, plan, requires, is_app=False)
        assert [layer.name for layer in layers][:2] == ["core", "stores"], name
        assert extra in [layer.name for layer in layers], name
    assert layers_of("own", plan, requires, is_app=True)[-1].name == "apps"


def folder_with(tmp_path: Path, requirements: str) -> Path:
    folder = tmp_path / ".modelmon" / "functions" / "web"
    folder.mkdir(parents=True)
    (folder / "function.yaml").write_text((template("serving") / "function.yaml").read_text())
    (folder / "main.py").write_text("handler = print")
    (folder / "requirements.txt").write_text(requirements)
    return folder


def test_the_requirements_of_a_deployed_folder_are_in_its_image(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "scikit-learn==1.7.2\n")
    bundle(plan_of(), {"web": folder}, tmp_path / "out", pack_wheel(tmp_path))
    written = tmp_path / "out" / "web"
    assert (written / "requirements.txt").read_text() == "scikit-learn==1.7.2\n"
    assert "handler/requirements.txt" in (written / "function.yaml").read_text()
    assert (written / "modelmon-image" / "constraints.txt").read_text() == installed_wheel().constraints


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--find-links ./wheels", "names a folder of this machine, which no image has"),
        ("--extra-index-url https://${TOKEN}@own.example/simple", "an image is built without this machine's"),
        ("scikit learn", "is no requirement"),
    ],
    ids=["folder", "variable", "line"],
)
def test_requirements_that_no_image_can_have_are_refused_before_anything_is_built(
    line: str, said: str, tmp_path: Path
) -> None:
    folder = folder_with(tmp_path, f"{line}\n")
    (found,) = check_function(folder / "function.yaml", "web", plan_of())
    assert said in found.problem
    with pytest.raises(ConfigError, match=said):
        bundle(plan_of(), {"web": folder}, tmp_path / "out", pack_wheel(tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_bundle_without_its_wheel_is_found(tmp_path: Path) -> None:
    bundle(plan_of(), {"modelmon-writer": template("writer")}, tmp_path / "out", pack_wheel(tmp_path))
    folder = tmp_path / "out" / "modelmon-writer"
    assert check_function(folder / "function.yaml", "modelmon-writer", plan_of()) == []
    text = (folder / "function.yaml").read_text()
    (folder / "function.yaml").write_text(text.replace("pip install --no-cache-dir --no-deps", "ls"))
    (found,) = check_function(folder / "function.yaml", "modelmon-writer", plan_of())
    assert (found.level, found.key) == ("error", "spec.build")
    assert f"the wheel beside it, {WHEEL}, is not installed; bundle it anew" in str(found)
    (folder / WHEEL).unlink()
    (found,) = check_function(folder / "function.yaml", "modelmon-writer", plan_of())
    assert "no wheel lies beside it" in found.problem


def test_the_reference_shows_the_build_that_is_rendered() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "images-and-containers.md").read_text()
    block = page.partition("# dist/functions/serving/function.yaml, spec.build\n")[2].partition("```")[0]
    shown = yaml.safe_load(block)
    text = (template("serving") / "function.yaml").read_text()
    rendered = render_function(text, "serving", plan_of(), installed_wheel(), ("scikit-learn",)).text
    assert yaml.safe_load(rendered)["spec"]["build"] == shown

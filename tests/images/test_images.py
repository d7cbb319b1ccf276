"""Images of the functions, built by Docker as Nuclio would build them: `make test-images`.

Needs root, dockerd and debootstrap, and is skipped by name without. Nothing is pulled from a registry.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from modelmon.function_spec.own_apps import OWN_APPS

from . import debian
from .building import build, run
from .docker import Docker, NoDaemonError, daemon
from .needs import missing

BASE = "python:3.11-slim"  # what the function folders name, here made of Debian's own Python
ROOT = Path(__file__).parents[2]
PROJECT = """
import modelmon
from modelmon.function_spec.own_apps import OWN_APPS
APPS = list(OWN_APPS)
project = modelmon.get_or_create_project("churn", context=".")
project.enable_model_monitoring(apps=APPS)
app = project.set_model_monitoring_function(
    "rows", "app.py", application_class="Rows", requirements=["tomli==2.0.1"]
)
project.deploy_function(app)
serving = project.set_function("serving.py", name="serving", kind="serving")
serving.add_model("churn", class_name="ChurnModel")
serving.set_tracking()
project.deploy_function(serving)
project.set_job("retrain", "job.py").deploy()
"""
JOB = """
from modelmon.nuclio import job_handlers
from modelmon.retraining import JobContext


def retrain(context: JobContext) -> None:
    pass


init_context, handler = job_handlers(retrain)
"""
SERVING = """
import sklearn
from modelmon import V2ModelServer


class ChurnModel(V2ModelServer):
    def load(self):
        pass

    def predict(self, request):
        return [0 for _ in request["inputs"]]
"""
APP = """
import tomli
from modelmon.apps import ModelMonitoringApplicationBase, ModelMonitoringApplicationMetric


class Rows(ModelMonitoringApplicationBase):
    def do_tracking(self, monitoring_context):
        return ModelMonitoringApplicationMetric("rows", len(monitoring_context.sample_df))
"""
ASKING = """
import asyncio
from nuclio_sdk import Event
from modelmon.api.function import make_function
from modelmon.nuclio.asgi import Lifespan, answer
from modelmon.settings import Settings

async def ask():
    page = make_function(Settings.load(project="churn", project_dir="/tmp", environ={}))
    alive = Lifespan(page)
    await alive.start()
    for path in ("/projects/churn/endpoints", "/docs", "/metrics", "/static/x/modelmon.css"):
        event = Event(path=path, method="GET", headers={"Host": "localhost"})
        print((await answer(page, alive.state, event)).status_code)
    await alive.end()

asyncio.run(ask())
"""
"""Pages with their templates, the style sheet, what Prometheus scrapes: over records in a file."""
OWN = [
    "modelmon-writer", "modelmon-stream", "modelmon-controller", "modelmon-api", "modelmon-exporter",
    "modelmon-notifier", *OWN_APPS,
]  # fmt: skip
FUNCTIONS = [*OWN, "rows", "serving", "retrain"]
EVERYTHING = {  # what has the functions that not every project has
    "MODELMON_DASHBOARD": "serve", "MODELMON_AUTH": "token", "MODELMON_OTLP_ENDPOINT": "http://collector:4318",
}  # fmt: skip
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def interfaces() -> set[str]:
    """The machine's network interfaces before there is a daemon of ours."""
    return _interfaces()


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory, interfaces: set[str]) -> Iterator[Docker]:
    """A daemon with the base image in it."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    try:
        root = debian.root()
    except RuntimeError as error:
        pytest.skip(str(error))
    try:
        with daemon() as client:
            _import(client, root, tmp_path_factory.mktemp("base"))
            yield client
    except NoDaemonError as error:
        pytest.skip(f"no Docker daemon can be started here: {error}")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ModelMon as `pip install` of a checkout leaves it: a copy, not the checkout."""
    site = tmp_path_factory.mktemp("site")
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", site, ROOT]
    subprocess.run(command, check=True, timeout=600)
    return site


@pytest.fixture(scope="module")
def project(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with every kind of function, deployed here by an installed ModelMon."""
    folder = tmp_path_factory.mktemp("churn")
    (folder / "serving.py").write_text(SERVING)
    (folder / "requirements.txt").write_text("scikit-learn\n")
    (folder / "app.py").write_text(APP)
    (folder / "job.py").write_text(JOB)
    (folder / "deploy.py").write_text(PROJECT)
    python(installed, folder, "deploy.py")
    return folder


@pytest.fixture(scope="module")
def images(
    docker: Docker, project: Path, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Function to the name of its image."""
    context = tmp_path_factory.mktemp("context")
    folders = bundled(project, installed, "out")
    return {name: build(docker, folders / name, BASE, context / name) for name in FUNCTIONS}


def bundled(project: Path, installed: Path, output: str, **settings: str) -> Path:
    environment = {f"MODELMON_{name.upper()}": value for name, value in settings.items()}
    arguments = ("-m", "modelmon.cli", "bundle", "--platform", "local", "--brokers", "kafka:9092")
    python(installed, project, *arguments, "--output", output, **environment)
    return project / output


def python(installed: Path, folder: Path, *arguments: str, **environment: str) -> None:
    paths = {"PYTHONPATH": str(installed), **EVERYTHING, **environment}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=os.environ | paths, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def _interfaces() -> set[str]:
    """Those that come and go with the containers of others apart."""
    return {each.name for each in Path("/sys/class/net").iterdir() if not each.name.startswith("veth")}


def _import(docker: Docker, root: Path, context: Path) -> None:
    """The base image: Debian, and what this machine's environment says of certificates and indexes."""
    environment = [f"ENV {name}={value}" for name, value in debian.environment().items()]
    docker.import_root(root, "debian-with-python", ["ENV PATH=/usr/local/bin:/usr/bin:/bin", *environment])
    (context / "certificates").write_bytes(debian.certificates())
    (context / "Dockerfile").write_text(f"FROM debian-with-python\nCOPY certificates {debian.CERTIFICATES}\n")
    docker("build", "--tag", BASE, str(context))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_of_every_function_can_be_imported_in_its_image(
    name: str, docker: Docker, images: dict[str, str]
) -> None:
    code = "import main; print(callable(main.handler), callable(main.init_context))"
    assert run(docker, images[name], code).split() == ["True", "True"]


@pytest.mark.parametrize(("name", "module"), [("serving", "sklearn"), ("rows", "tomli")])
def test_what_a_functions_own_code_imports_is_in_its_image(
    name: str, module: str, docker: Docker, images: dict[str, str]
) -> None:
    code = {"serving": "serving", "rows": "app"}[name]
    assert run(docker, images[name], f"import {code}; print({code}.{module}.__name__)").split() == [module]


def test_the_page_answers_in_its_image(docker: Docker, images: dict[str, str]) -> None:
    assert run(docker, images["modelmon-api"], ASKING).split() == ["200"] * 4


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_that_is_installed_fits_together(name: str, docker: Docker, images: dict[str, str]) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pip', 'check'])"
    assert "No broken requirements" in run(docker, images[name], code)


@pytest.mark.parametrize("name", OWN)
def test_the_versions_of_modelmons_own_functions_are_the_tested_ones(
    name: str, docker: Docker, images: dict[str, str]
) -> None:
    code = (
        "from importlib.metadata import distributions\n"
        "print(*(f'{each.name}=={each.version}' for each in distributions()))"
    )
    found = dict(_pins(run(docker, images[name], code).split()))
    tested = dict(_pins((ROOT / "constraints.txt").read_text().splitlines()))
    assert "numpy" in found
    known = found.keys() & tested.keys()
    assert {each: found[each] for each in known} == {each: tested[each] for each in known}


def _pins(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Name and version of each `name==version` that is for the Python of the images."""
    for line in lines:
        pin, _, mark = line.partition(";")
        if "==" in pin and ">=" not in mark:
            name, _, version = pin.strip().partition("==")
            yield re.sub(r"[-_.]+", "-", name).lower(), version


def test_a_changed_setting_builds_nothing_that_comes_before_the_copy(
    docker: Docker, images: dict[str, str], project: Path, installed: Path, tmp_path: Path
) -> None:
    before = docker.layers(images["modelmon-stream"])
    folders = bundled(project, installed, "again", grace_seconds="7")
    again = docker.layers(build(docker, folders / "modelmon-stream", BASE, tmp_path / "context"))
    lines = yaml.safe_load((folders / "modelmon-stream" / "function.yaml").read_text())["spec"]["build"]
    before_copy = [each["kind"] for each in lines["directives"]["preCopy"]]
    kept = 1 + len(before_copy) - before_copy.count("ENV")  # the base image, and a layer a line of the others
    assert again[:kept] == before[:kept]
    assert again[kept:] != before[kept:]


def test_functions_have_the_first_layers_in_common(docker: Docker, images: dict[str, str]) -> None:
    writer, stream = (docker.layers(images[name]) for name in ("modelmon-writer", "modelmon-stream"))
    core_and_stores = 1 + 4
    assert writer[:core_and_stores] == stream[:core_and_stores]
    assert docker.layers(images["serving"])[:3] == writer[:3]


def test_the_network_of_another_docker_stays_as_it_is(docker: Docker, interfaces: set[str]) -> None:
    added = _interfaces() - interfaces
    assert _interfaces() - added == interfaces
    assert len(added) == 1

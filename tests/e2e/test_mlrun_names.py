"""What MLRun 1.12.1 has is here, or is told: every name of its objects, every parameter of its calls."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import modelmon
from modelmon.apps import ModelMonitoringApplicationBase, MonitoringApplicationContext
from modelmon.from_mlrun.missing import NOT_HERE
from modelmon.project import Project, ServingFunction
from services.mlrun import mlrun_python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.e2e,
    pytest.mark.skipif(
        not mlrun_python().is_file(), reason="needs MLRun: python -m tests.services.install mlrun"
    ),
]
SCRIPT = Path(__file__).parents[1] / "services" / "mlrun_names.py"
KINDS: dict[str, type[Any]] = {
    "project": Project,
    "function": ServingFunction,
    "app": ModelMonitoringApplicationBase,
    "context": MonitoringApplicationContext,
}


@pytest.fixture(scope="module")
def mlrun(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("mlrun")
    environment = {**os.environ, "MLRUN_DBPATH": str(folder), "PYTHONPATH": ""}
    command = [str(mlrun_python()), "-P", str(SCRIPT)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


INNER = {
    "app": {"do", "get_job_handler", "kind", "meta_keys", "to_dict"},
    "project": {"context", "name"},
    "context": {"model_endpoint"},
    "function": {
        "clean_build_params", "detect_preemptible_affinity", "detect_preemptible_node_selector",
        "detect_preemptible_tolerations", "enrich_runtime_spec", "full_image_path",
        "get_default_priority_class_name", "has_user_set_plain_env", "is_model_monitoring_function", "kind",
        "list_valid_priority_class_names", "mark_env_auto_mount_injected", "mask_sensitive_data_in_config",
        "pre_deploy_validation", "prepare_image_for_deploy", "raise_preemptible_warning",
        "remove_auth_secret_volumes", "requires_build", "set_db_connection", "skip_image_enrichment", "spec",
        "store_run", "try_auto_mount_based_on_config", "validate", "validate_and_enrich_service_account",
    },
}  # fmt: skip
"""What MLRun's own machinery calls, or what our objects have from their making on and not their class."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_public_name_is_here_or_told(kind: str, mlrun: dict[str, Any]) -> None:
    here = set(dir(KINDS[kind])) | set(NOT_HERE[kind]) | INNER.get(kind, set())
    assert sorted(set(mlrun["names"][kind]) - here) == []


def test_every_parameter_is_taken_or_told(mlrun: dict[str, Any]) -> None:
    wrong = []
    for name, wanted in mlrun["calls"].items():
        owner, _, call = name.rpartition(".")
        ours = getattr(KINDS[owner] if owner else modelmon, call, None)
        if not callable(ours):
            continue
        taken = inspect.signature(ours).parameters
        if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
            continue
        wrong += [f"{name}({each}=)" for each in wanted if each not in taken]
    assert wrong == []

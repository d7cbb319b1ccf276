"""The built wheel, in environments of its own: what a model server gets, and what it does not."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("wheel")]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=580
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("modelmon-*.whl")
    return built


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv with the core alone, no pins of ours."""
    folder = tmp_path_factory.mktemp("core")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return python


def installed(python: Path) -> dict[str, str]:
    listed = json.loads(run(python, "-m", "pip", "list", "--format", "json", cwd=python.parent))
    return {package["name"].lower(): package["version"] for package in listed}


SERVE = """
import json, sys
from modelmon.serving import V2ModelServer, create_server
print(json.dumps(sorted(m for m in sys.modules if "." not in m)))
"""


def test_the_core_brings_none_of_the_heavy_packages(core: Path) -> None:
    assert not {"storey", "pandas", "pyarrow", "sqlalchemy", "scipy", "kafka-python", "v3io"} & set(
        installed(core)
    )


def test_the_serving_side_imports_none_of_the_heavy_packages(core: Path) -> None:
    """Not NumPy either, which would double the time of the import (`make bench`)."""
    imported = set(json.loads(run(core, "-c", SERVE, cwd=core.parent)))
    assert "modelmon" in imported
    assert not {"numpy", "storey", "pandas", "pyarrow", "sqlalchemy", "scipy", "kafka"} & imported


def test_the_core_works_beside_the_newest_numpy_and_pandas(core: Path) -> None:
    run(core, "-m", "pip", "install", "--quiet", "--upgrade", "numpy", "pandas", cwd=core.parent)
    run(core, "-m", "pip", "check", cwd=core.parent)
    versions = installed(core)
    assert int(versions["numpy"].split(".")[0]) >= 2
    assert int(versions["pandas"].split(".")[0]) >= 3
    run(core, "-c", SERVE, cwd=core.parent)


def test_the_wheel_carries_the_function_folders(core: Path) -> None:
    code = (
        "import modelmon, pathlib; folder = pathlib.Path(modelmon.__file__).parent / '_functions'; "
        "print(*sorted(path.parent.name for path in folder.rglob('function.yaml')))"
    )
    assert run(core, "-c", code, cwd=core.parent).split() == [
        "_template",
        "_template",
        "anomalies",
        "api",
        "concept_drift",
        "controller",
        "data_quality",
        "data_skew",
        "drift",
        "exporter",
        "histogram_drift",
        "model_performance",
        "notifier",
        "service",
        "serving",
        "stream",
        "writer",
    ]


def test_help_works_with_the_core_alone(core: Path) -> None:
    assert "status" in run(core.parent / "modelmon", "--help", cwd=core.parent)


def test_the_packed_wheel_holds_what_the_built_one_holds(core: Path, wheel: Path, tmp_path: Path) -> None:
    """By an installed ModelMon, without a checkout and without a build tool."""
    run(core.parent / "modelmon", "bundle", "--output", tmp_path / "out", cwd=tmp_path)
    packed = contents(tmp_path / "out" / "modelmon-writer" / wheel.name)
    built = contents(wheel)
    assert packed.keys() == built.keys()
    assert {name for name in built if built[name] != packed[name]} == {
        f"modelmon-0.1.0.dist-info/{name}" for name in ("RECORD", "WHEEL")
    }


def contents(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}

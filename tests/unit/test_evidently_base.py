"""The base of Evidently's apps where there is no Evidently, or another one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modelmon.apps import EvidentlyModelMonitoringApplicationBase
from modelmon.apps.evidently_version import REQUIREMENTS, check_evidently
from modelmon.errors import ConfigError
from modelmon.function_spec.requirements import check_requirements

RIGHT = "write 'evidently>=0.7.5,<0.8' and 'pandas<3.1'; name its package in requirements="


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str, code: str = "") -> None:
    """An Evidently of this version, as far as Python can tell."""
    info = folder / f"evidently-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: evidently\nVersion: {version}\n")
    (folder / "evidently.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "evidently", raising=False)


@pytest.mark.slow
def test_importing_the_class_imports_no_evidently() -> None:
    code = (
        "import sys; from modelmon.apps import EvidentlyModelMonitoringApplicationBase; "
        "from modelmon.model_monitoring.applications.evidently import _HAS_EVIDENTLY; "
        "print(_HAS_EVIDENTLY, 'evidently' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


def test_without_it_an_app_says_which_lines_bring_it() -> None:
    class App(EvidentlyModelMonitoringApplicationBase):
        def do_tracking(self, monitoring_context: object) -> None: ...

    with pytest.raises(ConfigError) as caught:
        App("0199c3a1-7d0e-7000-8000-3f2b5c9d1e4a", "workspace")
    assert str(caught.value).startswith(f"this app needs Evidently, which is not installed: {RIGHT}")


@pytest.mark.parametrize("version", ["0.4.40", "0.6.7", "0.7.4", "0.8.0", "1.0"])
def test_another_version_is_told_with_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    installed(tmp_path, monkeypatch, version)
    with pytest.raises(ConfigError) as caught:
        check_evidently()
    assert str(caught.value).startswith(
        f"Evidently {version} is installed, and this app needs evidently<0.8,>=0.7.5: {RIGHT}"
    )


def test_one_that_fits_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch, "0.7.23")
    check_evidently()


def test_one_that_cannot_be_imported_beside_this_pandas_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch, "0.7.23", "raise AttributeError('infer_dtype_from_object')")
    with pytest.raises(
        ConfigError, match=r"can't be imported beside pandas \d.*infer_dtype_from_object.*pandas<3\.1"
    ):
        check_evidently()


def test_the_lines_are_requirements_and_the_examples_own() -> None:
    check_requirements(REQUIREMENTS, Path())
    own = (Path(__file__).parents[2] / "examples" / "evidently" / "requirements.txt").read_text()
    assert "evidently==0.7" in own
    assert REQUIREMENTS[1] in own

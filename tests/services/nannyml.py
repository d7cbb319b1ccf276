"""NannyML in an environment of its own: CBPE is held to its numbers and to its time. Its telemetry is off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelmon.function_spec.telemetry import NO_TELEMETRY

from .install import install_once, services_folder

NANNYML_VERSION = "0.13.1"
INSTALL_SECONDS = 900
UNDECLARED = "statsmodels"  # it imports it, and does not ask for it
SCRIPT = Path(__file__).with_name("nannyml_cbpe.py")


def nannyml_python() -> Path:
    """NannyML's interpreter, whether it is installed or not."""
    return services_folder() / f"nannyml-{NANNYML_VERSION}" / "venv" / "bin" / "python"


def install_nannyml() -> bool:
    """Install NannyML unless it is there; says whether it had to. Raises RuntimeError with pip's reason."""
    return install_once(nannyml_python().parents[1], _fetch)


def _fetch(folder: Path) -> None:
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", f"nannyml=={NANNYML_VERSION}", UNDECLARED],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        if done.returncode:
            raise RuntimeError(f"NannyML {NANNYML_VERSION} could not be installed:\n{done.stderr[-3000:]}")


@dataclass(frozen=True)
class CarLoans:
    """NannyML's car loans: reference and analysis rows as (rows, [score, predicted, actual]), what NannyML
    estimates of each chunk by metric, and what that cost: CPU seconds of fitting and of estimating."""

    reference: np.ndarray
    analysis: np.ndarray
    chunk_rows: int
    estimates: dict[str, list[float]]
    fit_seconds: float
    estimate_seconds: float


def car_loans(folder: Path) -> CarLoans:
    """Run CBPE of NannyML, with no connection but to this machine; its rows and numbers."""
    install_nannyml()
    environment = {
        **os.environ,
        **NO_TELEMETRY,
        "PYTHONPATH": "",
        "MPLCONFIGDIR": str(folder),
    }
    rows = folder / "rows.npz"
    command = [str(nannyml_python()), "-P", str(SCRIPT), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=600)
    if done.returncode:
        raise RuntimeError(f"NannyML failed:\n{done.stderr[-3000:]}")
    with np.load(rows) as arrays:
        return CarLoans(arrays["reference"], arrays["analysis"], **json.loads(done.stdout.splitlines()[-1]))

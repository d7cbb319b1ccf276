"""Every measurement can be found and started as `make bench` starts it; one runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_make_bench_finds_every_measurement_and_writes_its_table(tmp_path: Path) -> None:
    (command,) = re.findall(
        r"@PYTHONPATH=tests \$\(BIN\)/python (-m tests\.bench)", (ROOT / "Makefile").read_text()
    )
    code = f"""
import importlib
from pathlib import Path
import tests.bench.__main__ as bench
for path in bench.HERE.glob("bench_*.py"):
    assert callable(importlib.import_module(f"tests.bench.{{path.stem}}").measure), path
bench.OUTPUT = Path({str(tmp_path)!r}) / "p" / "build" / "bench.json"
bench.main(["folding"])
"""
    environment = os.environ | {"PYTHONPATH": "tests"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert command == "-m tests.bench"
    assert done.returncode == 0, done.stderr
    entries = json.loads((tmp_path / "p" / "build" / "bench.json").read_text())
    assert entries
    assert all(set(entry) == {"name", "value", "unit", "limit", "ratio"} for entry in entries)

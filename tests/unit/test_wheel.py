"""ModelMon's own wheel, packed from the files that run here."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from zipfile import ZipFile

import pytest

from modelmon import wheel as wheels
from modelmon.errors import ConfigError
from modelmon.wheel import installed_wheel, read_wheel
from quicker import pack_wheel_anew as pack_wheel

ROOT = Path(__file__).parents[2]


def test_it_holds_the_package_the_function_folders_and_the_constraints(tmp_path: Path) -> None:
    with ZipFile(pack_wheel(tmp_path)) as archive:
        names = set(archive.namelist())
        assert archive.read("modelmon/wheel.py") == Path(wheels.__file__).read_bytes()
        assert archive.read("modelmon/constraints.txt") == (ROOT / "constraints.txt").read_bytes()
    assert "modelmon/_functions/apps/_template/function.yaml" in names
    assert "modelmon-0.1.0.dist-info/entry_points.txt" in names
    assert "modelmon-0.1.0.dist-info/licenses/LICENSE" in names
    assert not [name for name in names if "__pycache__" in name or "direct_url" in name]


def test_its_record_names_every_file_with_its_digest(tmp_path: Path) -> None:
    with ZipFile(pack_wheel(tmp_path)) as archive:
        rows = list(csv.reader(io.StringIO(archive.read("modelmon-0.1.0.dist-info/RECORD").decode())))
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        for name, digest, size in rows[:-1]:
            content = archive.read(name)
            expected = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={expected}", str(len(content))), name


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    one, other = pack_wheel(tmp_path / "one"), pack_wheel(tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()


def test_it_says_what_installing_it_takes(tmp_path: Path) -> None:
    found = read_wheel(pack_wheel(tmp_path))
    assert found == installed_wheel()
    assert any(line.startswith("storey") and "extra" in line for line in found.requires)
    assert "storey==" in found.constraints


def test_a_wheel_without_constraints_has_none(tmp_path: Path) -> None:
    path = tmp_path / "modelmon-0.0.1-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr("modelmon-0.0.1.dist-info/METADATA", "Name: modelmon\nRequires-Dist: numpy\n\n")
    assert (read_wheel(path).requires, read_wheel(path).constraints) == (("numpy",), "")


@pytest.mark.parametrize("content", [None, b"", b"PK\x05\x06" + bytes(18)], ids=["none", "text", "empty-zip"])
def test_what_is_no_wheel_of_modelmon_is_refused_by_its_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.whl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"other\.whl is no wheel of ModelMon; leave out --wheel"):
        read_wheel(path)


@pytest.mark.slow
def test_an_installed_modelmon_packs_the_wheel_that_it_came_from(tmp_path: Path) -> None:
    """As `pip install` leaves it: no checkout, no build tool, no pip."""
    packed = pack_wheel(tmp_path)
    site = tmp_path / "site"
    with ZipFile(packed) as archive:
        archive.extractall(site)
    (site / "modelmon" / "__pycache__").mkdir()
    (site / "modelmon" / "__pycache__" / "alerts.cpython-311.pyc").touch()
    (site / "modelmon-0.1.0.dist-info" / "direct_url.json").write_text(json.dumps({"url": "file:///gone"}))
    again = tmp_path / "again"
    again.mkdir()
    code = (
        f"from modelmon.wheel import pack_wheel; from pathlib import Path; pack_wheel(Path({str(again)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(site)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (again / packed.name).read_bytes() == packed.read_bytes()

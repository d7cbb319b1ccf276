"""The tests of images say what they lack, and take Debian's mirror from apt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from images import debian, needs


def test_what_the_tests_of_images_lack_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert needs.missing().startswith("needs root")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    for program in needs.PROGRAMS:
        assert needs.missing() == f"needs {program}: apt-get install docker.io debootstrap iproute2"
        (tmp_path / program).symlink_to("/bin/true")
    monkeypatch.setattr(debian, "mirror", lambda: "")
    assert needs.missing() == "needs a Debian mirror among apt's sources"
    monkeypatch.setattr(debian, "mirror", lambda: "http://mirror.example/debian")
    assert needs.missing() == ""


@pytest.mark.parametrize(
    ("file", "text", "mirror"),
    [
        (
            "sources.list.d/debian.sources",
            "Types: deb\n# http://old.example/debian\nURIs: http://mirror.example/debian\n",
            "http://mirror.example/debian",
        ),
        (
            "sources.list",
            "deb http://mirror.example/debian-security bookworm-security main\n"
            "deb [arch=amd64] https://mirror.example/debian/ bookworm main\n",
            "https://mirror.example/debian/",
        ),
        ("sources.list", "deb http://mirror.example/ubuntu noble main\n", ""),
    ],
    ids=["sources", "list", "none"],
)
def test_the_mirror_is_the_one_that_apt_uses(
    file: str, text: str, mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    monkeypatch.setattr(debian, "APT", tmp_path)
    assert debian.mirror() == mirror

"""The how-tos on Nuclio and the README's section on it: every command is run, or says why not.

The stand-in for nuctl looks at what it is given. No broker is here: blocks that run deploy.py are marked as
not run, and it is run with streams of SQLite before the commands behind it. The README's blocks are run by
tests/e2e/test_readme.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import nuctl_stand_in
from modelmon.alerting import check_alerts
from modelmon.settings import FILE_NAME, Settings
from modelmon.wheel import pack_wheel

ROOT = Path(__file__).parents[2]
NOT_RUN = re.compile(r"# not run: needs \w+")
ALERTS = "# alerts.yaml\n"
FIRST_LINES = {"yaml": ("# modelmon.yaml\n", ALERTS), "python": ("# deploy.py\n",)}


PAGES = {
    name: (ROOT / "docs" / "how-to" / f"{name}.md").read_text(encoding="utf-8")
    for name in (
        "deploy-to-nuclio",
        "deploy-to-kubernetes",
        "secrets-under-nuclio",
        "size-functions-under-nuclio",
    )
}


class Block(NamedTuple):
    section: str
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """What a reader types; a block of `text` is what he sees."""
    found = []
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            if language != "text":
                found.append(Block(section.splitlines()[0], language, text))
    return found


GUIDE = [block for page in PAGES.values() for block in blocks(page)]
FRONT = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
README = [block for block in FRONT if block.section == "Deploy to Nuclio"]
DOCKER = "On Docker"


def is_run(block: Block) -> bool:
    return not block.text.startswith("# not run")


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MODELMON_PROJECT_DIR", "V3IO_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELMON_NUCLIO_WHEEL", str(pack_wheel(tmp_path)))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return nuctl_stand_in.install(tmp_path / "nuctl", monkeypatch)


def do(block: Block) -> str:
    """Write the file, or run the commands; what they print."""
    if block.text.startswith(ALERTS):
        assert check_alerts(block.text).alerts is not None, check_alerts(block.text).findings
        return ""
    if block.language == "yaml":
        Path(FILE_NAME).write_text(block.text, encoding="utf-8")
        Settings.load(Path.cwd())
        return ""
    if block.language == "python":
        Path("deploy.py").write_text(block.text, encoding="utf-8")
        return ""
    streams = f"sqlite:///{Path.cwd()}/.modelmon/streams" if "deploy.py" in block.text else ""
    environ = os.environ | ({"MODELMON_STREAM_PATH": streams} if streams else {})
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_every_block_is_run_or_says_why_not() -> None:
    assert len(GUIDE) > 10
    for block in GUIDE:
        assert "python deploy.py" not in block.text or not is_run(block), "no broker is here"
    assert any(is_run(block) and block.language == "sh" for block in README)
    for block in [*GUIDE, *README]:
        assert block.language in ("sh", *FIRST_LINES), f"{block.section}: a block of {block.language!r}"
        if not is_run(block):
            assert NOT_RUN.match(block.text), block
        elif block.language != "sh":
            assert block.text.startswith(FIRST_LINES[block.language]), block


@pytest.mark.e2e
@pytest.mark.parametrize("page", list(PAGES))
def test_a_page_does_what_it_says(page: str, notes: Path) -> None:
    """After what the section on Docker begins with: modelmon.yaml, deploy.py and running it."""
    first = [block for block in GUIDE if block.section == DOCKER and is_run(block)]
    for block in first[:2]:
        do(block)
    do(Block(DOCKER, "sh", "python deploy.py"))
    for block in blocks(PAGES[page]):
        if block.section != DOCKER and is_run(block):
            assert "secret@" not in do(block)


@pytest.mark.e2e
def test_the_section_on_docker_deploys_everything_in_order(notes: Path) -> None:
    for block in GUIDE:
        if block.section == DOCKER and "python deploy.py" in block.text:
            do(Block(DOCKER, "sh", "python deploy.py"))
        elif block.section == DOCKER and is_run(block):
            do(block)
    deployed = [call[1] for call in nuctl_stand_in.calls(notes) if call[0] == "deploy"]
    everything = nuctl_stand_in.ORDER[:-1]
    first, again = deployed[: len(everything)], deployed[len(everything) :]
    assert (first[:2], first[-1]) == (["modelmon-stream", "modelmon-writer"], "modelmon-controller")
    assert sorted(first) == sorted(everything)  # deploy.py
    assert again == [*everything, "modelmon-stream"]  # modelmon deploy; the single one


def test_the_guide_names_every_setting_of_deploying() -> None:
    text = "".join(
        [*PAGES.values(), (ROOT / "docs/reference/checking-and-deploying.md").read_text(encoding="utf-8")]
    )
    for name in Settings.__dataclass_fields__:
        if name.startswith("nuclio_") or name.endswith(("_workers", "_replicas")) or name == "platform":
            assert f"`{name}`" in text or f"\n{name}:" in text, name

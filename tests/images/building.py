"""A function's image from its folder, by the lines that Nuclio's builder would write and in their order."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from .docker import Docker


def dockerfile(folder: Path, base: str) -> str:
    """As Nuclio's, but for the installation of its SDK from its own image: ModelMon brings the SDK too."""
    build = yaml.safe_load((folder / "function.yaml").read_text())["spec"]["build"]
    assert "commands" not in build, "Nuclio would drop the directives"
    before, after = (_lines(build["directives"][place]) for place in ("preCopy", "postCopy"))
    return "\n".join([f"FROM {base}", "ARG NUCLIO_LABEL", *before, "COPY handler /opt/nuclio", *after, ""])


def build(docker: Docker, folder: Path, base: str, context: Path) -> str:
    """Build the image of a bundled folder; its name."""
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(folder, context / "handler")
    (context / "Dockerfile.processor").write_text(dockerfile(folder, base))
    name = f"modelmon-test/{folder.name}"
    docker(
        "build", "--network", "host", "--file", f"{context}/Dockerfile.processor", "--tag", name, str(context)
    )
    return name


def run(docker: Docker, image: str, code: str) -> str:
    """What Python code prints in a container, where Nuclio's wrapper would begin."""
    options = ["--rm", "--network", "none", "--env", "PYTHONPATH=/opt/nuclio"]
    return docker("run", *options, image, "python", "-c", code)


def _lines(directives: list[dict[str, str]]) -> list[str]:
    return [f"{each['kind']} {each['value']}" for each in directives]

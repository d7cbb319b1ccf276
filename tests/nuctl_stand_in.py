"""A nuctl for tests: it notes how it is called and looks at the folder it is given as Nuclio's builder would.

NUCTL_STAND_IN names the folder of its notes; a file `fail-<name>` in it makes the call for `name` fail,
`hang-<name>` never end, and `there-<name>` holds the project whose function of that name is there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import yaml

WHEEL = "modelmon-0.1.0-py3-none-any.whl"
SERVERS = {
    "stream_path": "kafka://kafka:9092",
    "records_url": "postgresql+psycopg://mm:hunter2@db/mm",
    "samples_path": "s3://bucket/samples",
    "artifacts_path": "s3://bucket/artifacts",
}
SASL = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "SCRAM-SHA-512",
    "kafka_sasl_username": "modelmon",
    "kafka_sasl_password": "hunter3",
    "kafka_ssl_cafile": "/certificates/ca.pem",
}
ORDER = [
    "modelmon-writer",
    "modelmon-stream",
    "histogram-data-drift",
    "modelmon-controller",
    "modelmon-serving",
]


def install(folder: Path, monkeypatch: Any) -> Path:
    """Put the stand-in on the PATH; the folder of its notes."""
    programs, notes = folder / "programs", folder / "notes"
    programs.mkdir(parents=True)
    notes.mkdir()
    program = programs / "nuctl"
    tests = Path(__file__).parent
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(tests)!r})\nimport nuctl_stand_in\n"
        "sys.exit(nuctl_stand_in.main(sys.argv[1:]))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NUCTL_STAND_IN", str(notes))
    return notes


def calls(notes: Path) -> list[list[str]]:
    """How it was called, in order."""
    path = notes / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main(arguments: list[str]) -> int:
    notes = Path(os.environ["NUCTL_STAND_IN"])
    if arguments[0] == "get":
        return _get(notes, arguments)
    with (notes / "calls.jsonl").open("a") as file:
        file.write(json.dumps(arguments) + "\n")
    what, name = arguments[0], arguments[1] if arguments[0] == "deploy" else arguments[2]
    if (notes / f"fail-{name}").exists():
        print(f"Failed to deploy function with {' '.join(arguments)}", file=sys.stderr)
        return 1
    if (notes / f"hang-{name}").exists():
        print(f"Building {' '.join(arguments)}", flush=True)
        signal.pause()
    if what == "create":
        return _create(notes / f"project-{name}")
    if what == "deploy":
        problems = look_at(Path(arguments[arguments.index("--path") + 1]), arguments)
        print("\n".join(problems), file=sys.stderr)
        if not problems:
            project = arguments[arguments.index("--project-name") + 1]
            (notes / f"there-{name}").write_text(project)
        return 1 if problems else 0
    return 0


def _get(notes: Path, arguments: list[str]) -> int:
    """As `nuctl get function NAME --output json`, with a line of its log before."""
    assert arguments[1] == "function", arguments
    assert arguments[-2:] == ["--output", "json"], arguments
    found = notes / f"there-{arguments[2]}"
    if not found.exists():
        print("Error - No functions found", file=sys.stderr)
        return 1
    labels = {"nuclio.io/project-name": found.read_text()}
    print("26.11.21 12:00:00.000 nuctl (D) Got functions")
    print(json.dumps({"metadata": {"name": arguments[2], "labels": labels}}, indent=2))
    return 0


def _create(project: Path) -> int:
    """As on Kubernetes: a project is made once."""
    if project.exists():
        print("projects.nuclio.io already exists", file=sys.stderr)
        return 1
    project.touch()
    return 0


def look_at(folder: Path, arguments: list[str]) -> list[str]:
    """What is wrong with the folder of a function."""
    from modelmon.deploying.check import check_file
    from modelmon.deploying.target import Target

    platform = arguments[arguments.index("--platform") + 1]
    found = check_file(folder / "function.yaml", Target(platform))
    problems = [str(finding) for finding in found if finding.level == "error"]
    if "${" in (folder / "function.yaml").read_text():
        problems.append("a placeholder is left")
    if yaml.safe_load((folder / "function.yaml").read_text())["metadata"]["name"] != arguments[1]:
        problems.append("the function has another name")
    wheels = [path.name for path in folder.glob("*.whl")]
    commands = yaml.safe_load((folder / "function.yaml").read_text())["spec"]["build"]["commands"]
    if len(wheels) != 1 or not any(f"/opt/nuclio/{wheels[0]}[" in command for command in commands):
        problems.append(f"wheels {wheels}, commands {commands}")
    problems += [
        f"{path} is no part of a function"
        for path in folder.rglob("*")
        if path.is_symlink()
        or path.name == "__pycache__"
        or (path.name.startswith(".") and path.name != ".modelmon-bundle")
    ]
    return problems if (folder / "main.py").is_file() else [*problems, "no main.py"]

"""A nuctl for tests, which behaves as the real one of 1.14.1 was seen to on Docker: the states of a function,
what it refuses, its log, its answers, and the stack of Go that ends whatever fails.

NUCTL_STAND_IN names the folder of its notes. It notes how it is called, and looks at the folder it is
given as Nuclio's builder would. Files among the notes make it misbehave:

- `fail-<name>`: the image is not built; its text is the installer's
- `crash-<name>`: the container ends; its text is the worker's log
- `hang-<name>`: the build never ends
- `wait-<name>`: the container never gets ready
- `port-<name>`: where its HTTP trigger is published, 32768 without
- `silent`: no `get` is answered
- `answer`: what every `get` prints
- `no-docker`: Docker's daemon is away

While it hangs, `hanging` holds its process id and that of what it has started.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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
    "data-quality",
    "drift",
    "histogram-data-drift",
    "model-performance",
    "service",
    "modelmon-controller",
    "modelmon-notifier",
    "modelmon-serving",
]


NO_DOCKER = "Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?"
REFUSED = "Function cannot be updated when existing function is being provisioned"
NOT_DELETED = "Function is being provisioned and cannot be deleted"
PROVISIONED = ("ready", "error", "unhealthy", "scaledToZero", "imported")
_TRACEBACK = """\
Traceback (most recent call last):
  File "/opt/nuclio/_nuclio_wrapper.py", line 547, in run_wrapper
    wrapper_instance = Wrapper(root_logger,
                       ^^^^^^^^^^^^^^^^^^^^
  File "<frozen importlib._bootstrap>", line 1176, in _find_and_load
  File "/opt/nuclio/main.py", line 1, in <module>
    import sklearn
ModuleNotFoundError: No module named 'sklearn'
"""
_CAUGHT = {
    "datetime": "2026-11-29 22:32:04,364",
    "level": "error",
    "message": "Caught unhandled exception while initializing",
    "with": {"err": "No module named 'sklearn'", "traceback": _TRACEBACK, "worker_id": "0"},
}
NO_SKLEARN = json.dumps(_CAUGHT) + "\n"
"""What a worker whose module is missing says before it ends, as `crash-<name>` takes it."""


def end_when_hanging(notes: Path, monkeypatch: Any, until: Callable[[], bool] = lambda: True) -> None:
    """Have the time of a call be over as soon as the stand-in hangs and `until` is so, however busy this
    machine is. `hung` then holds the process ids."""

    def wait(process: subprocess.Popen[str], within_seconds: float) -> int | None:
        hanging = notes / "hanging"
        while process.poll() is None and not (hanging.exists() and until()):
            time.sleep(0.01)
        if process.poll() is None:
            hanging.rename(notes / "hung")
        return process.poll()

    monkeypatch.setattr("modelmon.deploying.nuctl_process._wait", wait)


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


def install_docker(notes: Path, log: str) -> None:
    """Put a docker beside it that answers `docker logs NAME` by `log`."""
    program = notes.parent / "programs" / "docker"
    (notes / "container.log").write_text(log)
    program.write_text(
        f'#!/bin/sh\n[ "$1" = logs ] && echo "$2" >> {notes}/asked && cat {notes}/container.log\n'
    )
    program.chmod(0o755)


def put(
    notes: Path, name: str, project: str, state: str = "ready", namespace: str = "nuclio", port: int = 0
) -> None:
    """Have a function on Nuclio."""
    labels = {"nuclio.io/project-name": project}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    status: dict[str, Any] = {"state": state, "logs": [{"level": "info", "message": "Deploying function"}]}
    if port:
        status |= {"httpPort": port, "internalInvocationUrls": ["172.17.0.4:8080"]}
        status["externalInvocationUrls"] = [f"0.0.0.0:{port}"]
    path = _record(notes, namespace, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"metadata": metadata, "spec": {"handler": "main:handler"}, "status": status}))


def state(notes: Path, name: str, namespace: str = "nuclio") -> str:
    """The state of a function on Nuclio, "" when it is not there."""
    path = _record(notes, namespace, name)
    return json.loads(path.read_text())["status"]["state"] if path.exists() else ""


def main(arguments: list[str]) -> int:
    notes = Path(os.environ["NUCTL_STAND_IN"])
    if (notes / "no-docker").exists():
        said = f"stdout:\n{NO_DOCKER}\n\nstderr:\n"
        return _fail("exit status 1", said, "Failed to create container image builder pusher")
    if arguments[0] == "get":
        return _get(notes, arguments)
    with (notes / "calls.jsonl").open("a") as file:
        file.write(json.dumps(arguments) + "\n")
    commands = {"create": _create, "deploy": _deploy, "delete": _delete}
    return commands[arguments[0]](notes, arguments)


def _get(notes: Path, arguments: list[str]) -> int:
    """One is a document, several are a list; none is a sentence, and an error if it is named."""
    assert arguments[-2:] == ["--output", "json"], arguments
    if (notes / "silent").exists():
        _hang(notes)
    if (notes / "answer").exists():
        sys.stdout.write((notes / "answer").read_text())
        return 0
    named = arguments[1] == "function"
    assert named or arguments[1] == "functions", arguments
    folder = _record(notes, _namespace(arguments), "").parent
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    found = [each for each in found if not named or each["metadata"]["name"] == arguments[2]]
    if not found:
        sys.stdout.write("No functions found" if named else "No functions found\n")
        return 1 if named else 0
    print(json.dumps(found[0] if len(found) == 1 else found, indent="\t"))
    return 0


def _create(notes: Path, arguments: list[str]) -> int:
    """On Docker a project can be made as often as one likes, on Kubernetes once."""
    project = notes / f"project-{arguments[2]}"
    if project.exists() and "kube" in arguments:
        return _fail(f'projects.nuclio.io "{arguments[2]}" already exists', "Failed to create project")
    project.touch()
    _log("I", "nuctl", "Project created", Name=arguments[2], Namespace=_namespace(arguments))
    return 0


def _delete(notes: Path, arguments: list[str]) -> int:
    name, namespace = arguments[2], _namespace(arguments)
    found = state(notes, name, namespace)
    if found and found not in PROVISIONED and "--force" not in arguments:
        _log(
            "W", "nuctl.platform", "Function cannot be deleted as it is being provisioned", functionName=name
        )
        return _fail(NOT_DELETED, "Failed to validate function-deletion options")
    if found:
        _record(notes, namespace, name).unlink()
        _log("I", "nuctl.platform", "Successfully deleted function", name=name)
    return 0


def _deploy(notes: Path, arguments: list[str]) -> int:
    name, namespace = arguments[1], _namespace(arguments)
    folder = Path(arguments[arguments.index("--path") + 1])
    project = arguments[arguments.index("--project-name") + 1]
    if state(notes, name, namespace) not in ("", *PROVISIONED):
        return _fail(REFUSED, "Failed to validate a function configuration against an existing configuration")
    _log("I", "nuctl", "Deploying function", name=name)
    _log("I", "nuctl", "Building", builderKind="docker", versionInfo="Label: 1.14.1", name=name)
    put(notes, name, project, "building", namespace)
    # The real one leaves the configuration, secrets included, in the folder it is called in while it works.
    leavings = Path(f"nuclio-contents-temp-file-{os.getpid()}")
    leavings.write_bytes(base64.b64encode(" ".join(arguments).encode()))
    problem = _build(notes, name, folder, arguments)
    if problem is not None:
        put(notes, name, project, "error", namespace)
        return problem
    _log("I", "nuctl", "Cleaning up before deployment", functionName=name)
    _log("I", "nuctl.platform", "Waiting for function to be ready", timeout=120)
    if (notes / f"wait-{name}").exists():
        _hang(notes)
    crash = notes / f"crash-{name}"
    if crash.exists():
        put(notes, name, project, "error", namespace)
        return _crash(crash.read_text())
    port = _port(notes, name)
    put(notes, name, project, "ready", namespace, port)
    leavings.unlink()
    _log("I", "nuctl", "Function deploy complete", functionName=name, httpPort=port)
    return 0


def _build(notes: Path, name: str, folder: Path, arguments: list[str]) -> int | None:
    _log("I", "nuctl", "Staging files and preparing base images")
    _log(
        "I", "nuctl.platform.docker", "Pulling image", imageName="registry.example/nuclio/uhttpc:0.0.1-amd64"
    )
    _log("I", "nuctl.platform", "Building docker image", image=f"nuclio/processor-{name}:latest")
    if (notes / f"hang-{name}").exists():
        docker = subprocess.Popen(["sleep", "600"])
        _hang(notes, docker.pid)
    problems = look_at(folder, arguments)
    fail = notes / f"fail-{name}"
    if problems or fail.exists():
        said = "\n".join(problems) or fail.read_text() or "ERROR: No matching distribution found for nothing"
        return _fail_build(said, arguments)
    _log("I", "nuctl", "Build complete", image=f"nuclio/processor-{name}:latest")
    return None


def _hang(notes: Path, *started: int) -> None:
    (notes / "hanging.new").write_text(" ".join(map(str, [os.getpid(), *started])))
    (notes / "hanging.new").rename(notes / "hanging")
    signal.pause()


def _port(notes: Path, name: str) -> int:
    """Docker publishes one of every function, whatever its triggers are."""
    chosen = notes / f"port-{name}"
    return int(chosen.read_text()) if chosen.exists() else 32768


def _fail_build(said: str, arguments: list[str]) -> int:
    """With the whole output of `docker build`, twice: escaped in a line of its log, and on stderr."""
    output = f"Step 12/13 : RUN {' '.join(arguments)}\n ---> Running in fe6d8d4d249e\n\x1b[91m{said}\n\x1b[0m"
    output += "Removing intermediate container fe6d8d4d249e\n"
    command = "The command '/bin/sh -c pip install x' returned a non-zero code: 1"
    verbose = (
        f"\nError - exit status 1\n    .../pkg/cmdrunner/shellrunner.go:114\n\nCall stack:\nstdout:\n{output}"
    )
    _log(
        "W", "nuctl", "Failed to create a function; setting the function status",
        err="Failed to build processor image", errVerbose=verbose,
    )  # fmt: skip
    return _fail(
        "exit status 1", f"stdout:\n{output}\nstderr:\n{command}\n", "Failed to build processor image"
    )


def _crash(container: str) -> int:
    """With the whole log of the container, in which the processor shows its configuration and panics."""
    end = "panic: Wrapper process for worker 0 exited unexpectedly with: exit status 1\n\n"
    end += "goroutine 28 [running]:\n"
    end += "github.com/nuclio/nuclio/pkg/processor/runtime/rpc.(*AbstractRuntime).watch(0x2d4e39808630)\n"
    end += "\t/nuclio/pkg/processor/runtime/rpc/abstract.go:330 +0x4e6\n"
    read = _logged("I", "processor", "Starting processor", version="Label: latest")
    read += "\n" + _logged("D", "processor", "Read configuration", config="{\n}")
    return _fail(
        "Container exited with status: 2",
        "Container 4c63c1afcb3d is not healthy",
        f"Function wasn't ready in time. Logs:\n{read}\n{container}{end}",
    )


def _fail(cause: str, *calls: str) -> int:
    """The end of whatever fails: Go's stack on stderr."""
    stack = "".join(f"\n{call}\n    .../real/nuclio/pkg/platform/local/platform.go:221" for call in calls)
    print(
        f"\nError - {cause}\n    .../real/nuclio/pkg/platform/local/platform.go:221\n\nCall stack:{stack}"
        "\nFailed to deploy function\n    .../real/nuclio/pkg/platform/abstract/platform.go:236",
        file=sys.stderr,
    )
    return 1


def _log(level: str, who: str, message: str, **fields: Any) -> None:
    print(_logged(level, who, message, **fields), flush=True)


def _logged(level: str, who: str, message: str, **fields: Any) -> str:
    """A line of Nuclio's log, in its colours."""
    more = f" {json.dumps(fields)}" if fields else ""
    return f"26.11.29 22:31:26.262 \x1b[34m({level})\x1b[0m \x1b[37m{who:>25}\x1b[0m {message}{more}"


def _record(notes: Path, namespace: str, name: str) -> Path:
    return notes / "functions" / namespace / f"{name}.json"


def _namespace(arguments: list[str]) -> str:
    return arguments[arguments.index("--namespace") + 1] if "--namespace" in arguments else "nuclio"


def _is_there(folder: Path, copied: str) -> bool:
    """The builder has the function's folder under this name."""
    return copied.startswith("handler/") and (folder / copied.removeprefix("handler/")).is_file()


def look_at(folder: Path, arguments: list[str]) -> list[str]:
    """What is wrong with the folder of a function."""
    from modelmon.deploying.checking.check import check_file
    from modelmon.deploying.checking.target import Target

    platform = arguments[arguments.index("--platform") + 1]
    found = check_file(folder / "function.yaml", Target(platform))
    problems = [str(finding) for finding in found if finding.level == "error"]
    if "${" in (folder / "function.yaml").read_text():
        problems.append("a placeholder is left")
    if yaml.safe_load((folder / "function.yaml").read_text())["metadata"]["name"] != arguments[1]:
        problems.append("the function has another name")
    wheels = [path.name for path in folder.glob("*.whl")]
    if len(wheels) != 1:
        problems.append(f"wheels {wheels}")
    build = yaml.safe_load((folder / "function.yaml").read_text())["spec"]["build"]
    for directive in build["directives"]["preCopy"]:
        copied = directive["value"].split()[:-1] if directive["kind"] == "COPY" else []
        problems += [f"COPY of {each}: not there" for each in copied if not _is_there(folder, each)]
    problems += [
        f"{path} is no part of a function"
        for path in folder.rglob("*")
        if path.is_symlink()
        or path.name == "__pycache__"
        or (path.name.startswith(".") and path.name != ".modelmon-bundle")
    ]
    return problems if (folder / "main.py").is_file() else [*problems, "no main.py"]

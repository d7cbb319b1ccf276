"""The reason of a failed deployment, in what nuctl 1.14.1, Docker and containers were seen to say."""

from __future__ import annotations

import pytest

from modelmon.deploying.progress import step_in
from modelmon.deploying.reasons import mend_of, reason_in, tail

GO = """
Error - {cause}
    .../real/nuclio/pkg/platform/local/platform.go:221

Call stack:
Failed to validate a function configuration against an existing configuration
    .../real/nuclio/pkg/platform/local/platform.go:221
"""
PIP = """
Error - exit status 1
    .../nuclio/pkg/cmdrunner/shellrunner.go:114

Call stack:
stdout:
Step 12/13 : RUN pip install nothing
\x1b[91mERROR: Could not find a version that satisfies the requirement nothing (from versions: none)
ERROR: No matching distribution found for nothing
\x1b[0mRemoving intermediate container fe6d8d4d249e

stderr:
The command '/bin/sh -c pip install nothing' returned a non-zero code: 1

    .../nuclio/pkg/cmdrunner/shellrunner.go:114
Failed to build docker image
    .../pkg/containerimagebuilderpusher/docker.go:70
"""
DOCKER = """
Error - exit status 1
Call stack:
stderr:
The command '/bin/sh -c make nothing' returned a non-zero code: 2
Failed to build
"""
NETWORK = """
Error - exit status 125
    .../nuclio/pkg/cmdrunner/shellrunner.go:114

Call stack:
stdout:
c08e0df1cf8d11af8efd48e5e4d28eabdfbed34994acae56e24e0f552f9816a0
docker: Error response from daemon: failed to create endpoint x on network bridge.

stderr:

Failed to deploy function
    .../real/nuclio/pkg/platform/abstract/platform.go:236
"""
REFUSED = """
Error - exit status 1
    .../nuclio/pkg/cmdrunner/shellrunner.go:114

Call stack:
stdout:
{said}

stderr:

    .../nuclio/pkg/cmdrunner/shellrunner.go:114
No docker client found
    .../pkg/dockerclient/shell.go:63
Failed to create container image builder pusher
    .../pkg/platform/factory/factory.go:90
"""
AWAY = "Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?"
DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
)
PANIC = """\
26.11.29 22:32:04.384 \x1b[31m(E)\x1b[0m \x1b[37msor.http.w0.python.logger\x1b[0m Unexpected end {"error": ""}
panic: Wrapper process for worker 0 exited unexpectedly with: signal: killed

goroutine 28 [running]:
github.com/nuclio/nuclio/pkg/processor/runtime/rpc.(*AbstractRuntime).watch(0x2d4e39808630)
\t/nuclio/pkg/processor/runtime/rpc/abstract.go:330 +0x4e6
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "/opt/nuclio/main.py", line 3, in init_context
    raise ConfigError("stream_path: wrong")
modelmon.errors.ConfigError: stream_path: wrong
26.11.29 22:32:04.384 (W) nuctl Something else {"err": "x"}
Failed to deploy function
"""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (GO.format(cause="Function is being provisioned and cannot be deleted"), "Function is being provis"),
        (PIP, "No matching distribution found for nothing"),
        (DOCKER, "The command '/bin/sh -c make nothing' returned a non-zero code: 2"),
        (NETWORK, "docker: Error response from daemon: failed to create endpoint x on network bridge."),
        (REFUSED.format(said=f"Client: 26.1\n{AWAY}\nsomething of other hosts"), AWAY),
        (REFUSED.format(said=f"{DENIED}: Get x"), DENIED),
        (f'26.11.29 22:31:28.981 (W) nuctl Failed {{"err": "stderr:\\n{AWAY}\\n"}}', AWAY),
        (REFUSED.format(said="a new word of docker"), "a new word of docker"),
        (TRACEBACK, "modelmon.errors.ConfigError: stream_path: wrong"),
        (PANIC, "Unexpected end"),
        ("no such image\n", "no such image"),
        ("", ""),
    ],
    ids=[
        "nuclio",
        "pip",
        "docker",
        "network",
        "away",
        "denied",
        "field",
        "command",
        "python",
        "panic",
        "unknown",
        "nothing",
    ],
)
def test_the_line_that_says_why_is_found(said: str, reason: str) -> None:
    assert reason_in(said).startswith(reason)
    assert ".go:" not in reason_in(said)
    assert not any(".go:" in line or "\x1b" in line for line in tail(said))


def test_of_a_log_with_a_traceback_the_end_is_that_of_the_traceback() -> None:
    assert tail(TRACEBACK) == TRACEBACK.splitlines()[:4]


def test_only_a_missing_module_is_known_to_be_mended_by_requirements() -> None:
    assert "requirements" in mend_of("ModuleNotFoundError: No module named 'x'")
    assert mend_of("ValueError: x") == ""


@pytest.mark.parametrize(
    ("line", "step"),
    [
        (
            '26.11.29 22:31:28.981 (I)  nuctl.platform Building docker image {"image": "a"}',
            "building its image",
        ),
        ('26.11.29 22:31:28.981 (I)  nuctl Pushing docker image into registry {"registry": ""}', ""),
        (
            '26.11.29 22:31:28.981 (I)  nuctl Pushing docker image into registry {"registry": "r:5000"}',
            "pushing its image to r:5000",
        ),
        ("26.11.29 22:31:28.981 (I)  nuctl Something that is new", "Something that is new"),
        ("26.11.29 22:31:28.981 (D)  nuctl Building docker image", ""),
        ("Step 3/13 : ARG NUCLIO_ARCH", ""),
    ],
    ids=["known", "no-field", "field", "new", "debug", "docker"],
)
def test_steps_are_told_in_our_words_and_others_as_they_are(line: str, step: str) -> None:
    assert step_in(line) == step

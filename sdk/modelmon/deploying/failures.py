"""What is said of a call of nuctl that failed: the reason in one line, the end of the container's log."""

from __future__ import annotations

import shutil
from pathlib import Path

from modelmon.deploying.plan import Plan
from modelmon.deploying.reasons import has_traceback, mend_of, reason_in, tail
from modelmon.deploying.redaction import without_secrets
from modelmon.deploying.running import Ended, run
from modelmon.deploying.secrets import secret_variables
from modelmon.deploying.target import LOCAL

DOCKER = "docker"
DOCKER_SECONDS = 20.0
MORE_TIME = " (deploy --timeout)"
STARTED = "Waiting for function to be ready"  # in what nuctl says: before it, an older container may run


def failed(plan: Plan, call: str, ended: Ended, timeout_seconds: float, hint: str = "") -> str:
    """The error of a call of nuctl, in one line; `hint` says how to give it more time."""
    reason = _reason(_masked(plan, ended.said))
    if ended.code is None:
        text = f"`{call}` took longer than {timeout_seconds:g} s and was ended{hint}: {reason}"
    else:
        text = f"`{call}` failed (exit code {ended.code}): {reason}"
    return _masked(plan, text)


def function_failed(
    plan: Plan, function: str, call: str, ended: Ended, timeout_seconds: float, log: Path
) -> str:
    """The error of a function that was not deployed: the reason, the end of its container's log, the call,
    and the file `log` that has all that nuctl said."""
    command = f"{DOCKER} logs nuclio-{plan.settings.nuclio_namespace}-{function}"  # Nuclio's name for it
    said = _masked(plan, ended.said)
    container = _masked(plan, _output(command)) if plan.platform == LOCAL and STARTED in said else ""
    reason = _reason(f"{said}\n{container}")
    last = tail(container) or (tail(said) if has_traceback(said) else [])
    heading = f"its log ends ({command}):" if container else "its log ends:"
    lines = [
        f"{function}: {reason}{mend_of(reason)}",
        *([heading, *(f"  {line}" for line in last)] if last else []),
        failed(plan, call, ended, timeout_seconds, MORE_TIME).removesuffix(f": {reason}"),
        f"all that nuctl said: {log}",
    ]
    return _masked(plan, "\n".join(lines))


def _masked(plan: Plan, text: str) -> str:
    """Before anything of it is cut: half a password would not be known for one."""
    return without_secrets(text, secret_variables(plan).values())


def _reason(said: str) -> str:
    return reason_in(said) or "it said nothing"


def _output(command: str) -> str:
    """What Docker answers, "" when there is none or it refuses."""
    if shutil.which(DOCKER) is None:
        return ""
    ended = run(command.split(), DOCKER_SECONDS, lambda line: None)
    return ended.said if ended.code == 0 else ""

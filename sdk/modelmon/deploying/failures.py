"""What is said of a call of nuctl that failed: the reason in one line, the end of the container's log."""

from __future__ import annotations

import shutil
from pathlib import Path

from modelmon.deploying.nuctl_process import Ended, run
from modelmon.deploying.plan import Plan
from modelmon.deploying.progress import last_step
from modelmon.deploying.reasons import has_traceback, known_reason, mend_of, reason_in, tail
from modelmon.deploying.redaction import without_secrets
from modelmon.deploying.secrets import secret_variables
from modelmon.function_spec.platforms import LOCAL

DOCKER = "docker"
DOCKER_SECONDS = 20.0
SILENT = "it said nothing"
MORE_TIME = " (deploy --timeout)"
STARTED = "Waiting for function to be ready"  # in what nuctl says: before it, an older container may run


def failed(plan: Plan, call: str, ended: Ended, timeout_seconds: float) -> str:
    """The error of a call of nuctl, in one line."""
    said = _masked(plan, ended.said)
    reason = known_reason(said) if ended.code is None and said.strip() else reason_in(said) or SILENT
    text = _how_it_ended(call, ended, timeout_seconds)
    return _masked(plan, f"{text}: {reason}" if reason else text)


def function_failed(
    plan: Plan, function: str, call: str, ended: Ended, timeout_seconds: float, log: Path
) -> str:
    """The error of a function that was not deployed: the reason, the end of its container's log, the call,
    and the file `log` that has all that nuctl said."""
    command = f"{DOCKER} logs nuclio-{plan.nuclio.nuclio_namespace}-{function}"  # Nuclio's name for it
    said = _masked(plan, ended.said)
    container = _masked(plan, _output(command)) if plan.platform == LOCAL and STARTED in said else ""
    logs = f"{said}\n{container}"
    if ended.code is None:
        reason = known_reason(logs) or _too_long(said, timeout_seconds)
    else:
        reason = reason_in(logs) or SILENT
    last = tail(container) or (tail(said) if has_traceback(said) else [])
    heading = f"its log ends ({command}):" if container else "its log ends:"
    lines = [
        f"{function}: {reason}{mend_of(reason)}",
        *([heading, *(f"  {line}" for line in last)] if last else []),
        _how_it_ended(call, ended, timeout_seconds, MORE_TIME),
        f"all that nuctl said: {log}",
    ]
    return _masked(plan, "\n".join(lines))


def _how_it_ended(call: str, ended: Ended, timeout_seconds: float, hint: str = "") -> str:
    """`hint` says how to give the call more time."""
    if ended.code is None:
        return f"`{call}` took longer than {timeout_seconds:g} s and was ended{hint}"
    return f"`{call}` failed (exit code {ended.code})"


def _too_long(said: str, timeout_seconds: float) -> str:
    """Of a call that was ended, and nothing it said is known for a reason: warnings are none."""
    step = last_step(said)
    return f"took longer than {timeout_seconds:g} s{f', its last step: {step}' if step else f': {SILENT}'}"


def _masked(plan: Plan, text: str) -> str:
    """Before anything of it is cut: half a password would not be known for one."""
    return without_secrets(text, secret_variables(plan).values())


def _output(command: str) -> str:
    """What Docker answers, "" when there is none or it refuses."""
    if shutil.which(DOCKER) is None:
        return ""
    ended = run(command.split(), DOCKER_SECONDS, lambda line: None)
    return ended.said if ended.code == 0 else ""

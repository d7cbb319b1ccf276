"""Calls of nuctl, Nuclio's command: which, in which order, and how they are shown without a secret."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelmon.deploying.plan import Plan
from modelmon.deploying.secrets import secret_variables, write_secret_files
from modelmon.deploying.target import LOCAL
from modelmon.errors import ConfigError, UnavailableError

NUCTL = "nuctl"
TAIL = 800
EXISTS, GONE = "already exist", "not found"  # in what nuctl says


@dataclass(frozen=True, slots=True)
class Call:
    """One call of nuctl. `variables` are added as --env, their values shown nowhere; `function` "" makes
    the project."""

    arguments: tuple[str, ...]
    function: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def command(self) -> list[str]:
        given = [part for name, value in self.variables.items() for part in ("--env", f"{name}={value}")]
        return [NUCTL, *self.arguments, *given]

    def __str__(self) -> str:
        """The command for a shell, in which the variables have their values."""
        given = "".join(f' --env {name}="${name}"' for name in self.variables)
        return f"{shlex.join([NUCTL, *self.arguments])}{given}"


def calls(plan: Plan, names: Sequence[str], output: Path) -> list[Call]:
    """What nuctl is to do for the functions `names`, whose bundle is in `output`."""
    settings, where = plan.settings, _where(plan)
    registries = (("--registry", settings.nuclio_registry), ("--run-registry", settings.nuclio_run_registry))
    images = [part for option, value in registries if value for part in (option, value)]
    variables = secret_variables(plan) if plan.platform == LOCAL else {}
    made = [Call(("create", "project", plan.nuclio_project, *where))]
    for name in names:
        path = ("--path", str(output / name), "--project-name", plan.nuclio_project)
        made.append(Call(("deploy", name, *path, *where, *images), name, variables))
    return made


def deploy(plan: Plan, made: Sequence[Call], tell: Callable[[str], None]) -> None:
    """Make the calls one after the other, telling what is done: an image takes a minute.

    A project that is there already is as good as a new one. Raises ConfigError without nuctl or without a
    value of a secret, UnavailableError at the first call that fails, with what it said and how far this got.
    """
    _check_there()
    _check_variables(made)
    if plan.platform == LOCAL:
        write_secret_files(plan)
    for index, call in enumerate(made):
        if call.function:
            tell(f"deploying {call.function} …")
        done = _run(call)
        if done.returncode and (call.function or EXISTS not in done.stdout + done.stderr):
            raise UnavailableError(_said(plan, made, index, done))
        if call.function:
            tell(f"deployed {call.function}")


def delete(plan: Plan, name: str) -> None:
    """Delete a function; one that is not there is as good as deleted. Raises as `deploy`."""
    _check_there()
    call = Call(("delete", "function", name, *_where(plan)), name)
    done = _run(call)
    if done.returncode and GONE not in (done.stdout + done.stderr).lower():
        raise UnavailableError(f"{_failed(plan, call, done)}\n{name} may still be running")


def _where(plan: Plan) -> tuple[str, ...]:
    return ("--platform", plan.platform, "--namespace", plan.settings.nuclio_namespace)


def _check_there() -> None:
    if shutil.which(NUCTL) is None:
        raise ConfigError(
            f"{NUCTL} is not on the PATH: get it from Nuclio's release page on GitHub, make it executable "
            "and put it there; `modelmon deploy --dry-run` shows what it would be asked"
        )


def _run(call: Call) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own arguments
        call.command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, errors="replace"
    )


def _check_variables(made: Sequence[Call]) -> None:
    for call in made:
        for name, value in call.variables.items():
            if not value:
                raise ConfigError(f"{name}: the functions need it, and it is not set here")
            if re.search(r"['\n]", value):
                raise ConfigError(f"{name}: holds a ' or a newline, which Nuclio can't hand to Docker")


def _said(plan: Plan, made: Sequence[Call], index: int, done: subprocess.CompletedProcess[str]) -> str:
    reached = [each.function for each in made[:index] if each.function]
    left = [each.function for each in made[index:] if each.function]
    return (
        f"{_failed(plan, made[index], done)}\n"
        f"deployed: {', '.join(reached) or 'none'}; not deployed: {', '.join(left)}. "
        "Call it again when that is mended: what is deployed is only deployed anew"
    )


def _failed(plan: Plan, call: Call, done: subprocess.CompletedProcess[str]) -> str:
    tail = _without_secrets(f"{done.stdout}\n{done.stderr}".strip(), plan)[-TAIL:]
    what = f"nuctl {' '.join(call.arguments[:3])} failed (exit code {done.returncode})"
    return f"{what}: {tail or 'it said nothing'}"


def _without_secrets(text: str, plan: Plan) -> str:
    """What nuctl said, in which it repeats its arguments, without the values of secrets."""
    values = sorted(filter(None, secret_variables(plan).values()), key=len, reverse=True)
    for value in values:
        text = text.replace(value, "***")
    return re.sub(r"://[^/\s:@]+:[^/\s@]+@", "://***@", text)

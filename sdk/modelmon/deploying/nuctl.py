"""Calls of nuctl, Nuclio's command: which, in which order, and how they are shown without a secret."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelmon.deploying.attempts import Attempt, attempt, was_interrupted
from modelmon.deploying.failures import failed, function_failed
from modelmon.deploying.nuctl_process import Ended, run
from modelmon.deploying.plan import Plan
from modelmon.deploying.progress import duration, following
from modelmon.deploying.redaction import without_secrets
from modelmon.deploying.secrets import secret_variables, write_secret_files
from modelmon.deploying.there import BUILDING, FunctionThere, is_not_there, read_functions
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.platforms import LOCAL
from modelmon.settings import STATE_FOLDER

NUCTL = "nuctl"
EXISTS = "already exist"  # in what nuctl says
TIMEOUT_SECONDS = 1800.0
ANEW = "what is deployed is only deployed anew, what was interrupted is freed"
AGAIN, MENDED = f"Call it again: {ANEW}", f"When that is mended, call it again: {ANEW}"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class NuctlCall:
    """One call of nuctl. `path` is the folder it deploys, `variables` are added as --env, their values shown
    nowhere; `function` "" makes the project."""

    arguments: tuple[str, ...]
    function: str = ""
    path: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def command(self) -> list[str]:
        path = ["--path", str(self.path.absolute())] if self.path is not None else []
        given = [part for name, value in self.variables.items() for part in ("--env", f"{name}={value}")]
        return [NUCTL, *self.arguments, *path, *given]

    def __str__(self) -> str:
        """The command for a shell, in which the variables have their values."""
        path = ["--path", str(self.path)] if self.path is not None else []
        given = "".join(f' --env {name}="${name}"' for name in self.variables)
        return f"{shlex.join([NUCTL, *self.arguments, *path])}{given}"


def calls(plan: Plan, names: Sequence[str], output: Path) -> list[NuctlCall]:
    """What nuctl is to do for the functions `names`, whose bundle is in `output`."""
    where, nuclio = _where(plan), plan.nuclio
    registries = (
        ("--registry", nuclio.nuclio_registry),
        ("--run-registry", nuclio.nuclio_run_registry),
    )
    images = [part for option, value in registries if value for part in (option, value)]
    variables = secret_variables(plan) if plan.platform == LOCAL else {}
    made = [NuctlCall(("create", "project", plan.nuclio_project, *where))]
    for name in names:
        project = ("--project-name", plan.nuclio_project)
        made.append(NuctlCall(("deploy", name, *project, *where, *images), name, output / name, variables))
    return made


def deploy(
    plan: Plan, made: Sequence[NuctlCall], tell: Tell, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    """Make the calls one after the other, telling each step: an image takes a minute.

    A project that is there already is as good as a new one, and a function whose last deployment from here
    was interrupted is freed. Raises ConfigError without nuctl, without a value of a secret and when a
    function belongs to another project, UnavailableError when one is being deployed by somebody else, and
    at the first call that fails or takes longer than `timeout_seconds`, with the reason and how far this got.
    """
    check_there()
    _check_variables(made)
    names = [call.function for call in made if call.function]
    there = functions_there(plan, names, tell, timeout_seconds)
    for name, function in there.items():
        _refuse_another_projects(plan, name, function)
        _refuse_being_deployed(plan, name, function)
    if plan.platform == LOCAL:
        write_secret_files(plan)
    for index, call in enumerate(made):
        try:
            if not call.function:
                _make_project(plan, call, timeout_seconds)
                continue
            tell(f"deploying {call.function}{f' ({index} of {len(names)})' if len(names) > 1 else ''} …")
            _deploy_function(plan, call, there.get(call.function), tell, timeout_seconds)
        except UnavailableError as error:
            raise UnavailableError(f"{error}\n{_how_far(made, index)}. {MENDED}") from None
        except (KeyboardInterrupt, SystemExit):
            tell(f"interrupted. {_how_far(made, index)}. {AGAIN}")
            raise


def functions_there(
    plan: Plan, names: Sequence[str], tell: Tell, timeout_seconds: float = TIMEOUT_SECONDS
) -> dict[str, FunctionThere]:
    """Those of the functions `names` that are on Nuclio, in our namespace. Raises as `deploy`."""
    check_there()
    one = (names[0],) if len(names) == 1 else ()
    call = NuctlCall(("get", "function" if one else "functions", *one, *_where(plan), "--output", "json"))
    ended = _run(call, timeout_seconds, lambda line: None)
    if is_not_there(ended.said):
        return {}
    if ended.code != 0:
        raise UnavailableError(failed(plan, str(call), ended, timeout_seconds))
    found = read_functions(ended.out)
    if found is None:
        tell(f"{', '.join(names)}: whose they are can't be read from nuctl's answer; they are taken for ours")
        return {name: FunctionThere(plan.nuclio_project) for name in names}
    return {name: found[name] for name in names if name in found}


def how_far(reached: Sequence[str], left: Sequence[str]) -> str:
    """Which functions are deployed and which are left, for people."""
    return f"deployed: {', '.join(reached) or 'none'}; not deployed: {', '.join(left)}"


def question(plan: Plan, name: str) -> NuctlCall:
    """What asks nuctl for the addresses of one function, for people."""
    return NuctlCall(("get", "function", name, *_where(plan), "--output", "yaml"))


def delete(plan: Plan, name: str) -> None:
    """Delete a function; one that is not there, or is another project's, is as good as deleted. Raises as
    `deploy`."""
    there = functions_there(plan, [name], lambda what: None).get(name)
    if there is None or not there.is_of(plan.nuclio_project):
        return
    _refuse_being_deployed(plan, name, there)
    call = _deletion(plan, name, force=there.state in BUILDING)
    ended = _run(call, TIMEOUT_SECONDS, lambda line: None)
    if ended.code != 0 and not is_not_there(ended.said):
        raise UnavailableError(
            f"{failed(plan, str(call), ended, TIMEOUT_SECONDS)}\n{name} may still be running"
        )


def check_there() -> None:
    """ConfigError without nuctl."""
    if shutil.which(NUCTL) is None:
        raise ConfigError(
            f"{NUCTL} is not on the PATH: get it from Nuclio's release page on GitHub, make it executable "
            "and put it there; `modelmon deploy --dry-run` shows what it would be asked"
        )


def _make_project(plan: Plan, call: NuctlCall, timeout_seconds: float) -> None:
    ended = _run(call, timeout_seconds, lambda line: None)
    if ended.code != 0 and EXISTS not in ended.said:
        raise UnavailableError(failed(plan, str(call), ended, timeout_seconds))


def _deploy_function(
    plan: Plan, call: NuctlCall, there: FunctionThere | None, tell: Tell, timeout_seconds: float
) -> None:
    name, log, began = call.function, _log(plan, call), time.monotonic()
    with attempt(plan, name) as ours, following(tell, log) as follow:
        if there is not None and there.state in BUILDING:
            freeing = _deletion(plan, name, force=True)
            tell(f"  its last deployment was interrupted and Nuclio still holds it; freed by: {freeing}")
            _run(freeing, timeout_seconds, follow, ours)
        follow(str(call))
        ended = _run(call, timeout_seconds, lambda line: follow(_shown(line, plan)), ours)
        if ended.code is None:
            raise UnavailableError(function_failed(plan, name, str(call), ended, timeout_seconds, log))
    if ended.code != 0:
        raise UnavailableError(function_failed(plan, name, str(call), ended, timeout_seconds, log))
    tell(f"deployed {name} in {duration(time.monotonic() - began)}")


def _refuse_another_projects(plan: Plan, name: str, there: FunctionThere) -> None:
    if not there.is_of(plan.nuclio_project):
        raise ConfigError(
            f"{name}: the namespace {plan.nuclio.nuclio_namespace!r} has a function of this name that "
            f"belongs to Nuclio's project {there.project!r}, not to {plan.nuclio_project!r}: deploying would "
            "replace it. Give each project a namespace of its own (nuclio_namespace, --namespace)"
        )


def _refuse_being_deployed(plan: Plan, name: str, there: FunctionThere) -> None:
    if there.is_provisioned or (was_interrupted(plan, name) and there.state in BUILDING):
        return
    raise UnavailableError(
        f"{name}: Nuclio says that it is being deployed (state {there.state!r}) and takes nothing for it: "
        "wait until that has ended. When nobody deploys it any more, free it by\n"
        f"  {_deletion(plan, name, force=True)}"
    )


def _deletion(plan: Plan, name: str, *, force: bool) -> NuctlCall:
    return NuctlCall(("delete", "function", name, *_where(plan), *(("--force",) if force else ())), name)


def _run(call: NuctlCall, timeout_seconds: float, tell: Tell, ours: Attempt | None = None) -> Ended:
    """nuctl writes the function's configuration, secrets included, into the folder it is called in, and the
    files of an image into a temporary one: both are removed with ours, also when it is ended."""
    with tempfile.TemporaryDirectory(prefix="modelmon-nuctl-", ignore_cleanup_errors=True) as folder:
        ours = ours or Attempt()
        return run(
            call.command,
            timeout_seconds,
            tell,
            folder=Path(folder),
            variables={"TMPDIR": folder},
            kept_open=ours.kept_open,
            started=ours.started,
        )


def _where(plan: Plan) -> tuple[str, ...]:
    return ("--platform", plan.platform, "--namespace", plan.nuclio.nuclio_namespace)


def _log(plan: Plan, call: NuctlCall) -> Path:
    assert call.path is not None, "a function is deployed from a folder"
    folder = Path(plan.project_dir) / STATE_FOLDER / "logs" if plan.project_dir else call.path.parent
    return folder / f"{call.function}.deploy.log"


def _shown(line: str, plan: Plan) -> str:
    return without_secrets(line, secret_variables(plan).values())


def _check_variables(made: Sequence[NuctlCall]) -> None:
    for call in made:
        for name, value in call.variables.items():
            if not value:
                raise ConfigError(f"{name}: the functions need it, and it is not set here")
            if re.search(r"['\n]", value):
                raise ConfigError(f"{name}: holds a ' or a newline, which Nuclio can't hand to Docker")


def _how_far(made: Sequence[NuctlCall], index: int) -> str:
    """A function that is deployed alone may have others before it, of which this call does not know."""
    reached = [each.function for each in made[:index] if each.function]
    left = [each.function for each in made[index:] if each.function]
    return how_far(reached, left) if reached or len(left) > 1 else f"not deployed: {', '.join(left)}"

"""A job of a project: where its code comes from, how it is deployed, and how a run of it is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.function_spec.function_yaml import FILE
from modelmon.function_spec.given_requirements import given_requirements
from modelmon.function_spec.local_paths import existing
from modelmon.ledger import job_runs
from modelmon.ledger.access import Deed, note
from modelmon.ledger.job_runs import JobRun
from modelmon.model import Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import HasSettings, opened
from modelmon.model_monitoring.telling import tell
from modelmon.model_monitoring.whoever import whoever
from modelmon.model_monitoring.whole_folders import copy_into
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.project import functions
from modelmon.project.base_images import given_image, settle_image
from modelmon.project.chosen_requirements import settle_requirements
from modelmon.project.invoking import invoke
from modelmon.project.names import check_function_name
from modelmon.project.source import assigns
from modelmon.project.specified import FunctionSpec, SpecifiedFunction
from modelmon.settings import Settings

KIND = "job"
TEMPLATE = "jobs/_template"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec(FunctionSpec):
    """Where a job's code is: a function folder, or a file that is its main.py. `requirements` None: those of
    the file beside the code. `image` is what it is built on under Nuclio ("": as its function.yaml says)."""

    source: str
    requirements: Sequence[str] | None = None
    image: str = ""


class JobFunction(SpecifiedFunction[JobSpec]):
    """A job of a project; `deploy` puts it to work, `run` asks for a run."""

    kind = KIND

    def __repr__(self) -> str:
        return f"JobFunction(name={self.name!r})"

    def deploy(self, project: str = "", tag: str = "", verbose: bool = False, **others: Any) -> JobFunction:
        """Write the job's folder: from now on `modelmon up`, or Nuclio, runs what is asked for.

        The arguments are for code written for MLRun. Raises ConfigError for a project of another name.
        """
        settings = self._project.settings
        if project and project != settings.project:
            raise ConfigError(f"project: this job is of project {settings.project!r}, not {project!r}")
        self.save()
        functions.write_function(settings, self.name, self._fill, self.spec.environment)
        self.save(deployed=True)
        tell(f"Deployed the job {self.name}: modelmon job run {self.name} --endpoint NAME")
        return self

    def run(self, endpoint: Endpoint | str, start: Time = None, end: Time = None, *, who: str = "") -> str:
        """Ask for a run for an endpoint; returns its id. `start` and `end` bound what `samples` gives.

        It begins at once where the job runs, else as soon as it does. Raises ConfigError for an endpoint or
        a span that can't be.
        """
        return ask_run(self._project.settings, self.name, endpoint, start, end, who=who)

    def save(
        self, tag: str = "", versioned: bool = False, refresh: bool = False, *, deployed: bool = False
    ) -> None:
        """Record the job in the project."""
        functions.record(self._project.settings, self.name, KIND, asdict(self.spec), deployed=deployed)

    def _fill(self, folder: Path) -> None:
        settings = self._project.settings
        source = existing(self.spec.source, "func", Path(settings.project_dir))
        copy_into(functions.template(settings, TEMPLATE) / FILE, folder)
        if source.is_dir():
            copy_into(source, folder)
        else:
            (folder / functions.MAIN).write_bytes(source.read_bytes())
        functions.check_function_folder(folder)
        settle_requirements(folder, self.spec.requirements, source)
        settle_image(folder, self.spec.image)


class ProjectJobs:
    """The methods of a project that are about its jobs."""

    context: Path

    if TYPE_CHECKING:

        @property
        def settings(self) -> Settings: ...

    def set_job(
        self,
        name: str,
        func: str | Path,
        *,
        requirements: str | list[str] | None = None,
        requirements_file: str = "",
        image: str | None = None,
    ) -> JobFunction:
        """A job, which an action or a person starts; `deploy` follows. It may log challengers.

        `func` is its function folder, as `modelmon job new` makes it, or a file with
        `init_context, handler = job_handlers(…)`. `requirements` are what it imports beside ModelMon; without
        them a requirements.txt beside it counts.
        """
        name = check_function_name(name)
        source = existing(func, "func", self.context)
        main = source / functions.MAIN if source.is_dir() else source
        if not main.is_file() or not assigns(main, "handler"):
            raise ConfigError(f"func: {main} has no line `init_context, handler = job_handlers(…)`")
        given = given_requirements(requirements, requirements_file, self.context)
        job = JobFunction(
            self, JobSpec(name=name, source=str(source), requirements=given, image=given_image(image))
        )
        job.save()
        return job


def read_job(project: HasSettings, spec: Mapping[str, Any]) -> JobFunction:
    """A job from its record."""
    return JobFunction(project, JobSpec(**spec))


def ask_run(
    settings: Settings, job: str, endpoint: Endpoint | str, start: Time, end: Time, *, who: str = ""
) -> str:
    """Ask for a run of a job, and wake the job where it runs; kept with who asked. Raises ConfigError for
    what can't be run."""
    found = functions.recorded(settings, job)
    if found is None or found.kind != KIND:
        raise ConfigError(f"job: there is no job {job!r}; `project.set_job(…)` makes one")
    name = endpoint if isinstance(endpoint, str) else endpoint.endpoint_id
    span = {
        each: from_us(moment_us(given, each, 0)).isoformat()
        for each, given in (("start", start), ("end", end))
        if given is not None
    }
    if len(span) == 2 and span["start"] >= span["end"]:
        raise ConfigError(f"end: must come after the start {start}, got {end}")
    run_id = os.urandom(16).hex()
    with opened(settings) as database, database.write() as connection:
        meant = called(connection, name)
        asked = msgspec.json.encode({"endpoint_name": meant.name, **span}).decode()
        run = JobRun(run_id, job, meant.endpoint_id, asked, who or whoever(), wall_clock_us())
        job_runs.request(connection, run)
        note(connection, Deed(run.made_us, run.who, "job run", f"{job} for {meant.name}", run_id))
    try:
        invoke(settings, job, "/", {"run_id": run_id})
    except (UnavailableError, RejectedError, ConfigError) as error:
        tell(f"The run {run_id} waits for the job: {error}")
    return run_id

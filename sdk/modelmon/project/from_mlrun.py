"""What code written for MLRun calls of a project and its functions beside the SDK's own: each a line or two
that lead to the one place where it is done. What is not there is said by modelmon.from_mlrun."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from modelmon.from_mlrun import missing, refuse
from modelmon.from_mlrun.views import FunctionStatus, Metadata, MLRunProjectStatus, ProjectSpec
from modelmon.function_spec.folders import address_file
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.local.runner_state import read_report
from modelmon.model_monitoring.logged_artifacts import get_logged
from modelmon.project import functions, logged, profiles
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.apps.artifacts import Artifact, PlotlyArtifact
    from modelmon.model_monitoring.locating import HasSettings
    from modelmon.stats.frames import Frame


class MLRunProject:
    """Methods and attributes of MLRun's project."""

    name: str
    context: Path

    if TYPE_CHECKING:

        @property
        def settings(self) -> Settings: ...

    else:

        def __getattr__(self, name: str) -> Any:
            raise missing("project", type(self).__name__, name)

    @property
    def metadata(self) -> Metadata:
        return Metadata(self.name, self.name)

    @property
    def spec(self) -> ProjectSpec:
        return ProjectSpec(str(self.context), self.artifact_path)

    @property
    def status(self) -> MLRunProjectStatus:
        return MLRunProjectStatus()

    @property
    def artifact_path(self) -> str:
        """The folder, or URL, that artifacts are kept under."""
        return self.settings.location("artifacts_path")

    def save(self, filepath: str | None = None, store: bool = True) -> Self:
        """Nothing is left to do: each call records what it does."""
        return self

    def register_datastore_profile(self, profile: profiles.Profile) -> profiles.Profile:
        """Keep a profile of `modelmon.datastore`, for set_model_monitoring_credentials to name."""
        return profiles.register(self.settings, profile)

    def get_datastore_profile(self, profile: str) -> profiles.Profile:
        """The profile of this name."""
        return profiles.get(self.settings, profile)

    def list_datastore_profiles(self) -> list[profiles.Profile]:
        """The profiles that were registered, by name."""
        return profiles.registered(self.settings)

    def delete_datastore_profile(self, profile: str) -> None:
        """Forget a profile; what it was used for stays set."""
        profiles.delete(self.settings, profile)

    def log_artifact(
        self,
        item: str | PlotlyArtifact,
        body: Any = None,
        tag: str = "",
        local_path: str = "",
        artifact_path: str | None = None,
        format: str | None = None,
        upload: bool | None = None,
        labels: Mapping[str, str] | None = None,
        target_path: str | None = None,
        **_details: Any,
    ) -> Artifact:
        """Keep a file of the project: `body` (text, bytes, dict or list), `local_path` or a PlotlyArtifact.

        It goes to `target_path`, or to `<artifact_path, else the project's>/<project>/<item>`; one of the
        same key is replaced. Further arguments of MLRun's are accepted and not used.
        """
        return logged.log_file(
            self.settings, item, body, local_path, artifact_path, format, target_path, tag, labels
        )

    def log_dataset(
        self,
        key: str,
        df: Frame,
        tag: str = "",
        local_path: str | None = None,
        artifact_path: str | None = None,
        upload: bool | None = None,
        labels: Mapping[str, str] | None = None,
        format: str = "",
        preview: int | None = None,
        stats: bool | None = None,
        target_path: str = "",
        **_details: Any,
    ) -> Artifact:
        """Keep a frame (pandas, Arrow, polars) as Parquet or `format="csv"`, placed as by `log_artifact`."""
        return logged.log_frame(self.settings, key, df, artifact_path, format, target_path, tag, labels)

    def get_artifact(self, key: str, tag: str | None = None, **_details: Any) -> Artifact:
        """What was logged under this key; its `path` says where it is."""
        return get_logged(self.settings, key)


class MLRunFunction:
    """Methods and attributes of MLRun's functions."""

    kind: str
    _project: HasSettings

    if TYPE_CHECKING:

        @property
        def name(self) -> str: ...

        def set_env(self, name: str, value: str | int | float) -> Self: ...

    else:

        def __getattr__(self, name: str) -> Any:
            raise missing("function", type(self).__name__, name)

    @property
    def metadata(self) -> Metadata:
        return Metadata(self.name, self._project.settings.project)

    @property
    def status(self) -> FunctionStatus:
        """How the function stands now."""
        return function_status(self._project.settings, self.name)

    @property
    def uri(self) -> str:
        """ "project/function"."""
        return f"{self._project.settings.project}/{self.name}"

    def is_deployed(self) -> bool:
        """Whether it was deployed, whatever runs."""
        return functions.is_deployed(self._project.settings, self.name)

    def apply(self, modifier: Callable[[Self], Any]) -> Self:
        """The function after `modifier` has changed it."""
        modifier(self)
        return self

    def set_envs(
        self, env_vars: Mapping[str, str | int | float] | None = None, file_path: str | None = None
    ) -> Self:
        """Several environment variables; `set_env` says for what."""
        refuse("set_envs", file_path=file_path)
        for name, value in (env_vars or {}).items():
            self.set_env(name, value)
        return self


def function_status(settings: Settings, name: str) -> FunctionStatus:
    """How a function stands: recorded, deployed, or ready to answer, and where."""
    if not functions.is_deployed(settings, name):
        return FunctionStatus("created")
    if settings.platform != EMBEDDED:
        ready = not functions.not_deployed(settings, [name])
        return FunctionStatus("ready" if ready else "deployed")
    project = Path(settings.project_dir)
    workers = [
        worker for each in read_report(project).functions if each.name == name for worker in each.workers
    ]
    if not workers or any(worker.state != "ready" for worker in workers):
        return FunctionStatus("deployed")
    path = address_file(project, name)
    return FunctionStatus("ready", path.read_text(encoding="utf-8").strip() if path.is_file() else "")

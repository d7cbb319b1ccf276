"""The base of apps that run Evidently, with MLRun's names: a workspace, a project, reports as artifacts.

Evidently is imported when such an app is made. It lives in the app's own environment: its requirements say
`evidently>=0.7.5,<0.8` and `pandas<3.1`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.evidently_version import check_evidently
from modelmon.apps.evidently_workspace import alone_with, open_workspace, write_run
from modelmon.errors import ConfigError, UnavailableError
from modelmon.model import to_us
from modelmon.stores.artifacts import MOST_BYTES

if TYPE_CHECKING:
    import pandas as pd

    from modelmon.apps.artifacts import Artifact
    from modelmon.apps.context import MonitoringApplicationContext

_HAS_EVIDENTLY = find_spec("evidently") is not None
"""What apps written for MLRun ask before they import Evidently themselves."""
SUPPORTED_EVIDENTLY_VERSION = "0.7.5"


class EvidentlyModelMonitoringApplicationBase(ModelMonitoringApplicationBase):
    """An app with a workspace of Evidently's, in a folder without its service, and a project in it.

    `evidently_workspace`, `evidently_project` (None where the workspace has none of that id) and
    `evidently_project_id` are Evidently's own objects. Several workers may share a folder.
    """

    def __init__(
        self,
        evidently_project_id: str | UUID,
        evidently_workspace_path: str | None = None,
        cloud_workspace: bool = False,
    ) -> None:
        """Raises ConfigError where Evidently is not installed or of a version that does not fit, for an id
        that is none, and for a folder that can't be a workspace."""
        check_evidently()
        self.evidently_project_id = _checked_id(evidently_project_id)
        self.evidently_workspace_path = evidently_workspace_path
        get = self.get_cloud_workspace if cloud_workspace else self.get_workspace
        self.evidently_workspace: Any = get()
        self.evidently_project: Any = self.load_project()

    def load_project(self) -> Any:
        """The project of Evidently's; None where the workspace has none of that id."""
        return self.evidently_workspace.get_project(self.evidently_project_id)

    def get_workspace(self) -> Any:
        """The workspace in the folder `evidently_workspace_path`, made where there is none; override it for
        another one."""
        path = self.evidently_workspace_path
        if not path:
            raise ConfigError(
                "evidently_workspace_path: is needed, a folder for Evidently's workspace; with "
                "cloud_workspace=True and the variable EVIDENTLY_API_KEY it is Evidently's cloud"
            )
        try:
            Path(path).mkdir(parents=True, exist_ok=True)
            return open_workspace(path)
        except (FileExistsError, NotADirectoryError) as error:
            raise ConfigError(
                f"evidently_workspace_path: {path!r} is no folder and can't be a workspace"
            ) from error
        except OSError as error:
            raise UnavailableError(
                f"evidently_workspace_path: {path!r}: {error.strerror or error}"
            ) from error

    def get_cloud_workspace(self) -> Any:
        """Evidently's cloud, by the variable EVIDENTLY_API_KEY; it is the one thing here that leaves the
        machine."""
        return import_module("evidently.ui.workspace").CloudWorkspace()

    def add_project(self, name: str, description: str = "", panels: Sequence[Any] = ()) -> Any:
        """The project of `evidently_project_id`, made where the workspace has none; it gets these panels
        where it has none. Workers that start at once take turns."""
        with alone_with(self.evidently_workspace_path or "."):
            self.evidently_project = self.load_project() or self.evidently_workspace.add_project(
                import_module("evidently.sdk.models").ProjectModel(
                    id=UUID(str(self.evidently_project_id)), name=name, description=description
                )
            )
            dashboard = self.evidently_project.dashboard
            if panels and not dashboard.model().panels:
                for panel in panels:
                    dashboard.add_panel(panel)
        return self.evidently_project

    def add_run(self, monitoring_context: MonitoringApplicationContext, evidently_object: Any) -> UUID:
        """Keep what `Report.run` returned in the project; a window that is judged again replaces its own.

        `evidently_workspace.add_run` would keep both. Takes a workspace in a folder alone.
        """
        context = monitoring_context
        window = f"{context.application_name} {context.endpoint_id} {to_us(context.window.start)}"
        run_id = uuid5(UUID(str(self.evidently_project_id)), window)
        write_run(self.evidently_workspace, self.evidently_project_id, run_id, _checked_run(evidently_object))
        return run_id

    @staticmethod
    def log_evidently_object(
        monitoring_context: MonitoringApplicationContext,
        evidently_object: Any,
        artifact_name: str,
        unique_per_endpoint: bool = True,
    ) -> Artifact:
        """Keep what `Report.run` returned as a page of HTML, which is shown with the window.

        Such a page has about 4 MB: log it where something was found, not of every window. Raises ConfigError
        for something else than a run, and for a page that is too large to be shown.
        """
        html = _checked_run(evidently_object).get_html_str(as_iframe=False)
        return _log_page(monitoring_context, artifact_name, html, unique_per_endpoint)

    def log_project_dashboard(
        self,
        monitoring_context: MonitoringApplicationContext,
        timestamp_start: pd.Timestamp,
        timestamp_end: pd.Timestamp,
        artifact_name: str = "dashboard",
        unique_per_endpoint: bool = True,
    ) -> Artifact:
        """Keep the project's dashboard as a page: the panels that the project has, of its runs from
        `timestamp_start` until before `timestamp_end`. It reads every one of them."""
        from modelmon.apps.evidently_dashboard import dashboard_page

        if self.evidently_project is None:
            raise ConfigError(
                f"evidently_project_id: the workspace has no project {self.evidently_project_id}; "
                "add_project makes it"
            )
        html = dashboard_page(
            self.evidently_workspace, self.evidently_project, timestamp_start, timestamp_end
        )
        return _log_page(monitoring_context, artifact_name, html, unique_per_endpoint)


class EvidentlyModelMonitoringApplicationBaseV2(EvidentlyModelMonitoringApplicationBase):
    """The name in MLRun 1.6 and 1.7, where the folder came first."""

    def __init__(self, evidently_workspace_path: str, evidently_project_id: str | UUID) -> None:
        super().__init__(evidently_project_id, evidently_workspace_path)


def _checked_id(value: object) -> str | UUID:
    try:
        UUID(str(value))
    except ValueError:
        raise ConfigError(
            f"evidently_project_id: must be a UUID such as 0199c3a1-7d0e-7000-8000-3f2b5c9d1e4a, "
            f"got {value!r}"
        ) from None
    return value if isinstance(value, UUID) else str(value)


def _checked_run(found: Any) -> Any:
    if not callable(getattr(found, "get_html_str", None)) or not hasattr(found, "to_snapshot_model"):
        raise ConfigError(
            f"evidently_object: must be what Report.run(current, reference) returned, got a "
            f"{type(found).__name__}"
        )
    return found


def _log_page(
    monitoring_context: MonitoringApplicationContext, name: str, html: str, unique_per_endpoint: bool
) -> Artifact:
    content = html.encode(errors="replace")  # half a character in a name
    if len(content) > MOST_BYTES:
        raise ConfigError(
            f"artifact {name!r}: its page has {len(content):,} bytes and {MOST_BYTES:,} can be shown; "
            "give the report fewer columns or metrics, and leave out raw data"
        )
    key = name if str(name).endswith(".html") else f"{name}.html"
    return monitoring_context.log_artifact(key, content, unique_per_endpoint=unique_per_endpoint)

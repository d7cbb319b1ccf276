"""What a project's monitoring and its apps are told from another machine.

The signatures are those of `modelmon.project`, written out because notebooks show them; a test compares them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from modelmon.checked_yaml.given import given_text
from modelmon.client.apps import RemoteApp, RemoteAppSpec, app_path
from modelmon.client.asking import DEPLOY_SECONDS, Server
from modelmon.client.given_apps import given_app
from modelmon.client.models import DriftFileVersions
from modelmon.client.not_here import CREDENTIALS, not_here
from modelmon.client.saying import Said
from modelmon.errors import ConfigError
from modelmon.from_mlrun import refuse
from modelmon.function_spec.given_requirements import given_requirements
from modelmon.function_spec.own_apps import in_words
from modelmon.model import from_us
from modelmon.model_monitoring.contracts import ContractVersion
from modelmon.model_monitoring.drift_files import DriftFileVersion
from modelmon.model_monitoring.judging import Asked
from modelmon.model_monitoring.references import ReferenceVersion
from modelmon.model_monitoring.written_times import Time, moment_us


class Suggested(msgspec.Struct, frozen=True):
    """A contract or a drift file as YAML."""

    text: str


class Versions(msgspec.Struct, frozen=True):
    """Of a contract, the newest first."""

    versions: tuple[ContractVersion, ...]


class _References(msgspec.Struct, frozen=True):
    references: tuple[ReferenceVersion, ...]


class _Apps(msgspec.Struct, frozen=True):
    functions: list[RemoteAppSpec]


class RemoteMonitoring:
    """As `modelmon.project.monitored.MonitoredProject`, over the API of a server."""

    name: str
    server: Server
    base: str

    set_model_monitoring_credentials = not_here("set_model_monitoring_credentials", CREDENTIALS)

    def enable_model_monitoring(
        self,
        base_period: int | None = None,
        image: str | None = None,
        *,
        apps: Sequence[str] | None = None,
        deploy_histogram_data_drift_app: bool = True,
        wait_for_deployment: bool = False,
        lag_threshold: int | None = None,
        lag_event_cooldown: int | None = None,
        otlp_enabled: bool = False,
        default_controller_image: str | None = None,
        rebuild_images: bool = False,
        fetch_credentials_from_sys_config: bool = False,
    ) -> None:
        """Deploy stream, controller, writer and ModelMon's apps there, and create their streams.

        As `enable_model_monitoring` on the project's own machine, for admins.
        """
        self._told(
            "PUT", "/", base_period=base_period, image=image or default_controller_image,
            apps=in_words(apps), deploy_histogram_data_drift_app=deploy_histogram_data_drift_app,
            wait_for_deployment=wait_for_deployment, lag_threshold=lag_threshold,
            lag_event_cooldown=lag_event_cooldown, otlp_enabled=otlp_enabled, rebuild_images=rebuild_images,
            fetch_credentials_from_sys_config=fetch_credentials_from_sys_config,
        )  # fmt: skip

    def update_model_monitoring_controller(
        self, base_period: int = 10, image: str | None = None, *, wait_for_deployment: bool = False
    ) -> None:
        """Deploy the controller anew, with windows of `base_period` minutes from the next one on."""
        self._told(
            "PATCH",
            "/controller",
            base_period=base_period,
            image=image,
            wait_for_deployment=wait_for_deployment,
        )

    def disable_model_monitoring(
        self,
        *,
        delete_resources: bool = True,
        delete_stream_function: bool = False,
        delete_histogram_data_drift_app: bool = True,
        delete_user_applications: bool = False,
        user_application_list: Sequence[str] | None = None,
    ) -> None:
        """Stop the controller and ModelMon's apps (`delete_resources`) and the histogram drift app; the
        writer goes on.

        As `disable_model_monitoring` on the project's own machine, for admins.
        """
        names = None if user_application_list is None else list(user_application_list)
        if names == []:  # none of them, where an empty parameter would be all
            delete_user_applications = False
        self._told(
            "DELETE", "/", delete_resources=delete_resources, delete_stream_function=delete_stream_function,
            delete_histogram_data_drift_app=delete_histogram_data_drift_app,
            delete_user_applications=delete_user_applications, user_application_list=names,
        )  # fmt: skip

    def set_model_monitoring_function(
        self,
        name: str | None = None,
        func: str | Path | None = None,
        application_class: str | type | None = None,
        image: str | None = None,
        handler: str | None = None,
        with_repo: bool | None = None,
        tag: str | None = None,
        requirements: str | list[str] | None = None,
        requirements_file: str = "",
        local_path: str | None = None,
        otlp_enabled: bool | None = None,
        *,
        base_period: int | None = None,
        **application_kwargs: Any,
    ) -> RemoteApp:
        """Add an app to the project there, or change it, with its code; `deploy_function` puts it to work.

        As create_model_monitoring_function, and recorded.
        """
        refuse("set_model_monitoring_function", local_path=local_path, otlp_enabled=otlp_enabled)
        app = self.create_model_monitoring_function(
            name, func, application_class, image, handler, with_repo, tag, requirements, requirements_file,
            base_period=base_period, **application_kwargs,
        )  # fmt: skip
        app.save()
        return app

    def create_model_monitoring_function(
        self,
        name: str | None = None,
        func: str | Path | None = None,
        application_class: str | type | None = None,
        image: str | None = None,
        handler: str | None = None,
        with_repo: bool | None = None,
        tag: str | None = None,
        requirements: str | list[str] | None = None,
        requirements_file: str = "",
        *,
        base_period: int | None = None,
        **application_kwargs: Any,
    ) -> RemoteApp:
        """An app, not recorded in the project until it is deployed.

        `func` is a file or folder of this machine, and so is the file of `application_class` where that is
        a class. As `create_model_monitoring_function` on the project's own machine, for admins.
        """
        refuse("a monitoring function", handler=handler, with_repo=with_repo)
        given = given_requirements(requirements, requirements_file, Path.cwd())
        told = given_app(name, func, application_class, image, given, base_period, application_kwargs)
        spec = RemoteAppSpec(str(name), str(told["application_class"] or ""), base_period=base_period)
        return RemoteApp(self, spec, told)

    def list_model_monitoring_functions(
        self, name: str | None = None, tag: str | None = None, labels: Any = None
    ) -> list[RemoteApp]:
        """The project's apps by name, the histogram drift app too; or the one called `name`."""
        refuse("list_model_monitoring_functions", labels=labels)
        found = self.server.get(f"{self.base}/model-monitoring/functions", _Apps).functions
        return [RemoteApp(self, each) for each in found if name in (None, each.name)]

    def get_function(self, name: str = "", *, key: str = "", **_others: Any) -> RemoteApp:
        """The app of this name (`key` in MLRun); serving functions are read where the project is."""
        name = name or key
        return RemoteApp(self, self.server.get(app_path(self.base, name), RemoteAppSpec))

    def deploy_function(
        self,
        function: str | RemoteApp,
        models: Sequence[Mapping[str, Any]] = (),
        env: Mapping[str, Any] | None = None,
        tag: str | None = None,
        verbose: bool | None = None,
        builder_env: Mapping[str, Any] | None = None,
        mock: bool | None = None,
    ) -> RemoteApp:
        """Deploy an app, given by name or as object; `env` are environment variables."""
        refuse("deploy_function", builder_env=builder_env, mock=mock)
        deployed = self.get_function(function) if isinstance(function, str) else function
        if not isinstance(deployed, RemoteApp):
            raise ConfigError(f"function: must be an app of this project or its name, got {function!r}")
        if models:
            raise ConfigError(f"models: only a serving function has models, {deployed.name} is an app")
        return deployed.set_envs(env).deploy()

    def remove_model_monitoring_function(self, name: str | Collection[str]) -> None:
        """Stop these apps and remove them from the project; what they found stays, their open incidents
        are resolved."""
        names = [name] if isinstance(name, str) else name
        if not isinstance(names, Collection) or not names:
            raise ConfigError(f"name: must be an app's name or a list of names, got {name!r}")
        self._told("DELETE", "/functions", function=list(names))

    delete_model_monitoring_function = remove_model_monitoring_function

    def judge_windows(
        self,
        application_name: str,
        start: Time,
        end: Time = None,
        endpoints: Sequence[str] | str | None = None,
    ) -> Asked:
        """Ask an app for windows again, as an operator: past ones of a new app, failed ones after a fix.

        As `judge_windows` on the project's own machine.
        """
        if start is None:
            raise ConfigError("start: say from when on, a time or a day")
        names = [endpoints] if isinstance(endpoints, str) else endpoints
        body = {
            "application": application_name, "start": from_us(moment_us(start, "start", 0)),
            "end": None if end is None else from_us(moment_us(end, "end", 0)),
            "endpoints": None if names is None else list(names),
        }  # fmt: skip
        return self.server.post(f"{self.base}/windows/rerun", Asked, body)

    def suggest_contract(self, of: str) -> str:
        """The contract that the training set of a model (its key) or of an endpoint (name or id) suggests, as
        YAML to read and edit. Private columns are left out. ConfigError without a training set."""
        return self.server.get(f"{self._contract(of)}/suggested", Suggested).text

    def set_contract(self, of: str, contract: str | Path | None) -> ContractVersion:
        """Set the contract of a model or of one endpoint, as an operator; `contract` may be a file here. None
        takes back what was set. As `set_contract` on the project's own machine."""
        if contract is None:
            return self.server.ask("DELETE", self._contract(of), ContractVersion)
        body = {"text": given_text(contract, "contract")}
        return self.server.ask("PUT", self._contract(of), ContractVersion, body=body)

    def list_contracts(self, of: str) -> tuple[ContractVersion, ...]:
        """The versions of the contract of a model or endpoint, the newest first, at most a hundred."""
        return self.server.get(self._contract(of), Versions).versions

    def suggest_drift_file(self) -> str:
        """A drift file for the endpoints of the project, as YAML to read and edit. Private columns are left
        out."""
        return self.server.get(f"{self._drift_file}/suggested", Suggested).text

    def set_drift_file(self, file: str | Path | None) -> DriftFileVersion:
        """Set what drift is judged by, as an operator; `file` may be a file here. None takes back what was
        set. As `set_drift_file` on the project's own machine."""
        if file is None:
            return self.server.ask("DELETE", self._drift_file, DriftFileVersion)
        body = {"text": given_text(file, "drift file")}
        return self.server.ask("PUT", self._drift_file, DriftFileVersion, body=body)

    def list_drift_files(self) -> tuple[DriftFileVersion, ...]:
        """The versions of the drift file, the newest first, at most a hundred."""
        return self.server.get(self._drift_file, DriftFileVersions).versions

    @property
    def _drift_file(self) -> str:
        return f"{self.base}/drift-file"

    def set_reference(self, endpoint: str, start: Time, end: Time = None) -> ReferenceVersion:
        """Make the stored rows of [start, end) what an endpoint is compared with from now on, as an operator.

        As `set_reference` on the project's own machine.
        """
        if start is None:
            raise ConfigError("start: say from when on, a time or a day")
        body = {
            "start": from_us(moment_us(start, "start", 0)),
            "end": None if end is None else from_us(moment_us(end, "end", 0)),
        }
        return self.server.post(self._reference(endpoint), ReferenceVersion, body)

    def undo_reference(self, endpoint: str) -> ReferenceVersion:
        """Bring back what an endpoint was compared with before the newest period, as an operator; once more
        goes further back."""
        return self.server.ask("DELETE", self._reference(endpoint), ReferenceVersion)

    def list_references(self, endpoint: str) -> tuple[ReferenceVersion, ...]:
        """What an endpoint is and was compared with, the newest (which counts) first, at most a hundred."""
        return self.server.get(self._reference(endpoint), _References).references

    def _reference(self, endpoint: str) -> str:
        if not isinstance(endpoint, str) or not endpoint:
            raise ConfigError(f"endpoint: must be an endpoint's name or id, got {endpoint!r}")
        return f"{self.base}/references/{quote(endpoint, safe='')}"

    def _contract(self, of: str) -> str:
        if not isinstance(of, str) or not of:
            raise ConfigError(f"of: must be a model's key or an endpoint's name or id, got {of!r}")
        return f"{self.base}/contracts/{quote(of, safe='')}"

    def _told(self, method: str, path: str, **parameters: Any) -> None:
        self.server.ask(
            method, f"{self.base}/model-monitoring{path}", Said, parameters, within_seconds=DEPLOY_SECONDS
        ).tell()

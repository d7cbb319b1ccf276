"""What a project's monitoring and its apps are told: switched on and off, added, asked to judge again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmon.checked_yaml.given import given_text
from modelmon.errors import ConfigError
from modelmon.export.export_settings import ExportSettings
from modelmon.from_mlrun import refuse
from modelmon.function_spec.given_requirements import given_requirements
from modelmon.function_spec.own_apps import chosen_apps
from modelmon.ledger import incidents, outbox, registry
from modelmon.ledger.facts import incident_fact
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.contracts import (
    ContractVersion,
    contract_versions,
    set_contract,
    suggested_text,
    take_back,
)
from modelmon.model_monitoring.drift_files import DriftFileVersion, file_versions, set_file
from modelmon.model_monitoring.drift_files import take_back as take_file_back
from modelmon.model_monitoring.judging import Asked, judge_windows
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.references import (
    ReferenceVersion,
    list_references,
    set_reference,
    undo_reference,
)
from modelmon.model_monitoring.suggested_drift_files import suggested_text as suggested_drift_file
from modelmon.model_monitoring.written_times import Time
from modelmon.project import functions, monitoring
from modelmon.project.applications import AppFunction, describe_app, read_app
from modelmon.project.base_images import given_image
from modelmon.project.credentials import set_credentials
from modelmon.project.source import check_installed
from modelmon.settings import Settings


class MonitoredProject:
    """The methods of a project that are about its monitoring and its apps."""

    name: str
    context: Path

    if TYPE_CHECKING:

        @property
        def settings(self) -> Settings: ...

    # --- monitoring -------------------------------------------------------------------------------------

    def set_model_monitoring_credentials(
        self,
        access_key: str | None = None,
        endpoint_store_connection: str | None = None,
        stream_path: str | None = None,
        tsdb_connection: str | None = None,
        replace_creds: bool = False,
        *,
        tsdb_profile_name: str | None = None,
        stream_profile_name: str | None = None,
    ) -> None:
        """Say where streams, records and series are, before monitoring is enabled.

        `stream_path`, `endpoint_store_connection` and `tsdb_connection` are URLs and win over
        modelmon.yaml. They are kept in `.modelmon/credentials.json`, which only its owner can read, and never
        shown. `replace_creds` allows other values than those stored. Profiles that were registered may be
        named instead.
        """
        set_credentials(
            self.settings,
            access_key=access_key,
            stream_path=stream_path,
            endpoint_store_connection=endpoint_store_connection,
            tsdb_connection=tsdb_connection,
            tsdb_profile_name=tsdb_profile_name,
            stream_profile_name=stream_profile_name,
            replace=_flag("replace_creds", replace_creds),
        )

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
        """Deploy stream, controller, writer and ModelMon's apps, and create their streams.

        `apps` names those of ModelMon's apps that are wanted. None are those that run by default ('The
        project SDK' in the docs), an empty list no app. `deploy_histogram_data_drift_app=False` leaves out
        that one, and no other.
        `base_period` is the length of a window in minutes, at least 1 (10 or more is advised); None is the
        setting, 10 unless modelmon.yaml says otherwise. `wait_for_deployment` waits until `modelmon up` runs
        them. `otlp_enabled` wants the setting `otlp_endpoint`, which turns it on for every app. A second call
        leaves what is deployed as it is, adds what is missing and goes on where the first was interrupted;
        another `base_period` is a ConfigError: update_model_monitoring_controller changes it.
        `default_controller_image` is the name of `image` in MLRun 1.6; `rebuild_images` means nothing here.
        """
        refuse(
            "enable_model_monitoring",
            lag_threshold=lag_threshold,
            lag_event_cooldown=lag_event_cooldown,
            otlp_enabled=None if self._has_collector else otlp_enabled,
            fetch_credentials_from_sys_config=fetch_credentials_from_sys_config,
        )
        monitoring.enable(
            self,
            base_period,
            apps=chosen_apps(
                apps,
                histogram_drift=_flag("deploy_histogram_data_drift_app", deploy_histogram_data_drift_app),
            ),
            wait=_flag("wait_for_deployment", wait_for_deployment),
            image=given_image(image or default_controller_image),
        )

    def update_model_monitoring_controller(
        self, base_period: int = 10, image: str | None = None, *, wait_for_deployment: bool = False
    ) -> None:
        """Deploy the controller anew, with windows of `base_period` minutes from the next one on."""
        wait = _flag("wait_for_deployment", wait_for_deployment)
        monitoring.update(self, base_period, wait=wait, image=given_image(image))

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

        The stream function goes on storing samples unless `delete_stream_function`. User apps stop
        with `delete_user_applications`, all or those in `user_application_list`. What was stored stays.
        """
        monitoring.disable(
            self,
            controller=_flag("delete_resources", delete_resources),
            stream=_flag("delete_stream_function", delete_stream_function),
            drift_app=_flag("delete_histogram_data_drift_app", delete_histogram_data_drift_app),
            user_apps=_flag("delete_user_applications", delete_user_applications),
            user_app_names=user_application_list,
        )

    @property
    def _has_collector(self) -> bool:
        return self.settings.of(ExportSettings).has_collector

    # --- apps -------------------------------------------------------------------------------------------

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
    ) -> AppFunction:
        """Add an app to the project, or change it; `deploy_function` puts it to work.

        As create_model_monitoring_function, and recorded.
        """
        refuse(
            "set_model_monitoring_function",
            local_path=local_path,
            otlp_enabled=None if self._has_collector else otlp_enabled,
        )
        if otlp_enabled is False and self._has_collector:
            raise ConfigError(
                "set_model_monitoring_function: otlp_enabled=False is not supported here: otlp_endpoint is "
                "set, and verdicts of every app go there"
            )
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
    ) -> AppFunction:
        """An app, not recorded in the project until it is deployed.

        `func` is a Python file, a folder of them, or a function folder as `modelmon app new` makes (with
        function.yaml and main.py). `application_class` is the class, its name in `func`, or "module.Class"
        of an installed package. `application_kwargs` are the class's arguments (JSON values). `base_period`
        (minutes) is the app's own, None the project's. `requirements` are what its code imports beside
        ModelMon, as lines or as the path of a file. Without them a requirements.txt beside it counts.
        """
        refuse("a monitoring function", handler=handler, with_repo=with_repo)
        given = given_requirements(requirements, requirements_file, self.context)
        spec = describe_app(self.settings, name, func, application_class, base_period, application_kwargs)
        found = functions.recorded(self.settings, spec.name)
        if found is not None and found.kind != AppFunction.kind:
            raise ConfigError(f"name: {spec.name!r} is a function of kind {found.kind} already")
        image = given_image(image)
        source = Path(spec.source) if spec.source else None
        check_installed("application_class", spec.class_name, source, given, image)
        return AppFunction(self, replace(spec, requirements=given, image=image))

    def list_model_monitoring_functions(
        self, name: str | None = None, tag: str | None = None, labels: Any = None
    ) -> list[AppFunction]:
        """The project's apps by name, the histogram drift app too; or the one called `name`."""
        refuse("list_model_monitoring_functions", labels=labels)
        with opened(self.settings) as database, database.read() as connection:
            found = registry.list_functions(connection, AppFunction.kind)
        return [read_app(self, each.spec) for each in found if name in (None, each.name)]

    def judge_windows(
        self,
        application_name: str,
        start: Time,
        end: Time = None,
        endpoints: Sequence[str] | str | None = None,
    ) -> Asked:
        """Ask an app for windows again: past ones of a new app, failed ones after a fix.

        Every window with rows that reaches into [start, end) is judged as a whole, once, and its verdict
        replaces the one before it. Times are datetimes, days or ISO texts (without offset: UTC); `end` is now
        unless it is given. `endpoints` are names or ids, otherwise all that the app judges are meant. More
        than 10,000 windows at once are a ConfigError. Returns what was asked for; the controller sends it.
        """
        names = [endpoints] if isinstance(endpoints, str) else endpoints
        return judge_windows(self.settings, application_name, start, end, names)

    def suggest_contract(self, of: str) -> str:
        """The contract that the training set of a model (its key) or of an endpoint (name or id) suggests, as
        YAML to read and edit. Private columns are left out. ConfigError without a training set."""
        return suggested_text(self.settings, of)

    def set_contract(self, of: str, contract: str | Path | None) -> ContractVersion:
        """Set the contract of a model or of one endpoint, as text or as the path of a file: `data-quality`
        judges windows by it from now on. None takes back what was set: then the training set counts.

        Every version stays on record. Raises ConfigError that tells every mistake, and then sets nothing.
        """
        if contract is None:
            return take_back(self.settings, of)
        return set_contract(self.settings, of, given_text(contract, "contract"))

    def list_contracts(self, of: str) -> tuple[ContractVersion, ...]:
        """The versions of the contract of a model or endpoint, the newest first, at most a hundred."""
        return contract_versions(self.settings, of)

    def suggest_drift_file(self) -> str:
        """A drift file for the endpoints of the project, as YAML to read and edit. Private columns are left
        out."""
        return suggested_drift_file(self.settings)

    def set_drift_file(self, file: str | Path | None) -> DriftFileVersion:
        """Set what drift is judged by, as text or as the path of a file: features that are ignored, weigh
        more or have a floor of their own, segments, budgets, by endpoint. None takes back what was set.

        Every version stays on record. Windows that were judged keep their verdicts (see `judge_windows`).
        ConfigError tells every mistake with its line.
        """
        if file is None:
            return take_file_back(self.settings)
        return set_file(self.settings, given_text(file, "drift file"))

    def list_drift_files(self) -> tuple[DriftFileVersion, ...]:
        """The versions of the drift file, the newest first, at most a hundred."""
        return file_versions(self.settings)

    def set_reference(self, endpoint: str, start: Time, end: Time = None) -> ReferenceVersion:
        """Make the stored rows of [start, end) what an endpoint (name or id) is compared with from now on,
        in place of its training set; `end` is now unless it is given.

        Its open incidents of data drift end, and slow drift begins from nothing. Windows of before keep their
        verdict until they are judged again. Every version stays on record. Raises ConfigError for a period
        with fewer rows than `app_min_rows`.
        """
        return set_reference(self.settings, endpoint, start, end)

    def undo_reference(self, endpoint: str) -> ReferenceVersion:
        """Bring back what an endpoint was compared with before the newest period; once more goes further
        back. ConfigError where it is the training set."""
        return undo_reference(self.settings, endpoint)

    def list_references(self, endpoint: str) -> tuple[ReferenceVersion, ...]:
        """What an endpoint is and was compared with, the newest (which counts) first, at most a hundred."""
        return list_references(self.settings, endpoint)

    def remove_model_monitoring_function(self, name: str | Collection[str]) -> None:
        """Stop these apps and remove them from the project; what they found stays, their open incidents
        are resolved."""
        names = [name] if isinstance(name, str) else name
        if not isinstance(names, Collection):
            raise ConfigError(f"name: must be an app's name or a list of names, got {name!r}")
        known = [app.name for app in self.list_model_monitoring_functions()]
        for each in names:
            if each not in known:
                raise ConfigError(f"name: no app {each!r} in project {self.name}; there are: {listed(known)}")
        for each in names:
            functions.withdraw(self.settings, each, forget=True)
        now_us = wall_clock_us()
        with opened(self.settings) as database, database.write() as connection:
            told = [told for each in names for told in incidents.resolve_app(connection, each, now_us)]
            outbox.write(connection, [incident_fact(self.settings, each) for each in told], now_us)

    delete_model_monitoring_function = remove_model_monitoring_function


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name}: must be True or False, got {value!r}")
    return value


def listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"

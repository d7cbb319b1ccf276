"""Code written for MLRun: its modules are found, its objects have its names, what is missing is told."""

from __future__ import annotations

import importlib
import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import modelmon
from modelmon.apps import ModelMonitoringApplicationBase
from modelmon.apps.artifacts import PlotlyArtifact
from modelmon.apps.offline import offline_context
from modelmon.errors import ConfigError
from modelmon.from_mlrun.missing import NOT_HERE, NameNotHereError, NotHereError
from modelmon.from_mlrun.where import MODULES
from modelmon.model import Endpoint
from modelmon.project import Project, code_to_function, new_function
from modelmon.project.profiles import DatastoreProfileKafkaStream, DatastoreProfilePostgreSQL
from modelmon.settings import Settings
from modelmon.streams.kafka_settings import KafkaSettings
from project_support import deployed, frame, make

WITH_NAMES = [f"modelmon.{place}" for place in MODULES]


class TestModules:
    @pytest.mark.parametrize("module", WITH_NAMES)
    def test_every_name_of_an_alias_module_leads_to_what_there_is(self, module: str) -> None:
        found = importlib.import_module(module)
        for name in found.__all__:
            if name in ("_HAS_EVIDENTLY", "SUPPORTED_EVIDENTLY_VERSION"):
                assert isinstance(getattr(found, name), bool | str)
                continue
            assert getattr(found, name).__name__ in (
                name,
                "DatastoreProfileKafkaStream",
                name.removesuffix("V2"),
            )

    def test_an_alias_is_the_thing_itself(self) -> None:
        from modelmon.common.schemas.model_monitoring import constants  # type: ignore[import-not-found]

        assert constants.ResultKindApp is modelmon.ResultKindApp

    @pytest.mark.parametrize(
        "statement",
        [
            "from modelmon import get_run_db",
            "from modelmon.common.schemas import alert_constants",
            "from modelmon.datastore import DatastoreProfileV3io",
            "from modelmon.model_monitoring.api import record_results",
            "from modelmon.model_monitoring import EvidentlyModelMonitoringApplicationBase",
        ],
    )
    def test_an_import_of_what_is_missing_says_what_there_is_instead(self, statement: str) -> None:
        with pytest.raises(NameNotHereError, match=r"is not there: \w+") as caught:
            exec(statement)
        assert isinstance(caught.value, ImportError)
        assert isinstance(caught.value, ConfigError)

    @pytest.mark.parametrize(
        "statement",
        ["import modelmon.nonsense", "from modelmon import nonsense", "from modelmon.model import x"],
    )
    def test_what_nobody_has_is_told_in_pythons_words(self, statement: str) -> None:
        with pytest.raises(ImportError) as caught:
            exec(statement)
        assert not isinstance(caught.value, ConfigError)

    def test_asking_whether_a_name_is_there_is_answered(self) -> None:
        assert not hasattr(modelmon, "mlconf")
        assert not hasattr(Project, "push_run_notifications")
        assert not hasattr(ModelMonitoringApplicationBase, "to_job")

    def test_a_server_pays_nothing_for_the_names(self) -> None:
        code = "import sys, modelmon; print(sorted(m for m in sys.modules if m.startswith('modelmon.')))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert all(name.startswith(("modelmon.from_mlrun", "modelmon.errors")) for name in eval(done.stdout))


class TestMissing:
    def test_no_name_that_is_told_to_be_missing_is_there(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        objects: dict[str, Any] = {
            "project": project,
            "function": project.set_function("model.py", name="serving"),
            "app": ModelMonitoringApplicationBase,
            "endpoint": Endpoint("a", "p", "n").status,
        }
        for owner, thing in objects.items():
            for name in NOT_HERE[owner]:
                with pytest.raises(NotHereError, match=f"^{name} is not there: "):
                    getattr(thing, name)

    def test_no_name_of_a_module_that_is_told_to_be_missing_is_there(self) -> None:
        kinds = {"project", "function", "app", "context", "endpoint"}
        for place in set(NOT_HERE) - kinds:
            module = importlib.import_module(place if place == "modelmon" else f"modelmon.{place}")
            for name in NOT_HERE[place]:
                assert not hasattr(module, name), f"{place}.{name}"

    def test_a_misspelt_name_is_pythons_own_error(self, tmp_path: Path) -> None:
        with pytest.raises(AttributeError, match=r"^'Project' object has no attribute 'log_modle'$"):
            make(tmp_path).log_modle  # type: ignore[attr-defined]  # noqa: B018

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"url": "git://x"}, "get_or_create_project: url='git://x' is not supported here"),
            ({"parameters": {"a": 1}}, "get_or_create_project: parameters="),
            ({"nonsense": 1}, "unknown setting 'nonsense'"),
        ],
    )
    def test_arguments_that_ask_for_something_are_refused(
        self, given: dict[str, Any], reason: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError, match=reason):
            modelmon.get_or_create_project("flights", tmp_path / "new", **given)
        assert not (tmp_path / "new").exists()

    def test_arguments_that_ask_for_nothing_are_no_settings(self, tmp_path: Path) -> None:
        modelmon.get_or_create_project("flights", tmp_path, init_git=True, save=True, parameters=None)
        assert (tmp_path / "modelmon.yaml").read_text() == "project: flights\n"


class TestFunctions:
    def test_functions_are_made_in_the_project_around_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make(tmp_path)
        monkeypatch.chdir(tmp_path)
        assert new_function("bare", kind="serving", project="flights").metadata.project == "flights"
        assert code_to_function("sum", filename="model.py").source == tmp_path / "model.py"
        with pytest.raises(ConfigError, match="holds project 'flights', not 'other'"):
            new_function("bare", project="other")

    def test_a_function_says_how_it_stands(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        serving = project.set_function("model.py", name="serving")
        assert (serving.status.state, serving.is_deployed()) == ("created", False)
        serving.add_model("free", class_name="Free")
        serving.set_envs({"A": "1"}).apply(lambda function: function.set_env("B", 2))
        project.deploy_function(serving)
        assert (serving.status.state, serving.uri) == ("deployed", "flights/serving")
        assert project.get_function(key="serving").environment == {"A": "1", "B": "2"}  # type: ignore[union-attr]

    def test_a_class_of_mlruns_is_taken_for_ours(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        name = "mlrun.model_monitoring.applications.HistogramDataDriftApplication"
        project.set_model_monitoring_function("drift", application_class=name).deploy()
        spec = json.loads((tmp_path / ".modelmon/functions/drift/app.json").read_text())
        assert spec["class_name"] == "modelmon.apps.histogram_drift.HistogramDataDriftApplication"
        assert "drift" in deployed(project)
        with pytest.raises(ConfigError, match=r"application_class: 'mlrun\.x\.Y' is MLRun's and not there"):
            project.set_model_monitoring_function("other", application_class="mlrun.x.Y")


class TestProfiles:
    BROKER = DatastoreProfileKafkaStream(
        "broker", brokers=["one:9092", "two:9092"], topics=[], sasl_user="me", sasl_pass="s3cret"
    )
    SERIES = DatastoreProfilePostgreSQL(
        "series", user="me", password="p@ss/word", host="db", port=5433, database="mm"
    )

    def test_profiles_say_where_streams_and_series_are(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        for profile in (self.BROKER, self.SERIES):
            project.register_datastore_profile(profile)
        project.set_model_monitoring_credentials(
            tsdb_profile_name="series", stream_profile_name="broker", replace_creds=True
        )
        settings = Settings.load(tmp_path)
        assert settings.stream_path == "kafka://one:9092,two:9092"
        assert settings.series_url == "postgresql://me:p%40ss%2Fword@db:5433/mm"
        kafka = settings.of(KafkaSettings)
        assert (kafka.kafka_sasl_username, kafka.kafka_sasl_password) == ("me", "s3cret")
        assert kafka.kafka_security_protocol == "SASL_PLAINTEXT"

    def test_a_password_is_in_no_text_and_in_no_file_for_others(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        project.register_datastore_profile(self.BROKER)
        project.register_datastore_profile(self.SERIES)
        path = tmp_path / ".modelmon" / "datastore_profiles.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "s3cret" not in repr(project.get_datastore_profile("broker"))
        assert "ss/word" not in repr(project.list_datastore_profiles())

    def test_a_profile_is_replaced_and_removed(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        for host in ("old", "new"):
            project.register_datastore_profile(DatastoreProfilePostgreSQL("series", user="me", host=host))
        (found,) = project.list_datastore_profiles()
        assert isinstance(found, DatastoreProfilePostgreSQL)
        assert found.host == "new"
        project.delete_datastore_profile("series")
        with pytest.raises(ConfigError, match="no datastore profile 'series' was registered in this project"):
            project.get_datastore_profile("series")

    def test_a_profile_of_the_wrong_kind_is_told(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        project.register_datastore_profile(self.SERIES)
        with pytest.raises(ConfigError, match="must name a DatastoreProfileKafkaStream, 'series' is a Data"):
            project.set_model_monitoring_credentials(stream_profile_name="series")
        with pytest.raises(ConfigError, match=r"profile: must be .*, got a builtins\.dict"):
            project.register_datastore_profile({})  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"brokers": []}, "brokers: must be texts like 'host:9092'"),
            ({"brokers": "h", "kwargs_public": {"acks": 1}}, "kwargs_public: 'acks' is not supported here"),
            ({"brokers": "h", "kwargs_private": {"x": 1}}, "kwargs_private is not supported here"),
        ],
    )
    def test_what_a_profile_can_not_mean_is_told(self, given: dict[str, Any], reason: str) -> None:
        with pytest.raises(ConfigError, match=f"^profile broker: {reason}"):
            DatastoreProfileKafkaStream("broker", **given)


class TestArtifacts:
    @pytest.mark.parametrize("data", [frame(), frame().to_pandas()], ids=["arrow", "pandas"])
    def test_a_dataset_is_kept_and_found_by_its_key(self, data: Any, tmp_path: Path) -> None:
        project = make(tmp_path)
        project.log_dataset("training", df=data, labels={"of": "churn"}, preview=3)
        found = project.get_artifact("training")
        assert pd.read_parquet(found.target_path).equals(frame().to_pandas())
        assert found.labels == {"of": "churn"}

    def test_a_file_is_kept_and_replaced(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        for body in ("one", "two"):
            project.log_artifact("plots/note", body=body, format="txt")
        assert Path(project.get_artifact("plots/note").path).read_text() == "two"

    def test_a_figure_is_kept_as_a_page(self, tmp_path: Path) -> None:
        class Figure:
            def to_html(self) -> str:
                return "<p>chart</p>"

        context = offline_context(
            "app", frame(), settings=Settings.load(None, {}, artifacts_path=str(tmp_path))
        )
        kept = context.log_artifact(PlotlyArtifact("chart", Figure()), format=None)
        assert kept.path.startswith(context.artifacts_path)
        assert kept.path.endswith(".html")
        assert Path(kept.path).read_text() == "<p>chart</p>"
        with pytest.raises(ConfigError, match="figure: must be a Plotly figure, got a dict"):
            PlotlyArtifact("chart", {})

    def test_what_was_not_logged_is_told(self, tmp_path: Path) -> None:
        project = make(tmp_path)
        project.log_artifact("note", body="x")
        with pytest.raises(
            ConfigError, match="no artifact 'nope' was logged in this project; did you mean note"
        ):
            project.get_artifact("nope")
        with pytest.raises(ConfigError, match="an artifact's key has letters"):
            project.log_artifact("../note", body="x")


class TestEndpoints:
    def listed(self, tmp_path: Path) -> tuple[Project, Endpoint]:
        project = make(tmp_path)
        model = project.log_model("sum", body="1", training_set=frame(), label_column="late")
        serving = project.set_function("model.py", name="serving")
        serving.add_model("sum:v1", model_path=model, class_name="Sum")
        serving.set_tracking()
        serving.deploy()
        (endpoint,) = project.list_model_endpoints().endpoints
        return project, endpoint

    def test_an_endpoint_has_mlruns_shape(self, tmp_path: Path) -> None:
        _, endpoint = self.listed(tmp_path)
        assert (endpoint.metadata.uid, endpoint.metadata.name) == (endpoint.endpoint_id, "sum:v1")
        assert (endpoint.spec.model_name, endpoint.spec.feature_names) == ("sum", ["a", "b"])
        assert endpoint.spec.model_uri == "store://models/flights/sum"
        assert endpoint.spec.monitoring_feature_set_uri.endswith(f":{endpoint.endpoint_id}")

    def test_an_endpoint_without_a_request_says_so(self, tmp_path: Path) -> None:
        _, endpoint = self.listed(tmp_path)
        assert (endpoint.status.state, endpoint.status.result_status) == ("no data", -1)
        assert endpoint.status.last_request is None
        assert endpoint.status.monitoring_mode == "enabled"

    def test_a_request_shows_in_the_status_and_narrows_the_list(self, tmp_path: Path) -> None:
        from modelmon.ledger.schema import traffic
        from modelmon.model_monitoring.locating import opened

        project, endpoint = self.listed(tmp_path)
        noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        moment = int(noon.timestamp() * 1e6)
        row = {column.name: 0 for column in traffic.columns if not column.nullable}
        row |= {"endpoint_id": endpoint.endpoint_id, "first_request_us": moment, "last_request_us": moment}
        with opened(project.settings) as database, database.write() as connection:
            connection.execute(traffic.insert(), [row])
        (found,) = project.list_model_endpoints(start="2026-01-01", end="2026-01-02")
        assert found.status.last_request == noon
        assert project.list_model_endpoints(start="2026-01-02") == []

    def test_a_vector_of_features_reads_its_columns(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from modelmon import feature_store

        project, endpoint = self.listed(tmp_path)
        asked: list[Any] = []

        def read(
            database: Any, samples: Any, endpoint_id: str, start: int, end: int, columns: Any, *, actuals: Any
        ) -> pa.Table:
            asked.append((endpoint_id, columns))
            return frame()

        monkeypatch.setattr(feature_store, "read_sample", read)
        for features, columns in ((["a", "late"], ["a", "late"]), (["*"], None)):
            names = [f"{endpoint.feature_set}.{each}" for each in features]
            vector = feature_store.FeatureVector("samples", names)
            answer = feature_store.get_offline_features(vector, project=project, start_time="2026-01-01")
            assert answer.to_dataframe().equals(frame().to_pandas())
            assert asked.pop() == (endpoint.endpoint_id, columns)

    @pytest.mark.parametrize("features", [[], "set.*", ["column"], ["one.a", "two.b"]])
    def test_features_of_no_one_set_are_refused(self, features: Any) -> None:
        from modelmon.feature_store import FeatureVector

        with pytest.raises(ConfigError, match=r"^features: must"):
            FeatureVector("samples", features)

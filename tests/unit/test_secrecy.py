"""Where a password could come out: settings and their errors, bundles, findings, what nuctl said."""

from __future__ import annotations

import json
import logging
import shlex
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml

import project_support
from function_yaml_mistakes import RIGHT
from modelmon.deploying.bundle_folders import write_folder
from modelmon.deploying.checking.check import check_text
from modelmon.deploying.checking.target import Target
from modelmon.deploying.failures import failed, function_failed
from modelmon.deploying.nuctl_process import Ended
from modelmon.deploying.plan import make_plan
from modelmon.deploying.reasons import LONGEST
from modelmon.deploying.redaction import without_secrets
from modelmon.deploying.rendering import Rendered, render_function
from modelmon.deploying.secrets import secret_variables
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import template
from modelmon.function_spec.function_yaml import placeholders, read_function, render
from modelmon.function_spec.platforms import KUBE, LOCAL
from modelmon.settings import Settings, secret_settings
from modelmon.stores.samples_files import RemoteFiles
from modelmon.wheel import installed_wheel, pack_wheel
from nuctl_stand_in import SASL, SERVERS

PASSWORD = "S3CRET"
ADDRESSES = [
    "postgresql://u:S3CRET@db/mm",
    "postgresql://u:a/S3CRET@db/mm",
    "postgresql://u:a?S3CRET@db/mm",
    "postgresql://u:a#S3CRET@db/mm",
    "postgresql://u:a[S3CRET@db/mm",
    "postgresql://u:a]S3CRET@db/mm",
    "postgresql://S3CRET@db/mm",
    "postgresql://db/mm?user=u&password=S3CRET",
    "postgresql://db/mm;password=S3CRET",
    "mssql+pyodbc:///?odbc_connect=PWD%3DS3CRET",
]
NO_YAML = {
    "at": "@S3CRET",
    "percent": "%S3CRET",
    "colon": "a: S3CRET",
    "alias": "*S3CRET",
    "anchor": "&S3CRET &S3CRET x",
    "tag": "!S3CRET",
    "tags": "!!S3CRET a",
    "backtick": "`S3CRET",
    "quote": '"S3CRET',
    "escape": '"\\S3CRET"',
    "list": "[S3CRET",
    "map": "{S3CRET: [",
    "block": "|S3CRET",
    "date": "2020-99-99",
    "number": "0b_",
    "control": "S3\x01CRET",
}


def project(folder: Path, text: str) -> Path:
    (folder / "modelmon.yaml").write_text(text, encoding="utf-8")
    return folder


def bundled(platform: str, **settings: Any) -> str:
    plan = make_plan(Settings().changed(project="flights", **{**SERVERS, **settings}), platform)
    return render_function(
        (template("stream") / "function.yaml").read_text(), "stream", plan, installed_wheel()
    ).text


class TestBundle:
    @pytest.mark.slow
    @pytest.mark.parametrize("platform", [LOCAL, KUBE])
    @pytest.mark.parametrize("address", ADDRESSES)
    @pytest.mark.parametrize("setting", ["records_url", "series_url"])
    def test_no_password_of_a_database_is_written(self, address: str, platform: str, setting: str) -> None:
        assert PASSWORD not in bundled(platform, **{setting: address})
        plan = make_plan(Settings().changed(**{**SERVERS, setting: address}), platform)
        assert secret_variables(plan)[f"MODELMON_{setting.upper()}"] == address

    @pytest.mark.parametrize("setting", ["samples_path", "artifacts_path"])
    def test_a_user_of_an_object_store_is_secret(self, setting: str) -> None:
        address = {setting: "s3://KEY:S3CRET@bucket/folder"}
        assert PASSWORD not in bundled(KUBE, **address)
        assert PASSWORD not in repr(Settings().changed(**address))

    def test_addresses_without_credentials_stand_in_the_open(self) -> None:
        given = {"records_url": "postgresql+psycopg://db.svc:5432/mm", "samples_path": "s3://bucket/a-b_c/d"}
        assert secret_variables(make_plan(Settings().changed(**{**SERVERS, **given}), KUBE)) == {}
        env = yaml.safe_load(bundled(KUBE, **given))["spec"]["env"]
        assert {"name": "MODELMON_RECORDS_URL", "value": given["records_url"]} in env

    @pytest.mark.parametrize("name", sorted(secret_settings()))
    def test_secret_settings_are_no_placeholders(self, name: str) -> None:
        values = placeholders(Settings().changed(kafka_sasl_password=PASSWORD), "f")
        assert PASSWORD not in str(values)
        with pytest.raises(ConfigError, match=f"variable MODELMON_{name.upper()} by itself"):
            render(f"value: ${{{name}}}", values)
        text = RIGHT.replace("value: flights", f"value: ${{{name}}}")
        found = check_text(text, Target(), {"name": "churn"})
        assert ("is no placeholder", True) in [
            (each.problem, "'Secrets under Nuclio' in the docs" in each.mend) for each in found
        ]

    def test_credentials_that_the_protocol_ignores_are_refused(self) -> None:
        for name in ("kafka_sasl_username", "kafka_sasl_password"):
            with pytest.raises(ConfigError, match=f"{name} is set, but kafka_security_protocol") as refused:
                bundled(KUBE, **{name: PASSWORD})
            assert PASSWORD not in str(refused.value)


class TestSettings:
    @pytest.mark.parametrize("value", NO_YAML.values(), ids=list(NO_YAML))
    def test_a_password_that_is_no_yaml_is_not_shown(self, value: str, tmp_path: Path) -> None:
        folder = project(tmp_path, f"project: p\nkafka_sasl_password: {value}\nplatform: kube\n")
        with pytest.raises(ConfigError) as refused:
            Settings.load(folder, {})
        said = str(refused.value)
        assert "S3" not in said.replace(str(tmp_path), "")
        assert refused.value.__cause__ is None
        assert value[0].isalnum() or "line " in said or "quote it" in said, said

    def test_a_mistake_in_yaml_has_its_line_column_and_kind(self, tmp_path: Path) -> None:
        with pytest.raises(
            ConfigError, match="line 2, column 22: a character or a line that YAML can't read there"
        ):
            Settings.load(project(tmp_path, "project: p\nkafka_sasl_password: @S3CRET\n"), {})

    @pytest.mark.parametrize("text", ["kafka_sasl_password:S3CRET:", "kafka_sasl_password S3CRET: x"])
    def test_a_password_that_yaml_takes_for_a_name_is_not_shown(self, text: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="unknown setting") as refused:
            Settings.load(project(tmp_path, text), {})
        assert PASSWORD not in str(refused.value)

    @pytest.mark.parametrize("name", sorted(secret_settings()))
    @pytest.mark.parametrize(
        ("value", "kind"),
        [("[S3CRET]", "list"), ("{a: S3CRET}", "dict"), ("0123", "int"), ("1.5", "float"), ("yes", "bool"),
         ("2020-01-01", "date")],
        ids=["list", "dict", "int", "float", "bool", "date"],
    )  # fmt: skip
    def test_a_secret_of_another_type_is_refused_and_not_shown(
        self, name: str, value: str, kind: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError) as refused:
            Settings.load(project(tmp_path, f"{name}: {value}"), {})
        assert str(refused.value) == f"{name}: expected str, got {kind}; quote it"

    @pytest.mark.parametrize(
        "value",
        ["kafka://u:S3/CRET@h:9092", "kafka://u:S3?CRET@h", "kafkas://u:S3CRET@h", "Kafka://u:S3CRET@h",
         "kafka:/u:S3CRET@h", "v3io://u:S3/CRET@h/c", "u:S3CRET@h", "kafka://u:S3[CRET"],
    )  # fmt: skip
    @pytest.mark.parametrize(
        "name", ["stream_path", "events_stream", "app_stream", "writer_stream", "nuclio_brokers"]
    )
    def test_credentials_in_a_stream_s_address_are_refused_and_not_shown(self, name: str, value: str) -> None:
        with pytest.raises(ConfigError, match=f"^{name}: ") as refused:
            Settings().changed(**{name: value})
        assert "S3" not in str(refused.value)
        assert "CRET" not in str(refused.value)

    def test_an_address_with_credentials_is_neither_tracked_to_nor_stored(self, tmp_path: Path) -> None:
        flights = project_support.make(tmp_path / "flights")
        serving = flights.set_function("model.py", name="web")
        for address in ("kafka://u:S3/CRET@h/t", "kafka:/u:S3/CRET@h"):
            for refused in (
                lambda: serving.set_tracking(stream_path=address),  # noqa: B023
                lambda: flights.set_model_monitoring_credentials(stream_path=address),  # noqa: B023
            ):
                with pytest.raises(ConfigError, match=r"^stream_path: ") as raised:
                    refused()
                assert "S3" not in str(raised.value)

    def test_brokers_with_credentials_reach_no_bundle(self) -> None:
        with pytest.raises(ConfigError) as refused:
            make_plan(Settings(), KUBE, "u:S3/CRET@h:9092")
        assert "S3" not in str(refused.value)

    @pytest.mark.parametrize("address", ["memory://KEY:S3/CRET@h/x", "nofs://KEY:S3/CRET@h/x"])
    def test_a_folder_s_credentials_are_in_no_message(self, address: str) -> None:
        try:
            said = RemoteFiles(address).root
        except ConfigError as refused:
            said = str(refused)
        assert "h/x" in said
        assert "S3" not in said
        assert "CRET" not in said

    def test_a_folder_may_have_an_at_sign(self) -> None:
        assert Settings(stream_path="sqlite:////home/a@b/streams").events_url.endswith("a@b/streams/events")

    def test_a_choice_that_may_be_empty_says_so(self) -> None:
        with pytest.raises(
            ConfigError, match="must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or empty, got"
        ):
            Settings().changed(kafka_sasl_mechanism="GSSAPI")

    @pytest.mark.parametrize(
        ("variable", "said"),
        [
            ("MODELMON_GRACE_SECOND", "MODELMON_GRACE_SECOND is no setting and is ignored; did you mean "
             "MODELMON_GRACE_SECONDS?"),
            ("MODELMON_XYZZY", "MODELMON_XYZZY is no setting and is ignored; 'Settings' in the docs "
             "lists them"),
            ("MODELMON_DEBUG", None),
            ("MODELMON_PROJECT_DIR", None),
            ("MODELMON_SERVICES", None),
            ("MODELMON_DEMO_INSTALL_SECONDS", None),
            ("OTHER_GRACE_SECOND", None),
        ],
    )  # fmt: skip
    def test_a_variable_that_is_no_setting_is_warned_of_once(
        self, variable: str, said: str | None, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        from modelmon import sources

        sources._warn_of_unknown.cache_clear()
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                Settings.load(None, {variable: str(tmp_path)})
        assert len(caplog.records) == (said is not None)
        assert said is None or said in caplog.text
        assert str(tmp_path) not in caplog.text


WAYS = {
    "raw": lambda value: value,
    "json": json.dumps,
    "json-ascii": lambda value: json.dumps(value, ensure_ascii=False),
    "json-in-json": lambda value: json.dumps(json.dumps({"message": f"--env A={value}"})),
    "go": lambda value: json.dumps(value).replace("&", "\\u0026").replace("<", "\\u003c"),
    "python": repr,
    "shell": shlex.quote,
    "url": lambda value: quote(value, safe=""),
    "url-lower": lambda value: quote(value, safe="").replace("%2F", "%2f"),
    "form": quote_plus,
}


class TestNuctl:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(
        "password",
        ['S3"CR\\ET', "S3/C?R#ET", "S3 C&R<E>T", "S3größeé\U0001f511ET", "S3\\\\\\ET", "S3+C%20.*ET"],
        ids=["quote", "url", "space", "unicode", "backslashes", "pattern"],
    )
    def test_what_it_says_is_shown_without_secrets(self, way: str, password: str) -> None:
        settings = {**SERVERS, **SASL, "kafka_ssl_cafile": "", "kafka_sasl_password": password}
        plan = make_plan(Settings().changed(**settings), LOCAL)
        said = without_secrets(f"failed: --env A={WAYS[way](password)} end", secret_variables(plan).values())
        assert "S3" not in said
        assert "ET" not in said
        assert said.endswith("end")

    def test_a_password_is_masked_before_what_it_says_is_cut(self, tmp_path: Path) -> None:
        password = "S3CRET" * 40
        settings = {**SERVERS, **SASL, "kafka_ssl_cafile": "", "kafka_sasl_password": password}
        plan = make_plan(Settings().changed(**settings), LOCAL)
        for before in ("", "ValueError: ", "ERROR: "):
            ended = Ended(1, "", before + "x" * (LONGEST - 100) + password)
            assert PASSWORD not in failed(plan, "nuctl deploy f", ended, 1.0)
            assert PASSWORD not in function_failed(plan, "f", "nuctl deploy f", ended, 1.0, tmp_path)

    def test_an_address_s_user_is_masked_whatever_the_password_holds(self) -> None:
        plan = make_plan(Settings().changed(**SERVERS), LOCAL)
        said = without_secrets("at http://u:S3/C@RET@h/x now", secret_variables(plan).values())
        assert said == "at http://***@h/x now"


class TestFindings:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("initialOffset:", "sasl: {Password: S3CRET}\n        initialOffset:"),
            ("initialOffset:", "sasl: {passwort: S3CRET}\n        initialOffset:"),
            ("initialOffset:", "sasl: {enable: S3CRET}\n        initialOffset:"),
            ("initialOffset:", "Sasl: S3CRET\n        initialOffset:"),
            ("initialOffset:", "sasl: S3CRET\n        initialOffset:"),
            ("initialOffset:", "accesKey: S3CRET\n        initialOffset:"),
            ("      value: flights", "      valeu: S3CRET"),
            ("      value: flights", "      value: 3333 # S3CRET"),
            ("      value: flights", "      value: flights\n    - DB=S3CRET"),
            ("      value: flights", "      valuefrom: S3CRET"),
            ("  minReplicas: 1", "  envFrom: S3CRET"),
            ("  minReplicas: 1", "  environment: S3CRET"),
            ("  minReplicas: 1", "  pass: S3CRET"),
            ("  minReplicas: 1", "  unknown: http://u:S3CRET@host"),
            ("  labels:", "  annotations: {nuclio.io/kafka-sasl-pasword: S3CRET}\n  labels:"),
            ("      value: flights", "      value: @S3CRET"),
            ("      value: flights", "      value: *S3CRET"),
            ("      value: flights", "      value: !S3CRET x"),
            ("      value: flights", "      value: 2020-99-33"),
        ],
    )
    def test_no_value_that_may_be_a_secret_is_shown(self, old: str, new: str, tmp_path: Path) -> None:
        assert old in RIGHT
        text = RIGHT.replace(old, new, 1)
        found = check_text(text, Target(), {"name": "churn"})
        assert found
        assert not [each for each in found if any(part in str(each) for part in (PASSWORD, "3333", "-33"))]
        (tmp_path / "function.yaml").write_text(text)
        if new.startswith("      value: "):  # the embedded runner takes what Nuclio ignores
            with pytest.raises(ConfigError) as refused:
                read_function(tmp_path, Settings())
            said = str(refused.value).replace(str(tmp_path), "")  # its number may be one of these
            assert not [part for part in (PASSWORD, "3333", "-33") if part in said]

    def test_other_values_are_shown(self) -> None:
        (found,) = check_text(
            RIGHT.replace("minReplicas: 1", "minReplicas: two"), Target(), {"name": "churn"}
        )
        assert found.value == "'two'"


class TestSetEnv:
    @pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "API_TOKEN", "OPENAI_KEY"])
    def test_a_name_like_a_secret_s_is_warned_of(
        self, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        serving = project_support.make(tmp_path / "flights").set_function("model.py", name="web")
        serving.set_env("LIMIT", 5)
        assert caplog.records == []
        serving.set_env(name, PASSWORD)
        assert f"{name} looks like a secret" in caplog.text
        assert PASSWORD not in caplog.text

    def test_a_function_yaml_with_values_is_its_owner_s_alone(self, tmp_path: Path) -> None:
        flights = project_support.make(tmp_path / "flights")
        app = flights.set_model_monitoring_function("rows", "rows_app.py", "Rows")
        path = flights.context / ".modelmon" / "functions" / "rows" / "function.yaml"
        flights.deploy_function(app)
        assert stat.S_IMODE(path.stat().st_mode) & 0o044
        flights.deploy_function(app, env={"OWN": "1"})
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        wheel = pack_wheel(tmp_path)
        write_folder(path.parent, Rendered(path.read_text()), wheel, tmp_path / "bundle")
        assert stat.S_IMODE((tmp_path / "bundle" / "function.yaml").stat().st_mode) == 0o600

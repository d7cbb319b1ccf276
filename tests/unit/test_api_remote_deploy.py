"""What an admin does from elsewhere: monitoring, apps and models; what is refused, and what is kept of it."""

from __future__ import annotations

import base64
import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import ApiClient
from modelmon.errors import ConfigError
from modelmon.ledger import access as ledger
from modelmon.ledger.records import open_records
from modelmon.model import DAY_US, wall_clock_us
from modelmon.model_monitoring.code_archives import pack
from modelmon.project import Project
from modelmon.settings import Settings
from modelmon.stats import describe
from project_support import APP, DEFAULT_APPS, deployed, frame, make

BASE = "/api/v1/projects/flights"
CODE = APP.replace("\n    ", "\n")


@dataclass
class Shop:
    """A project whose admins may bring code."""

    project: Project
    client: ApiClient
    token: str

    def ask(self, method: str, path: str, body: Any = None, **parameters: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        given: dict[str, Any] = {} if body is None else {"json": body}
        given |= {"params": parameters} if parameters else {}
        return self.client.request(method, f"{BASE}/{path}", headers=headers, **given)

    def did(self) -> list[tuple[str, str, str]]:
        found, token = [], ""
        while True:
            page = self.ask("GET", "audit", **{"page-size": 2, "page-token": token}).json()
            found += [(each["who"], each["what"], each["of"]) for each in page["deeds"]]
            token = page["after"]
            if not token:
                return found


def shop_of(folder: Path, **settings: Any) -> Shop:
    project = make(folder, **{"auth": "token", "remote_deploy": True, **settings})
    records, now_us = open_records(project.settings), wall_clock_us()
    with records.write() as connection:
        token = ledger.create_token(connection, "ann", "admin", now_us, now_us + DAY_US)
    records.close()
    return Shop(project, ApiClient(project.settings), token)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = shop_of(tmp_path)
    yield made
    made.client.close()


def reason(found: httpx.Response, status: int) -> str:
    assert found.status_code == status, found.text
    return str(found.json()["detail"]["reason"])


def archive(**files: bytes | str) -> str:
    named = {
        name.replace("_py", ".py"): text.encode() if isinstance(text, str) else text
        for name, text in files.items()
    }
    return base64.b64encode(pack(named)).decode()


INFRASTRUCTURE = {"modelmon-stream", "modelmon-writer", "modelmon-controller", "modelmon-notifier"}


@pytest.mark.slow
def test_monitoring_is_enabled_changed_and_disabled(shop: Shop) -> None:
    found = shop.ask(
        "PUT", "model-monitoring/", **{"base-period": 20, "deploy_histogram_data_drift_app": False}
    )
    assert "Monitoring of project flights is enabled, in windows of 20 minutes." in found.json()["said"]
    apps = DEFAULT_APPS - {"histogram-data-drift"}
    assert deployed(shop.project) == {*INFRASTRUCTURE, *apps}
    assert "base_period: monitoring of" in reason(shop.ask("PUT", "model-monitoring/", base_period=30), 400)
    said = shop.ask("PATCH", "model-monitoring/controller", base_period=30).json()["said"]
    assert said[0] == "Windows of project flights are 30 minutes long from the next one on."
    assert shop.ask("DELETE", "model-monitoring/", delete_stream_function=True).status_code == 200
    assert deployed(shop.project) == {"modelmon-writer", "modelmon-notifier"}


def test_an_app_comes_with_its_code_and_what_came_is_kept_and_told(shop: Shop) -> None:
    sent = archive(rows_py=CODE)
    app = {
        "archive": sent,
        "file": "rows.py",
        "application_class": "Rows",
        "arguments": {"factor": 3, "api_key": "s"},
    }
    assert "'Rwos' in rows.py" in reason(
        shop.ask("PUT", "model-monitoring/functions/rows", app | {"application_class": "Rwos"}), 400
    )
    shown = shop.ask("PUT", "model-monitoring/functions/rows", app).json()
    assert (shown["class_name"], shown["arguments"], shown["deployed"]) == (
        "Rows",
        {"factor": 3, "api_key": "…"},
        False,
    )
    said = shop.ask("POST", "model-monitoring/functions/rows/deploy", {"environment": {"LEVEL": "1"}}).json()[
        "said"
    ]
    assert said[0].startswith("Deployed the app rows")
    assert said[-1].startswith("Next, in a second terminal: modelmon up")
    folder = shop.project.context / ".modelmon" / "functions" / "rows"
    assert (folder / "rows.py").read_text() == CODE
    assert "LEVEL" in (folder / "function.yaml").read_text()
    assert "LEVEL" in str(shop.ask("GET", "model-monitoring/functions/rows").json())
    digest = hashlib.sha256(base64.b64decode(sent)).hexdigest()
    assert (
        "ann",
        "archive for app rows",
        f"sha256 {digest}, 1 file, {len(base64.b64decode(sent))} bytes",
    ) in shop.did()
    path = "/api/v1/projects/{project}/model-monitoring/functions/{name}"
    assert [each[:2] for each in shop.did()] == [
        ("ann", f"POST {path}/deploy"), ("ann", f"PUT {path}"), ("ann", "archive for app rows"),
        ("ann", f"PUT {path}"), ("ann", "archive for app rows"),
    ]  # fmt: skip
    kept = shop.project.context / ".modelmon" / "archives" / digest / "archive.zip"
    assert kept.read_bytes() == base64.b64decode(sent)
    assert shop.ask("DELETE", "model-monitoring/functions", function="rows").status_code == 200
    assert shop.ask("GET", "model-monitoring/functions").json() == {"functions": []}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"archive": base64.b64encode(b"PK no").decode()}, "archive: it can't be read as a zip archive"),
        ({"archive": archive(**{"../x.py": b""})}, "'../x.py' can't be a file's name"),
        ({"archive": "%"}, "invalid base64"),
        ({"file": "row.py"}, "no 'row.py' in the archive; did you mean rows.py?"),
        ({"arguments": {"func": "/etc/passwd"}}, "'func' can't be an argument"),
        ({"base_period": 0}, "expected `int` >= 1"),
        ({"clazz": "x"}, "unknown field `clazz`"),
        ({"requirements": ["river =="]}, "requirements"),
    ],
)
def test_an_app_that_can_not_be_is_refused(shop: Shop, change: dict[str, Any], said: str) -> None:
    app = {"archive": archive(rows_py=CODE), "file": "rows.py", "application_class": "Rows"}
    assert said in reason(shop.ask("PUT", "model-monitoring/functions/rows", app | change), 400)
    assert shop.ask("GET", "model-monitoring/functions").json() == {"functions": []}


class Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "unpickled")


def test_a_model_is_logged_with_its_reference_and_never_loaded(shop: Shop, tmp_path: Path) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "bang"))
    model = {
        "archive": archive(**{"model.pkl": bomb}), "model_file": "model.pkl", "inputs": ["a", "b"],
        "outputs": ["late"], "feature_stats": describe(frame()), "framework": "sklearn",
        "metrics": {"auc": 0.9},
    }  # fmt: skip
    said = shop.ask("PUT", "models/delays", model).json()["said"]
    assert "Logged the model delays, 2 features, reference of 3 rows." in said
    (logged,) = shop.project.list_models()
    assert (logged.inputs, logged.outputs, logged.metrics) == (("a", "b"), ("late",), {"auc": 0.9})
    assert logged.feature_stats == describe(frame())
    (listed,) = shop.ask("GET", "models").json()["models"]
    assert (listed["files"], listed["reference_rows"]) == ({"model.pkl": len(bomb)}, 3)
    assert shop.ask("GET", "models/delays").json()["feature_stats"].keys() == {"a", "b", "late"}
    got = shop.ask("GET", "models/delays/files/model.pkl")
    assert (got.content, got.headers["content-disposition"]) == (bomb, 'attachment; filename="model.pkl"')
    assert shop.ask("GET", "models/delays/files/../model.json").status_code == 404
    assert not (tmp_path / "bang").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"feature_stats": {"a": {"kind": "numeric"}}},
            "feature_stats: 'a' must have its kind, count and missing",
        ),
        (
            {
                "feature_stats": {
                    "a": {"kind": "numeric", "type": "f", "count": 1, "missing": 0, "hist": [[1], [0]]}
                }
            },
            "feature_stats: 'a': hist has 1 counts and 1 edges",
        ),
        ({"model_file": "other"}, "model_file: there is no 'other' in the archive"),
    ],
)
def test_a_model_that_can_not_be_is_refused(shop: Shop, change: dict[str, Any], said: str) -> None:
    assert said in reason(shop.ask("PUT", "models/delays", change), 400)
    assert "key: must be" in reason(shop.ask("PUT", "models/.delays", {}), 400)
    assert shop.project.list_models() == []


WRITES = [
    ("PUT", "model-monitoring/"), ("DELETE", "model-monitoring/"), ("PATCH", "model-monitoring/controller"),
    ("PUT", "model-monitoring/functions/rows"), ("DELETE", "model-monitoring/functions?function=x"),
    ("PUT", "models/delays"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_it_is_off_unless_the_setting_says_so(tmp_path: Path, method: str, path: str) -> None:
    shop = shop_of(tmp_path, remote_deploy=False)
    assert "set `remote_deploy: true` in its modelmon.yaml" in reason(shop.ask(method, path), 403)
    shop.client.close()


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_where_nuctl_is_not_at_hand_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    monkeypatch.setenv("PATH", "")
    shop = shop_of(tmp_path, platform="kube")
    body = {} if "functions/" in path or "models" in path else None
    assert "`modelmon deploy --platform kube` there" in reason(shop.ask(method, path, body), 501)
    shop.client.close()


def test_results_of_a_batch_are_not_recorded_yet_and_what_there_is_is_named(shop: Shop) -> None:
    assert "`modelmon publish FILE`" in reason(shop.ask("POST", "model-monitoring/record-results"), 501)


def test_a_body_is_no_longer_than_the_settings_allow(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, remote_deploy_megabytes=0.001)
    path, app = "model-monitoring/functions/rows", {"archive": archive(x_py=bytes(range(256)) * 8)}
    assert "at most 1,000 are taken (remote_deploy_megabytes)" in reason(shop.ask("PUT", path, app), 400)
    assert "longer than the 4,001,333 bytes" in reason(shop.ask("PUT", path, {"file": "x" * 5_000_000}), 413)
    assert "longer than the 2,000,000 bytes" in reason(
        shop.ask("POST", "windows/rerun", "x" * 2_000_001), 413
    )
    found = shop.client.request("PUT", f"{BASE}/{path}", content=b"x" * 5_000_000)
    assert found.status_code == 401  # before it is read
    shop.client.close()


@pytest.mark.parametrize("auth", ["", "none"])
def test_code_is_taken_of_no_stranger(tmp_path: Path, auth: str) -> None:
    with pytest.raises(ConfigError, match="remote_deploy: true lets code in"):
        Settings.load(project="shop", project_dir=str(tmp_path), environ={}, remote_deploy=True, auth=auth)


@pytest.mark.parametrize("value", ["yes", 1, "on", None])
def test_a_switch_is_true_or_false(value: Any) -> None:
    with pytest.raises(ConfigError, match="remote_deploy: expected true or false, got"):
        Settings.load(project="shop", environ={}, remote_deploy=value)
    given = Settings.load(environ={"MODELMON_REMOTE_DEPLOY": "True", "MODELMON_AUTH": "token"})
    assert given.environment()["MODELMON_REMOTE_DEPLOY"] == "True"

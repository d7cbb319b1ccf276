"""What an app sees, and where the files go that it keeps."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelmon.apps import ModelMonitoringApplicationBase, MonitoringApplicationContext
from modelmon.apps.base import judge
from modelmon.apps.budget_sharers import Sharers
from modelmon.errors import ConfigError, UnavailableError
from modelmon.model import Endpoint, Window
from modelmon.settings import Settings
from modelmon.stats import describe
from modelmon.testing import run_app

START, END = datetime(2025, 1, 31, 9, 50, tzinfo=UTC), datetime(2025, 1, 31, 10, tzinfo=UTC)
FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0], "c": ["a", "b", "a"], "y": [0, 1, 0]})
ENDPOINT = Endpoint(
    "e1", "flights", "delay:v2", function_name="serving", model_uri="models/delay", version="v2",
    feature_names=("x", "c"), label_names=("y",), feature_stats=describe(FRAME),
)  # fmt: skip


def context(frame: Any = FRAME, **changes: Any) -> MonitoringApplicationContext:
    fields = {
        "application_name": "my-app",
        "endpoint": ENDPOINT,
        "window": Window(START, END),
        "read": lambda: frame,
        "settings": Settings(),
        **changes,
    }
    return MonitoringApplicationContext(**fields)


def test_who_shares_the_budget_is_read_once_a_window() -> None:
    asked = []
    seen = context(sharers=lambda: asked.append(1) or Sharers(("drift", "data-quality"), 2))
    assert seen.sharers.endpoints == 2
    assert seen.other_apps == {"drift", "data-quality"}
    assert len(asked) == 1


def test_the_context_has_mlruns_names() -> None:
    seen = context()
    assert (seen.application_name, seen.project_name, seen.project.name) == ("my-app", "flights", "flights")
    assert (seen.endpoint_id, seen.endpoint_name, seen.model_endpoint) == ("e1", "delay:v2", ENDPOINT)
    assert (seen.start_infer_time, seen.end_infer_time) == (pd.Timestamp(START), pd.Timestamp(END))
    assert (seen.feature_names, seen.label_names) == (["x", "c"], ["y"])
    assert seen.feature_stats == ENDPOINT.feature_stats
    assert seen.feature_set == "monitoring-serving-delay-v2"
    assert seen.model == ("models/delay", ENDPOINT, {})
    assert seen.storage_options == {}
    assert seen.nuclio_logger is seen.logger


def test_an_endpoint_without_a_model_says_how_it_gets_one() -> None:
    with pytest.raises(ConfigError, match="log_model"):
        _ = context(endpoint=Endpoint("e1", "flights", "delay")).model


@pytest.mark.parametrize("frame", [FRAME.set_index("x", drop=False), pa.Table.from_pandas(FRAME)])
def test_the_sample_is_pandas_or_arrow_as_asked(frame: Any) -> None:
    seen = context(frame)
    assert seen.sample_df["x"].tolist() == seen.sample.column("x").to_pylist() == [1.0, 2.0, 3.0]
    assert seen.sample_df.index.tolist() == [0, 1, 2]
    assert seen.rows == 3


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([1, True, 2.50, 1.0, np.nan, "a"], pa.string(), ["1", "true", "2.5", "1", None, "a"]),
        ([2**70, 1, None], pa.float64(), [float(2**70), 1.0, None]),
        ([Decimal("Infinity"), Decimal("1.5")], pa.float64(), [float("inf"), 1.5]),
        ([[1.0], {"k": 1}], pa.string(), ["[1]", '{"k":1}']),
        (["half \ud800", "whole"], pa.string(), ["half \ufffd", "whole"]),
        ([Decimal("sNaN"), 1.5, "a"], pa.string(), [None, "1.5", "a"]),
    ],
)
def test_a_column_that_arrow_has_no_type_for_is_as_it_would_be_stored(
    values: list[Any], kind: pa.DataType, stored: list[Any]
) -> None:
    column = context(pd.DataFrame({"x": pd.Series(values, dtype=object)})).sample["x"]
    assert (column.type, column.to_pylist()) == (kind, stored)


def test_a_column_of_mixed_types_is_text_in_arrow_as_it_is_in_the_store() -> None:
    sample = context(pd.DataFrame({"x": [1, "a", None]})).sample
    assert sample.column("x").to_pylist() == ["1", "a", None]


def test_the_sample_is_read_once_and_only_when_asked_for() -> None:
    reads: list[int] = []

    def read() -> pd.DataFrame:
        reads.append(1)
        return FRAME

    seen = context(read=read)
    assert (seen.endpoint_name, reads) == ("delay:v2", [])
    assert (len(seen.sample_df), seen.rows, seen.sample.num_rows, reads) == (3, 3, 3, [1])


def test_sample_statistics_have_the_bins_of_the_reference() -> None:
    stats = context(FRAME.assign(x=2.0)).sample_df_stats
    assert stats["x"]["hist"][1] == ENDPOINT.feature_stats["x"]["hist"][1]
    assert (stats["x"]["50%"], stats["x"]["count"]) == (2.0, 3)


def test_statistics_become_a_frame_of_histograms_of_mass_one() -> None:
    frame = MonitoringApplicationContext.dict_to_histogram(
        {
            "a": {"count": 4, "hist": [[1, 3], [0, 1, 2]]},
            "none": {"count": 1},
            "b": {"hist": [[0, 0], [0, 1, 2]]},
        }
    )
    assert frame.to_dict("list") == {"a": [0.25, 0.75], "b": [0.0, 0.0]}


def test_the_logger_takes_values_as_keywords(caplog: pytest.LogCaptureFixture) -> None:
    logger = context().logger
    with caplog.at_level(logging.DEBUG, "modelmon.apps.my-app"):
        logger.info("scored 100%", rows=12, share="5%")
        logger.warning("plain %s", "words")
        logger.warn("mixed %d", 3, rows=1)  # noqa: G010 - the name that apps use
        logger.error("bad", exc_info=False)
        logger.debug("fine")
    assert [record.getMessage() for record in caplog.records] == [
        "scored 100% {'rows': 12, 'share': '5%'}",
        "plain words",
        "mixed 3 {'rows': 1}",
        "bad",
        "fine",
    ]


# --- artifacts --------------------------------------------------------------------------------------------


def kept(folder: Path) -> dict[str, bytes]:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    return {name: content for name, content in files.items() if not name.endswith(".meta.json")}


@pytest.mark.parametrize(
    ("arguments", "name", "content"),
    [
        ({"item": "page", "body": "text é", "format": "html"}, "page-e1.html", "text é".encode()),
        ({"item": "page.html", "body": b"\x00"}, "page-e1.html", b"\x00"),
        ({"item": "scores", "body": {"a": 1}}, "scores-e1", b'{"a": 1}'),
        ({"item": "sub/scores.json", "body": [1]}, "sub/scores-e1.json", b"[1]"),
        ({"item": "shared", "body": "x", "unique_per_endpoint": False}, "shared", b"x"),
    ],
)
def test_an_artifact_lies_by_app_window_and_endpoint(
    tmp_path: Path, arguments: dict[str, Any], name: str, content: bytes
) -> None:
    artifact = context(settings=Settings(artifacts_path=str(tmp_path))).log_artifact(**arguments)
    assert kept(tmp_path) == {f"my-app/20250131T095000Z/{name}": content}
    assert artifact.path == f"{tmp_path}/my-app/20250131T095000Z/{name}"


def test_an_artifact_has_a_record_with_its_labels(tmp_path: Path) -> None:
    seen = context(settings=Settings(artifacts_path=str(tmp_path)))
    artifact = seen.log_artifact("page", "x", tag="v1", labels={"team": "ops"})
    record = json.loads(Path(f"{artifact.path}.meta.json").read_text())
    assert (record["key"], record["tag"]) == ("page", "v1")
    assert record["labels"] == {
        "producer-type": "model-monitoring-app", "app-name": "my-app", "endpoint-id": "e1",
        "endpoint-name": "delay:v2", "team": "ops",
    }  # fmt: skip


def test_judging_a_window_again_replaces_its_artifacts(tmp_path: Path) -> None:
    seen = context(settings=Settings(artifacts_path=str(tmp_path)))
    for body in ("first", "second"):
        seen.log_artifact("page", body)
    assert list(kept(tmp_path).values()) == [b"second"]


def test_places_of_the_users_own_win(tmp_path: Path) -> None:
    seen, source = (
        context(settings=Settings(artifacts_path=str(tmp_path / "default"))),
        tmp_path / "source.txt",
    )
    source.write_text("local")
    assert seen.log_artifact("a", local_path=str(source), target_path=str(tmp_path / "t")).path == str(
        tmp_path / "t"
    )
    assert seen.log_artifact("b", "x", artifact_path=str(tmp_path / "own")).path.startswith(
        str(tmp_path / "own")
    )
    assert (tmp_path / "t").read_text() == "local"


@pytest.mark.parametrize("key", ["../up", "a/../../b", "/root", "", "a b", None])
def test_a_key_does_not_lead_out_of_its_folder(tmp_path: Path, key: Any) -> None:
    with pytest.raises(ConfigError, match="an artifact's key"):
        context(settings=Settings(artifacts_path=str(tmp_path))).log_artifact(key, "x")


def test_an_artifact_needs_a_content() -> None:
    with pytest.raises(ConfigError, match="needs body="):
        context().log_artifact("page")


@pytest.mark.parametrize("frame", [FRAME, pa.Table.from_pandas(FRAME)], ids=["pandas", "arrow"])
def test_a_data_set_is_kept_as_parquet_or_csv(tmp_path: Path, frame: Any) -> None:
    seen = context(settings=Settings(artifacts_path=str(tmp_path)))
    path = seen.log_dataset("rows", frame, preview=3).path
    assert pq.ParquetFile(path).read().to_pandas()["x"].tolist() == [1.0, 2.0, 3.0]
    text = Path(seen.log_dataset("rows", frame, format="csv").path).read_text()
    assert text.replace('"', "").splitlines() == [
        "x,c,y",
        *(f"{x:g},{c},{y}" for x, c, y in FRAME.values),
    ] or ("1.0,a,0" in text)
    with pytest.raises(ConfigError, match="parquet or csv"):
        seen.log_dataset("rows", frame, format="xls")


def test_artifacts_go_through_fsspec_too() -> None:
    import fsspec

    seen = context(settings=Settings(artifacts_path="memory://artifacts"))
    path = seen.log_artifact("page", "x").path
    with fsspec.open(path) as file:
        assert file.read() == b"x"


def test_a_place_that_can_not_be_written_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match="can't be written"):
        context(settings=Settings(artifacts_path=str(tmp_path / "file"))).log_artifact("page", "x")


def test_without_a_project_artifacts_are_kept_in_a_temporary_folder() -> None:
    seen = context()
    first, second = (Path(seen.log_artifact(key, "x").path) for key in ("a", "b"))
    assert first.parent == second.parent
    assert first.read_text() == "x"


# --- evaluate and the test kit ------------------------------------------------------------------------------


class Share(ModelMonitoringApplicationBase):
    """The share of rows above a limit."""

    def __init__(self, limit: float = 1.5) -> None:
        self.limit = limit

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> dict[str, float]:
        return {"share": float((monitoring_context.sample_df["x"] > self.limit).mean())}


def test_evaluate_makes_the_app_with_its_arguments() -> None:
    (metric,) = Share.evaluate(sample_data=FRAME, class_arguments={"limit": 2.5})
    assert (metric.name, metric.value) == ("share", pytest.approx(1 / 3))


def test_evaluate_tells_the_app_its_window_labels_and_reference() -> None:
    seen: list[MonitoringApplicationContext] = []

    class Looking(ModelMonitoringApplicationBase):
        def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> None:
            seen.append(monitoring_context)

    assert (
        Looking.evaluate(sample_data=FRAME, reference_data=FRAME, label_names=["y"], start=START, end=END)
        == []
    )
    (found,) = seen
    assert (found.feature_names, found.label_names) == (["x", "c"], ["y"])
    assert (found.window, found.application_name) == (Window(START, END), "Looking")
    assert found.feature_stats == describe(FRAME)


def test_without_times_the_window_is_the_first_ten_minutes_of_1970() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for frame in (FRAME, FRAME.assign(timestamp=pd.NaT), FRAME.assign(timestamp="noon")):
        seen: list[Window] = []

        class Looking(ModelMonitoringApplicationBase):
            def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> None:
                seen.append(monitoring_context.window)  # noqa: B023 - called before the next turn

        Looking.evaluate(sample_data=frame)
        assert seen == [Window(epoch, epoch + timedelta(minutes=10))]


@pytest.mark.parametrize("name", ["y", ["y"]])
def test_evaluate_takes_iso_texts_and_one_label(name: str | list[str]) -> None:
    seen: list[MonitoringApplicationContext] = []

    class Looking(ModelMonitoringApplicationBase):
        def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> None:
            seen.append(monitoring_context)

    Looking.evaluate(sample_data=FRAME, label_names=name, start="2025-01-01", end="2025-01-01T02:00:00+01:00")
    assert seen[0].label_names == ["y"]
    assert seen[0].window == Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("moment", ["noon", 5])
def test_evaluate_refuses_what_is_no_time(moment: object) -> None:
    with pytest.raises(ConfigError, match=str(moment)):
        Share.evaluate(sample_data=FRAME, start=moment, end=moment)


def test_evaluate_refuses_a_frame_with_two_columns_of_one_name() -> None:
    with pytest.raises(ConfigError, match="has 'x' more than once"):
        Share.evaluate(sample_data=pd.concat([FRAME, FRAME[["x"]]], axis=1))


def test_evaluate_refuses_what_is_no_frame() -> None:
    with pytest.raises(ConfigError, match="a pandas DataFrame, a pyarrow Table or one that speaks"):
        Share.evaluate(sample_data=[1, 2])


def test_a_class_without_do_tracking_is_no_app() -> None:
    class Empty(ModelMonitoringApplicationBase):
        pass

    with pytest.raises(TypeError, match="do_tracking"):
        Empty.evaluate(sample_data=FRAME)


def test_judging_checks_what_the_app_returns() -> None:
    class Wrong(ModelMonitoringApplicationBase):
        def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> Any:
            return 3

    with pytest.raises(ConfigError, match="an app can't return 3"):
        judge(Wrong(), context())


def test_the_test_kit_finds_outputs_by_name_and_says_what_there_is() -> None:
    judgement = run_app(Share(), FRAME)
    assert judgement.metric("share").value == pytest.approx(2 / 3)
    with pytest.raises(AssertionError, match=r"no result .share. .* ModelMonitoringApplicationMetric share"):
        judgement.result("share")
    with pytest.raises(AssertionError, match="nothing"):
        run_app(Share(), FRAME.head(0)).metric("share")


def test_the_test_kit_says_what_the_status_was() -> None:
    from modelmon.apps import HistogramDataDriftApplication

    judgement = run_app(HistogramDataDriftApplication(min_rows=1), FRAME, FRAME)
    assert judgement.assert_status("general_drift", "no_detection").value == 0
    with pytest.raises(AssertionError, match="general_drift = 0 is no_detection, expected detected"):
        judgement.assert_status("general_drift", "detected")

"""The stage of an app: every window is answered once it was judged, whatever the app does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select, update

from modelmon import wire
from modelmon.apps import (
    HistogramDataDriftApplication,
    ModelMonitoringApplicationBase,
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    ResultKindApp,
    ResultStatusApp,
)
from modelmon.apps import stage as stage_module
from modelmon.apps.stage import AppStage
from modelmon.errors import RejectedError, UnavailableError
from modelmon.ledger import dead_letters, endpoints, schema, window_ledger
from modelmon.ledger.records import open_records
from modelmon.model import Answer, Endpoint, Message, ValuePoint, Window, WindowKey, to_us
from modelmon.settings import Settings
from modelmon.stats import describe
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.streams import open_stream
from modelmon.streams.base import Record, Stream

START, END = datetime(2025, 1, 31, 9, 50, tzinfo=UTC), datetime(2025, 1, 31, 10, tzinfo=UTC)
WINDOW = Window(START, END)
EMPTY = Window(END, END + timedelta(minutes=10))
ROWS = 60
APP = "my-app"
Act = Callable[[Any], Any]


class Project:
    """A project with one endpoint that has 60 rows in the window, and the app's acknowledgements."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = Path(settings.artifacts_path).parent
        self.database = open_records(settings)
        self.acknowledged: list[tuple[int, int]] = []
        self.reports_at_acknowledge: list[int] = []
        frame = pa.table({"x": [float(row) for row in range(ROWS)], "y": [row % 2 for row in range(ROWS)]})
        endpoint = Endpoint(
            "e1", settings.project, "delay", function_name="serving",
            feature_names=("x",), label_names=("y",), feature_stats=describe(frame),
        )  # fmt: skip
        with self.database.write() as connection:
            endpoints.put(connection, endpoint, 0)
        self._store(frame)

    def _store(self, frame: pa.Table) -> None:
        times = [to_us(START) + row * 1_000_000 for row in range(frame.num_rows)]
        stored = {
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            **{name: frame.column(name) for name in frame.column_names},
            "latency": [5] * ROWS,
            "stream_partition": [0] * ROWS,
            "stream_offset": list(range(ROWS)),
            "event_item": [0] * ROWS,
            "event_row": [0] * ROWS,
        }
        path = "key=e1/year=2025/month=01/day=31/hour=09/00000000-0-0-59.parquet"
        size = open_samples(self.settings).write(path, pa.table(stored))
        row = {
            "path": path, "endpoint_id": "e1", "hour_us": to_us(START.replace(minute=0)),
            "min_us": times[0], "max_us": times[-1], "rows": ROWS, "size_bytes": size,
        }  # fmt: skip
        with self.database.write() as connection:
            connection.execute(schema.files.insert().values(row))

    def count_windows(self) -> None:
        """As the controller would have it: one row of `windows`, so that attempts are counted."""
        row = {column.name: 0 for column in schema.windows.columns} | {
            "endpoint_id": "e1", "application_name": APP, "start_us": to_us(START), "end_us": to_us(END),
            "outcome": "", "error": "",
        }  # fmt: skip
        with self.database.write() as connection:
            connection.execute(schema.windows.insert().values(row))

    def end_the_app(self, times: int) -> None:
        """As if its process had ended in the window so often."""
        with self.database.write() as connection:
            for _ in range(times):
                window_ledger.raise_attempt(connection, WindowKey("e1", APP, to_us(START)), 1)

    def attempts(self) -> int:
        with self.database.read() as connection:
            return connection.scalar(select(schema.windows.c.attempts)) or 0

    def stage(self, app: ModelMonitoringApplicationBase) -> AppStage:
        return AppStage(app, self.settings, self._acknowledge, APP)

    async def _acknowledge(self, partition: int, offset: int) -> None:
        self.reports_at_acknowledge.append(len(self.messages()))
        self.acknowledged.append((partition, offset))

    def writer(self) -> Stream:
        return open_stream(self.settings.writer_url)

    def messages(self) -> list[Message]:
        consumer = self.writer().consumer("modelmon-writer")
        found = list(consumer.poll(100, 0))
        consumer.close()
        return found

    def reports(self) -> list[list[wire.Envelope]]:
        reports = [wire.read_report(message.body) for message in self.messages()]
        assert all(isinstance(each, wire.Envelope) for report in reports for each in report)
        return reports  # type: ignore[return-value]

    def judge(self, app: ModelMonitoringApplicationBase, *bodies: bytes) -> list[list[wire.Envelope]]:
        stage = self.stage(app)
        run(stage, [Message(0, offset, "e1", body) for offset, body in enumerate(bodies or (event(),))])
        return self.reports()


def run(stage: AppStage, messages: list[Message]) -> None:
    async def accept() -> None:
        for message in messages:
            await stage.accept(message)
        await stage.drain()
        await stage.close()

    asyncio.run(accept())


def event(window: Window = WINDOW, **changes: Any) -> bytes:
    fields = {"endpoint_id": "e1", "window_revision": 1, "project": "default", **changes}
    return wire.write_app_event(
        wire.AppEvent(endpoint_name="delay", application_name=APP, window=window, **fields)
    )


class Acting(ModelMonitoringApplicationBase):
    """Does what the test says."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.starts = 0

    def do_tracking(self, monitoring_context: Any) -> Any:
        self.starts += 1
        return self.act(monitoring_context)


def raising(error: BaseException) -> Act:
    def act(_context: Any) -> None:
        raise error

    return act


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    settings = Settings(
        stream_path=f"memory://{tmp_path.name}",
        samples_path=str(tmp_path / "samples"),
        artifacts_path=str(tmp_path / "artifacts"),
        records_url=f"sqlite:///{tmp_path / 'records.db'}",
        durability="process",
        unavailable_first_wait_seconds=0.001,
        unavailable_max_wait_seconds=0.01,
    )
    made = Project(settings)
    open_stream(settings.app_url(APP)).close()  # as its trigger has
    yield made
    made.database.close()


def answer(report: list[wire.Envelope]) -> dict[str, Any]:
    assert [each.event_kind for each in report].index("window") == len(report) - 1
    assert isinstance(report[-1].content, Answer)
    found = asdict(report[-1].content)
    return {key: value for key, value in found.items() if key not in ("artifacts", "sums") or value}


def test_a_window_is_answered_by_one_message_with_the_endpoint_as_key(project: Project) -> None:
    metric = ModelMonitoringApplicationMetric("rows", 60)
    (report,) = project.judge(Acting(lambda _: metric))
    assert [each.event_kind for each in report] == ["metric", "window"]
    assert answer(report) == {"outcome": "done", "error": "", "envelopes": 1, "rows": ROWS}
    assert project.messages()[0].key == "e1"
    for each in report:
        assert (each.endpoint_id, each.endpoint_name, each.application_name) == ("e1", "delay", APP)
        assert (each.window, each.window_revision) == (WINDOW, 1)


def test_the_acknowledgement_comes_after_the_report(project: Project) -> None:
    project.judge(Acting(lambda _: None))
    assert (project.acknowledged, project.reports_at_acknowledge) == ([(0, 0)], [1])


def test_the_app_sees_the_rows_of_its_window_alone(project: Project) -> None:
    half = Window(START, START + timedelta(seconds=30))
    seen: list[Any] = []
    (report,) = project.judge(Acting(lambda context: seen.append(context)), event(half))
    context = seen[0]
    assert (context.rows, answer(report)["rows"]) == (30, 30)
    assert context.sample_df["x"].tolist() == [float(row) for row in range(30)]
    assert (context.feature_names, context.label_names) == (["x"], ["y"])
    assert set(context.feature_stats) == set(context.sample_df_stats) == {"x", "y"}


def test_results_and_extra_data_arrive_whole(project: Project) -> None:
    found = ModelMonitoringApplicationResult(
        "r", 0.5, ResultKindApp.concept_drift, ResultStatusApp.detected, {"é": "x" * 5000}
    )
    (report,) = project.judge(Acting(lambda _: [found]))
    point = report[0].content
    assert isinstance(point, ValuePoint)
    assert (point.name, point.value, point.kind, point.status) == ("r", 0.5, 1, 2)
    assert json.loads(point.extra_data) == {"é": "x" * 5000}


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_nothing_to_say_is_an_answer(project: Project, nothing: Any) -> None:
    (report,) = project.judge(Acting(lambda _: nothing))
    assert answer(report) == {"outcome": "done", "error": "", "envelopes": 0, "rows": ROWS}


def test_a_dict_of_numbers_is_metrics(project: Project) -> None:
    (report,) = project.judge(Acting(lambda _: {"a": 1, "b": 2.5}))
    points = [each.content for each in report[:-1]]
    assert all(isinstance(point, ValuePoint) for point in points)
    assert [(point.name, point.value, point.kind) for point in points] == [("a", 1.0, None), ("b", 2.5, None)]


def test_the_answer_tells_of_what_the_app_kept_of_the_window_each_file_once(project: Project) -> None:
    def act(context: Any) -> Any:
        for body in ("first", "second one"):
            context.log_artifact("page", body, format="html", tag="v1")
        context.log_artifact("elsewhere", "x", target_path=str(project.folder / "out.txt"))
        if context.window_revision == 2:
            raise ValueError("after it")
        return {"m": 1}

    for report in project.judge(Acting(act), event(), event(window_revision=2)):
        page, elsewhere = answer(report)["artifacts"]
        assert (page["name"], page["size_bytes"], page["tag"]) == ("page.html", 10, "v1")
        assert page["path"] == f"{APP}/20250131T095000Z/page-e1.html"
        kept = Path(project.settings.artifacts_path) / page["path"]
        assert kept.read_text() == "second one"
        assert elsewhere["path"] == str(project.folder / "out.txt")


def test_more_artifacts_than_a_window_may_have_are_a_failed_attempt(project: Project) -> None:
    def act(context: Any) -> None:
        for number in range(101):
            context.log_artifact(f"a{number}", "x")

    (report,) = project.judge(Acting(act))
    assert (answer(report)["outcome"], len(answer(report)["artifacts"])) == ("failed", 100)
    assert "at most 100 artifacts" in answer(report)["error"]


def test_an_empty_window_is_done_without_calling_the_app(project: Project) -> None:
    app = Acting(raising(AssertionError("called")))
    (report,) = project.judge(app, event(EMPTY))
    assert answer(report) == {"outcome": "done", "error": "", "envelopes": 0, "rows": 0}
    assert app.starts == 0


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (raising(KeyError("hist")), "KeyError: 'hist'"),
        (raising(SystemExit(3)), "SystemExit: 3"),
        (raising(RejectedError("bad", "x")), "RejectedError: x: bad"),
        pytest.param(raising(ValueError("\ud800")), "ValueError: \\ud800", id="surrogate"),
        (lambda _: "drifted", "ConfigError: an app can't return 'drifted' (str); return a"),
        (lambda _: {"m": float("nan")}, "ConfigError: metric m: the value must be finite, got nan"),
    ],
)
def test_what_the_app_does_wrong_is_a_failed_attempt_with_its_message(
    project: Project, act: Act, error: str
) -> None:
    (report,) = project.judge(Acting(act))
    assert len(report) == 1
    assert answer(report)["outcome"] == "failed"
    assert answer(report)["error"].startswith(error)
    assert project.acknowledged == [(0, 0)]


def test_a_failure_is_logged_with_its_reason_in_text_that_can_be_written(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.judge(Acting(raising(ValueError("half \ud800"))))
    (told,) = [record.getMessage() for record in caplog.records if "failed on" in record.message]
    first, *trace = told.encode().decode().splitlines()
    assert first.endswith("+00:00: ValueError: half \\ud800")
    assert trace[0].startswith("Traceback")


def test_a_failure_does_not_stop_the_next_window(project: Project) -> None:
    turns = iter([raising(ValueError("once")), lambda _: None])
    reports = project.judge(Acting(lambda context: next(turns)(context)), event(), event())
    assert [answer(report)["outcome"] for report in reports] == ["failed", "done"]
    assert project.acknowledged == [(0, 0), (0, 1)]


@pytest.mark.parametrize("hides", [False, True])
def test_rows_whose_store_is_down_are_waited_for_and_are_no_attempt(
    project: Project, monkeypatch: pytest.MonkeyPatch, hides: bool
) -> None:
    project.count_windows()
    counted = []
    downs = iter([True] * 5 + [False])

    def read(*rest: Any, **named: Any) -> Any:
        counted.append(project.attempts())
        if next(downs):
            raise UnavailableError("store down")
        return read_sample(*rest, **named)

    def act(context: Any) -> Any:
        try:
            return {"n": context.rows}
        except UnavailableError:
            if hides:
                raise UnavailableError("something of the app's own") from None
            raise

    monkeypatch.setattr(stage_module, "read_sample", read)
    (report,) = project.judge(Acting(act))
    assert (answer(report)["outcome"], counted) == ("done", [1] * 6)
    assert project.attempts() == 0


def test_what_the_app_waits_for_on_one_endpoint_does_not_hold_up_the_next_window(project: Project) -> None:
    project.count_windows()
    turns = iter([raising(UnavailableError("actuals not there \ud800")), lambda _: {"accuracy": 1.0}])
    reports = project.judge(Acting(lambda context: next(turns)(context)), event(), event())
    assert [answer(report)["outcome"] for report in reports] == ["unavailable", "done"]
    assert answer(reports[0]) == {
        "outcome": "unavailable", "error": "actuals not there \\ud800", "envelopes": 0, "rows": 0,
    }  # fmt: skip
    assert project.acknowledged == [(0, 0), (0, 1)]
    assert project.attempts() == 0


def test_a_window_of_mlruns_controller_is_waited_for_because_nobody_would_ask_again(project: Project) -> None:
    turns = iter([raising(UnavailableError("actuals not there"))] * 2 + [lambda _: None])
    body = json.dumps(
        {
            "start_infer_time": "2025-01-31T09:50:00+00:00",
            "end_infer_time": "2025-01-31T09:59:59.999999+00:00",
            "endpoint_id": "e1",
            "endpoint_name": "delay",
            "application_name": APP,
        }
    )
    (report,) = project.judge(Acting(lambda context: next(turns)(context)), body.encode())
    assert answer(report)["outcome"] == "done"


def test_a_window_that_is_delivered_again_and_again_is_judged_each_time(project: Project) -> None:
    """Its acknowledgement gets lost, time after time; that must not make a failure of its verdict."""
    project.count_windows()
    reports = project.judge(Acting(lambda _: None), *[event()] * 6)
    assert [answer(report)["outcome"] for report in reports] == ["done"] * 6


def test_a_writer_stream_that_is_down_is_waited_for(project: Project) -> None:
    stage = project.stage(Acting(lambda _: None))
    stage._writer = FailingOnce(stage._writer)
    run(stage, [Message(0, 0, "e1", event())])
    assert len(project.reports()) == 1
    assert project.reports_at_acknowledge == [1]


def test_a_report_that_the_stream_refuses_is_a_failed_attempt(project: Project) -> None:
    stage = project.stage(Acting(lambda _: None))
    stage._writer = FailingOnce(stage._writer, RejectedError("too large"))
    run(stage, [Message(0, 0, "e1", event())])
    assert answer(project.reports()[0])["error"] == "the report is refused: too large"


class FailingOnce:
    """A stream whose first publish fails."""

    def __init__(self, stream: Stream, error: Exception | None = None) -> None:
        self._stream, self._error = stream, error or UnavailableError("broker down")
        self._failed = False

    def publish(self, records: list[Record]) -> None:
        if not self._failed:
            self._failed = True
            raise self._error
        self._stream.publish(records)

    def close(self) -> None:
        self._stream.close()


@pytest.mark.parametrize(("ended", "outcome", "starts"), [(2, "done", 1), (3, "failed", 0)])
def test_a_window_that_ended_its_process_three_times_is_answered_without_running(
    project: Project, ended: int, outcome: str, starts: int
) -> None:
    project.count_windows()
    project.end_the_app(ended)
    app = Acting(lambda _: None)
    (report,) = project.judge(app)
    assert (answer(report)["outcome"], app.starts) == (outcome, starts)
    assert ("3 starts gave no answer" in answer(report)["error"]) is (outcome == "failed")


def test_a_new_revision_may_start_again(project: Project) -> None:
    project.count_windows()
    project.end_the_app(3)
    app = Acting(lambda _: None)
    reports = project.judge(app, event(), event(window_revision=2))
    assert app.starts == 1
    assert (answer(reports[-1])["outcome"], reports[-1][-1].window_revision) == ("done", 2)


def test_an_endpoint_that_is_gone_is_a_failed_attempt(project: Project) -> None:
    (report,) = project.judge(Acting(lambda _: None), event(endpoint_id="gone"))
    assert "gone is not in the records" in answer(report)["error"]


def test_an_unreadable_message_becomes_a_dead_letter(project: Project) -> None:
    assert project.judge(Acting(lambda _: None), b"{nonsense", event())[0] != []
    assert project.acknowledged == [(0, 0), (0, 1)]
    with project.database.read() as connection:
        (letter,) = dead_letters.find(connection)
    assert (letter.stream, letter.offset, letter.body) == (f"app-{APP}", 0, b"{nonsense")
    assert letter.stream_id == open_stream(project.settings.app_url(APP)).stream_id


def test_a_message_of_mlrun_is_answered_too(project: Project) -> None:
    body = json.dumps(
        {
            "start_infer_time": "2025-01-31 09:50:00.000000+00:00",
            "end_infer_time": "2025-01-31 09:59:59.999999+00:00",
            "endpoint_id": "e1",
            "endpoint_name": "delay",
            "endpoint_updated": "2025-01-31T00:00:00+00:00",
            "application_name": APP,
        }
    ).encode()
    (report,) = project.judge(Acting(lambda _: None), body)
    assert (report[-1].window, answer(report)["rows"]) == (WINDOW, ROWS)


def test_an_incomplete_window_reaches_the_app(project: Project) -> None:
    (report,) = project.judge(HistogramDataDriftApplication(), event(window_incomplete=1))
    general = next(each.content for each in report if getattr(each.content, "name", "") == "general_drift")
    assert general.status == ResultStatusApp.irrelevant
    assert json.loads(general.extra_data)["state"] == "incomplete"


def test_a_schema_that_changed_inside_the_window_is_read_as_one(project: Project) -> None:
    with project.database.write() as connection:
        connection.execute(update(schema.endpoints).values(feature_names='["x","new"]'))
    (report,) = project.judge(HistogramDataDriftApplication())
    assert answer(report)["outcome"] == "done"

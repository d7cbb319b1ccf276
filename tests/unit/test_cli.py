"""The command line, called in this process."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from deploying import HTTP, deploy, make_project, stream_trigger
from modelmon.cli import main, output
from modelmon.function_spec.folders import report_file
from modelmon.function_spec.function_yaml import parse
from modelmon.local.runner_state import RunnerState, RunningFunction, RunningWorker, lock_project
from modelmon.settings import Settings
from modelmon.streams import open_stream
from modelmon.wheel import pack_wheel
from project_support import DEFAULT_APPS


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MODELMON_PROJECT_DIR", raising=False)
    monkeypatch.setattr(output.console, "width", 200)
    made = make_project(tmp_path / "project")
    monkeypatch.chdir(made)
    return made


class Done:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def modelmon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["modelmon", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


def bodies(project: Path, stream: str = "events") -> list[bytes]:
    opened = open_stream(Settings.load(project).stream_url(stream), 2)
    consumer = opened.consumer("test")
    messages = consumer.poll(1000, 0)
    consumer.close()
    opened.close()
    return [message.body for message in messages]


class TestInit:
    def test_it_writes_a_project_named_after_its_folder(self, modelmon: Any, project: Path) -> None:
        assert modelmon("init", "My Flights").code == 0
        folder = project / "My Flights"
        assert Settings.load(folder).project == "my-flights"
        assert (folder / ".modelmon" / ".gitignore").read_text() == "*\n"

    def test_it_never_overwrites_a_project(self, modelmon: Any, project: Path) -> None:
        done = modelmon("init")
        assert (done.code, "is there already" in done.err) == (2, True)

    def test_a_name_that_cannot_be_is_refused(self, modelmon: Any, project: Path) -> None:
        done = modelmon("init", "x", "--project", "No Name")
        assert (done.code, "'No Name' is not a project name" in done.err) == (2, True)
        assert not (project / "x").exists()


def test_the_version_is_told(modelmon: Any, project: Path) -> None:
    from modelmon import __version__

    assert modelmon("--version").out == f"modelmon {__version__}\n"


class TestErrors:
    def test_without_a_project_one_line_says_what_to_do(
        self, modelmon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        done = modelmon("status")
        assert done.code == 2
        assert done.err.startswith("error: no modelmon.yaml in ")
        assert "modelmon init" in done.err
        assert done.err.count("\n") == 1

    def test_a_wrong_setting_is_named(self, modelmon: Any, project: Path) -> None:
        (project / "modelmon.yaml").write_text("base_period: [1]")
        done = modelmon("status")
        assert (done.code, done.err) == (2, "error: base_period: expected int, got [1]\n")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["init", "file"],
            ["app", "new", "mine", "--in", "file/below"],
            ["deadletters", "resend", "01234567.1.7.0", "--body", "nowhere.json"],
        ],
    )
    def test_a_file_or_folder_that_cannot_be_is_one_line_too(
        self, modelmon: Any, letters: list[str], project: Path, arguments: list[str]
    ) -> None:
        (project / "file").touch()
        done = modelmon(*arguments)
        assert (done.code, done.err.count("\n"), done.err.startswith("error: ")) == (1, 1, True)
        assert "file" in done.err or "nowhere.json" in done.err

    def test_debugging_shows_the_traceback(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, project: Path
    ) -> None:
        from modelmon.errors import ConfigError

        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MODELMON_DEBUG", "1")
        monkeypatch.setattr(sys, "argv", ["modelmon", "status"])
        with pytest.raises(ConfigError):
            main()


class TestPublish:
    def test_lines_go_out_as_they_are_and_in_order(self, modelmon: Any, project: Path) -> None:
        lines = [b'{"a":  1}', b'[{"b": NaN}, 2]', b'"text"', '{"ä": 1}'.encode()]
        (project / "f.jsonl").write_bytes(b"\n".join([lines[0], b"", *lines[1:]]))
        done = modelmon("publish", "f.jsonl", "--stream", "writer", "--json")
        assert done.json == {"stream": "writer", "published": 4, "published_before": 0}
        assert bodies(project, "writer") == lines

    def test_the_key_is_the_endpoint_so_its_events_keep_their_order(
        self, modelmon: Any, project: Path
    ) -> None:
        event = {"endpoint_id": "abc", "request": {"inputs": [[1]]}, "resp": {"outputs": [1]}}
        event |= {"when": "2026-01-01 00:00:00.000000+00:00", "model": "m", "microsec": 1}
        (project / "f.jsonl").write_text("\n".join([json.dumps(event)] * 20))
        assert modelmon("publish", "f.jsonl").code == 0
        opened = open_stream(Settings.load(project).events_url, 2)
        assert sorted(opened.end_offsets().values()) == [0, 20]
        consumer = opened.consumer("keys")
        assert {message.key for message in consumer.poll(100, 0)} == {"abc"}
        consumer.close()
        opened.close()

    def test_a_bad_line_is_named_and_what_was_published_before_it_is_said(
        self, modelmon: Any, project: Path
    ) -> None:
        (project / "f.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n{wrong\n{"a": 3}\n')
        done = modelmon("publish", "f.jsonl", "--stream", "writer")
        assert done.code == 1
        assert "f.jsonl, line 4: not a JSON value" in done.err
        assert "published before it: 2 messages" in done.err
        assert bodies(project, "writer") == [b'{"a": 1}', b'{"a": 2}']

    def test_standard_input_is_a_file_too(
        self, modelmon: Any, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}\n" * 2500)))
        assert modelmon("publish", "-", "--stream", "writer", "--json").json["published"] == 2500

    @pytest.mark.parametrize("name", ["event", "../elsewhere", ""])
    def test_a_stream_that_nobody_reads_is_refused_with_those_there_are(
        self, modelmon: Any, project: Path, name: str
    ) -> None:
        deploy(project, "reader", "", {"mine": stream_trigger("orders")})
        deploy(project, "wrong", "", {"http": {"kind": "mqtt"}})
        (project / "f.jsonl").write_text("{}")
        done = modelmon("publish", "f.jsonl", "--stream", name)
        assert (done.code, "events, orders, writer" in done.err) == (2, True)
        assert modelmon("publish", "f.jsonl", "--stream", "orders").code == 0

    def test_a_file_that_is_not_there_is_an_error(self, modelmon: Any, project: Path) -> None:
        done = modelmon("publish", "nowhere.jsonl")
        assert (done.code, done.err) == (1, "error: nowhere.jsonl can't be read: No such file or directory\n")


@pytest.fixture
def letters(project: Path) -> list[str]:
    """Two dead letters of the events stream, the older one of a known endpoint."""
    from modelmon.ledger.records import open_records
    from modelmon.ledger.schema import dead_letters
    from modelmon.model import to_us

    settings = Settings.load(project)
    open_stream(settings.events_url, 2).close()
    row = {"stream_id": "0123456789abcdef", "partition": 1, "stream": "events", "field": "resp.outputs"}
    row |= {"reason": "must be a list", "body": b'{"bad": 1}', "resent_us": None}
    older = row | {
        "offset": 7,
        "item": 0,
        "endpoint_id": "abc",
        "created_us": to_us(datetime(2026, 1, 1, tzinfo=UTC)),
    }
    newer = row | {"offset": 9, "item": -1, "endpoint_id": "(unknown)", "created_us": older["created_us"] + 1}
    records = open_records(settings)
    with records.write() as connection:
        connection.execute(dead_letters.insert(), [older, newer])
    records.close()
    return ["01234567.1.7.0", "01234567.1.9.-1"]


class TestDeadLetters:
    def test_they_are_listed_newest_first(self, modelmon: Any, letters: list[str]) -> None:
        assert [
            each["id"] for each in modelmon("deadletters", "list", "--json").json["dead_letters"]
        ] == letters[::-1]
        only = modelmon("deadletters", "list", "--endpoint", "abc", "--json").json["dead_letters"]
        assert [each["id"] for each in only] == letters[:1]
        assert "must be a list" in modelmon("deadletters", "list").out

    def test_one_is_shown_with_its_body(self, modelmon: Any, letters: list[str]) -> None:
        shown = modelmon("deadletters", "show", letters[0], "--json").json
        assert (shown["body"], shown["field"], shown["resent"]) == ('{"bad": 1}', "resp.outputs", None)
        assert '{"bad": 1}' in modelmon("deadletters", "show", letters[0]).out

    def test_ids_are_whole_in_a_narrow_terminal(
        self, modelmon: Any, letters: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(output.console, "width", 60)
        shown = modelmon("deadletters", "list").out
        assert all(letter in shown for letter in letters)
        assert "…" not in shown

    def test_an_unknown_id_is_refused(self, modelmon: Any, letters: list[str]) -> None:
        done = modelmon("deadletters", "show", "01234567.1.8.0")
        assert (done.code, "no dead letter '01234567.1.8.0'" in done.err) == (2, True)

    def test_all_are_sent_again_oldest_first_and_only_once(
        self, modelmon: Any, letters: list[str], project: Path
    ) -> None:
        assert modelmon("deadletters", "resend", "--all", "--json").json == {"resent": letters}
        first, second = sorted(bodies(project), key=len)
        assert first == b'{"bad": 1}'  # a whole message, which nobody has read
        sent = json.loads(second)
        assert (sent.pop("publisher")["number"], sent) == (1, {"bad": 1})
        assert modelmon("deadletters", "resend", "--all", "--json").json == {"resent": []}
        assert modelmon("deadletters", "list", "--json").json["dead_letters"] == []
        assert len(modelmon("deadletters", "list", "--all", "--json").json["dead_letters"]) == 2

    def test_a_page_goes_on_after_the_one_before(self, modelmon: Any, letters: list[str]) -> None:
        first = modelmon("deadletters", "list", "--limit", "1", "--json").json
        assert (first["total"], first["after"]) == (2, first["dead_letters"][0]["id"])
        second = modelmon("deadletters", "list", "--limit", "1", "--after", first["after"], "--json").json
        assert (len(second["dead_letters"]), second["after"]) == (1, "")
        assert {each["dead_letters"][0]["id"] for each in (first, second)} == set(letters)
        shown = modelmon("deadletters", "list", "--limit", "1").out
        assert f"1 of 2 are shown. The next: `modelmon deadletters list --after {first['after']}`." in shown

    def test_one_is_sent_again_mended(self, modelmon: Any, letters: list[str], project: Path) -> None:
        (project / "mended.json").write_bytes(b'{"good": 1}')
        assert modelmon("deadletters", "resend", letters[0], "--body", "mended.json").code == 0
        (sent,) = map(json.loads, bodies(project))
        assert sent["good"] == 1

    def test_what_an_interrupted_command_sends_again_has_the_same_publisher(
        self, modelmon: Any, letters: list[str], project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from modelmon.ledger import dead_letters

        with monkeypatch.context() as killed:
            killed.setattr(dead_letters, "mark_resent", lambda *_: False)
            assert modelmon("deadletters", "resend", letters[0]).code == 0
        assert modelmon("deadletters", "resend", letters[0]).code == 0
        assert modelmon("deadletters", "resend", letters[0]).code == 0
        sent = [json.loads(body)["publisher"]["id"] for body in bodies(project)]
        assert sent[0] == sent[1] != sent[2]

    def test_they_are_chosen_by_what_their_reason_holds(self, modelmon: Any, letters: list[str]) -> None:
        for reason, expected in (("LIST", 2), ("in the future", 0), ("must_be", 0)):
            listed = modelmon("deadletters", "list", "--reason", reason, "--json").json["dead_letters"]
            assert len(listed) == expected
            sent = modelmon("deadletters", "resend", "--all", "--reason", reason, "--json").json["resent"]
            assert len(sent) == expected

    def test_they_are_deleted_by_id(self, modelmon: Any, letters: list[str]) -> None:
        assert modelmon("deadletters", "delete", letters[0], "--json").json == {"deleted": 1}
        listed = modelmon("deadletters", "list", "--json").json["dead_letters"]
        assert [each["id"] for each in listed] == letters[1:]
        assert modelmon("deadletters", "delete", letters[0]).code == 2

    @pytest.mark.parametrize(
        ("options", "deleted"),
        [
            (["--endpoint", "abc"], 1), (["--reason", "a list"], 2), (["--reason", "other"], 0),
            (["--all"], 2),
            (["--older-than", "1d"], 2), (["--older-than", "100000d"], 0),
            (["--all", "--endpoint", "(unknown)", "--older-than", "12h"], 1),
        ],
    )  # fmt: skip
    def test_they_are_deleted_by_what_is_known_of_them(
        self, modelmon: Any, letters: list[str], options: list[str], deleted: int
    ) -> None:
        assert modelmon("deadletters", "delete", *options, "--yes", "--json").json == {"deleted": deleted}
        assert modelmon("status", "--json").json["dead_letters"] == 2 - deleted

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ([], "name the ids"), (["--all"], "Nobody is there to answer"),
            (["x.1.1.1", "--all"], "name the ids"), (["--older-than", "7 weeks"], "12h or 7d"),
            (["--yes"], "name the ids"),
        ],
    )  # fmt: skip
    def test_nothing_is_deleted_by_mistake(
        self, modelmon: Any, letters: list[str], options: list[str], said: str
    ) -> None:
        done = modelmon("deadletters", "delete", *options)
        assert (done.code, said in done.err) == (2, True)
        assert modelmon("status", "--json").json["dead_letters"] == 2

    def test_what_is_not_kept_whole_is_not_sent_again_without_its_message(
        self, modelmon: Any, letters: list[str], project: Path
    ) -> None:
        from modelmon.ledger.records import open_records
        from modelmon.ledger.schema import dead_letters

        records = open_records(Settings.load(project))
        with records.write() as connection:
            connection.execute(dead_letters.update().where(dead_letters.c.offset == 7).values(not_kept=3))
        records.close()
        done = modelmon("deadletters", "resend", letters[0])
        assert (done.code, "not kept whole" in done.err) == (2, True)
        assert modelmon("deadletters", "resend", "--all", "--json").json == {"resent": letters[1:]}
        (project / "mended.json").write_bytes(b'{"good": 1}')
        assert modelmon("deadletters", "resend", letters[0], "--body", "mended.json").code == 0
        assert len(bodies(project)) == 2

    def test_they_are_shown_under_their_models_names(
        self, modelmon: Any, letters: list[str], project: Path
    ) -> None:
        from modelmon.ledger import endpoints
        from modelmon.ledger.records import open_records
        from modelmon.model import Endpoint

        records = open_records(Settings.load(project))
        with records.write() as connection:
            endpoints.put(connection, Endpoint("abc", "flights", "churn:v1"), 1)
        records.close()
        assert "churn:v1" in modelmon("deadletters", "list").out
        assert modelmon("deadletters", "show", letters[0], "--json").json["endpoint_name"] == "churn:v1"

    @pytest.mark.parametrize(
        ("mended", "reason"),
        [(b"{", "mended.json is no message: "), (b"", "mended.json is no message: "), (b"7", "got 7")],
    )
    def test_what_is_no_json_is_not_sent(
        self, modelmon: Any, letters: list[str], project: Path, mended: bytes, reason: str
    ) -> None:
        (project / "mended.json").write_bytes(mended)
        done = modelmon("deadletters", "resend", letters[0], "--body", "mended.json")
        assert (done.code, reason in done.err, done.err.count("\n")) == (2, True, 1)
        assert bodies(project) == []
        assert len(modelmon("deadletters", "list", "--json").json["dead_letters"]) == 2

    def test_in_80_columns_names_and_fields_are_whole_and_the_reason_has_lines_of_its_own(
        self, modelmon: Any, letters: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(output.console, "width", 80)
        lines = modelmon("deadletters", "list", "--all").out.splitlines()
        assert lines == [
            "Dead letters",
            "id               set aside (UTC)      endpoint",
            "01234567.1.9.-1  2026-01-01 00:00:00  (unknown)",
            "  resp.outputs: must be a list",
            "01234567.1.7.0   2026-01-01 00:00:00  abc",
            "  resp.outputs: must be a list",
        ]

    @pytest.mark.parametrize(
        "arguments", [[], ["a", "--all"], ["a", "b", "--body", "f"], ["--all", "--body", "f"]]
    )
    def test_it_has_to_be_said_which_ones(self, modelmon: Any, project: Path, arguments: list[str]) -> None:
        assert modelmon("deadletters", "resend", *arguments).code == 2


@pytest.mark.parametrize("command", ["functions", "status"])
def test_a_full_disk_is_told(
    modelmon: Any, project: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    assert "no space left" not in modelmon(command).out
    usage = shutil.disk_usage(project)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=4096))
    assert "The functions wait: no space left on the disk of" in modelmon(command).out


class TestApps:
    def test_a_new_app_is_a_copy_of_the_template(self, modelmon: Any, project: Path) -> None:
        assert modelmon("app", "new", "slow-answers").code == 0
        folder = project / "functions" / "apps" / "slow-answers"
        assert {path.name for path in folder.iterdir()} == {"function.yaml", "main.py", "README.md"}
        assert modelmon("app", "new", "slow-answers").code == 2

    def test_on_a_full_disk_half_an_app_is_not_left_behind(
        self, modelmon: Any, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def half(source: Path, target: Path, **options: Any) -> None:
            target.mkdir(parents=True)
            (target / "main.py").touch()
            why = "[Errno 28] No space left on device"
            raise shutil.Error([(str(source / name), str(target / name), why) for name in ("a", "b")])

        with monkeypatch.context() as patched:
            patched.setattr(shutil, "copytree", half)
            done = modelmon("app", "new", "slow-answers")
        assert done.code == 1
        assert "No space left on device" in done.err
        assert done.err.count("\n") == 1
        assert not list((project / "functions" / "apps").iterdir())
        assert modelmon("app", "new", "slow-answers").code == 0

    @pytest.mark.parametrize(
        ("name", "reason"), [("a/b", "letters, digits"), ("mlrun-infra", "reserved"), ("x-batch", "-batch")]
    )
    def test_a_name_that_cannot_be_is_refused(
        self, modelmon: Any, project: Path, name: str, reason: str
    ) -> None:
        done = modelmon("app", "new", name)
        assert (done.code, reason in done.err) == (2, True)
        assert not (project / "functions").exists()

    def test_a_name_that_is_taken_is_refused(self, modelmon: Any, project: Path) -> None:
        from modelmon.ledger.records import open_records
        from modelmon.ledger.registry import put_function

        records = open_records(Settings.load(project))
        with records.write() as connection:
            put_function(connection, "web", "serving", {}, deployed=False, now_us=1)
        records.close()
        for name, reason in (
            ("web", "'web' is a serving function of project test; choose another name"),
            ("histogram-data-drift", "is an app that comes with ModelMon; choose another name"),
        ):
            done = modelmon("app", "new", name)
            assert (done.code, reason in done.err) == (2, True)
        assert not (project / "functions").exists()


class TestFunctions:
    def test_deployed_functions_are_listed_with_their_triggers_and_what_is_wrong(
        self, modelmon: Any, project: Path
    ) -> None:
        folder = deploy(project, "web", "", {"http": HTTP})
        deploy(project, "wrong", "", {"http": {"kind": "mqtt"}})
        web, wrong = modelmon("functions", "--json").json["functions"]
        assert web == {
            "name": "web", "folder": str(folder), "triggers": [{"name": "http", "kind": "http"}],
            "address": None, "state": "not running", "workers": [], "error": "",
            "environment": {"python": sys.executable, "own": False, "made": True, "requirements": []},
        }  # fmt: skip
        assert "spec.triggers.http.kind" in wrong["error"]
        shown = modelmon("functions").out
        assert "http (http)" in shown
        assert "not running" in shown

    def test_what_the_runner_says_of_a_worker_is_printed_field_by_field(
        self, modelmon: Any, project: Path
    ) -> None:
        deploy(project, "reader", "", {"events": stream_trigger()})
        worker = RunningWorker("events", 0, "starting", 7, 2, "exit code 1", "no such module")
        report = RunnerState(1, (RunningFunction("reader", "as-it-runs", workers=(worker,)),))
        report_file(project).write_bytes(msgspec.json.encode(report))
        held = lock_project(project)
        try:
            (reader,) = modelmon("functions", "--json").json["functions"]
        finally:
            os.close(held)
        assert (reader["state"], reader["error"]) == ("starting", "no such module")
        assert reader["workers"] == [
            {"trigger": "events", "worker": 0, "pid": 7, "state": "starting", "restarts": 2,
             "last_exit": "exit code 1", "failure": "no such module"},
        ]  # fmt: skip

    def test_in_80_columns_their_names_are_whole(
        self, modelmon: Any, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("modelmon-stream", "modelmon-controller"):
            deploy(project, name, "", {"events": stream_trigger("events", name), "http-of-a-name": HTTP})
        monkeypatch.setattr(output.console, "width", 80)
        lines = modelmon("functions").out.splitlines()
        assert [line.split()[0] for line in lines if line.startswith("modelmon-")] == [
            "modelmon-controller", "modelmon-stream",
        ]  # fmt: skip
        assert sum(line.startswith("  ") and line.endswith(": not running") for line in lines) == 2


class TestHealth:
    def test_a_group_that_holds_a_stream_back_is_named(self, modelmon: Any, project: Path) -> None:
        with (project / "modelmon.yaml").open("a") as file:
            file.write("stream_max_bytes: 1\n")
        events = open_stream(Settings.load(project).stream_url("events"), 2)
        events.publish([("k", b"x" * 1_000)] * 10)
        events.close()
        (held,) = modelmon("health", "--json").json["held"]
        assert (held["stream"], held["group"]) == ("events", "modelmon-stream")
        assert "group modelmon-stream has not read them" in modelmon("health").out


class TestStatus:
    def test_an_empty_project_has_an_empty_status(self, modelmon: Any, project: Path) -> None:
        found = modelmon("status", "--json").json
        assert {
            "project",
            "now",
            "endpoints",
            "results",
            "last_verdicts",
            "actuals",
            "metrics",
            "incidents",
            "applications",
            "totals",
            "lag",
            "unavailable",
            "clock",
            "dead_letters",
            "functions",
        } == set(found)
        assert (found["project"], found["endpoints"], found["results"]) == ("test", [], [])
        assert ": 0 endpoints" in modelmon("status").out

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # kafka-python about Python 3.11
    def test_a_stream_that_does_not_answer_hides_nothing_else(
        self, modelmon: Any, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deploy(project, "reader", "", {"events": stream_trigger("events", "readers")})
        deploy(project, "other", "", {"events": stream_trigger("writer", "others")})
        monkeypatch.setenv("MODELMON_STREAM_PATH", "kafka://127.0.0.1:1")
        monkeypatch.setenv("MODELMON_KAFKA_TIMEOUT_SECONDS", "0.3")
        shown = modelmon("status", "--json")
        assert shown.code == 0
        assert shown.json["lag"] == []
        assert [each["stream"] for each in shown.json["unavailable"]] == ["test-writer", "test-events"]
        assert "could not describe the topic within 0.3 s" in shown.json["unavailable"][0]["reason"]
        assert shown.json["unavailable"][1]["reason"] == "not asked, because test-writer did not answer"
        assert [each["name"] for each in shown.json["functions"]] == ["other", "reader"]
        assert "Lag of test-writer is not known: kafka://127.0.0.1:1/" in modelmon("status").out

    def test_dead_letters_are_counted(self, modelmon: Any, letters: list[str]) -> None:
        assert modelmon("status", "--json").json["dead_letters"] == 2
        assert "Dead letters: 2" in modelmon("status").out


@pytest.fixture
def wheel(project: Path) -> Path:
    return pack_wheel(project)


class TestBundle:
    def test_outside_a_project_every_function_becomes_a_folder(
        self, modelmon: Any, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        done = modelmon("bundle", "--wheel", str(wheel), "--brokers", "a:1,b:2", "--json")
        folders = {each["name"]: Path(each["folder"]) for each in done.json["functions"]}
        assert set(folders) == {
            *(f"modelmon-{stage}" for stage in ("stream", "controller", "writer", "serving", "notifier")),
            *DEFAULT_APPS,
        }
        for name, folder in folders.items():
            text = (folder / "function.yaml").read_text()
            assert "${" not in text
            assert yaml.safe_load(text)["metadata"]["name"] == name
            assert {"main.py", "README.md", wheel.name} <= {path.name for path in folder.iterdir()}
            assert wheel.name in parse(text)["build"]["directives"]["postCopy"][0]["value"]
        stream = parse((folders["modelmon-stream"] / "function.yaml").read_text())
        assert stream["triggers"]["events"]["attributes"]["brokers"] == ["a:1", "b:2"]
        assert {"name": "MODELMON_STREAM_PATH", "value": "kafka://a:1,b:2"} in stream["env"]
        assert {"name": "MODELMON_FLUSH_AFTER_SECONDS", "value": "30.0"} in stream["env"]
        steps = [each["value"] for each in stream["build"]["directives"]["preCopy"]]
        assert any("stream.txt" in each for each in steps)
        controller = parse((folders["modelmon-controller"] / "function.yaml").read_text())
        assert controller["triggers"]["tick"]["attributes"]["interval"] == "10m"

    def test_inside_a_project_its_own_functions_and_settings_are_bundled(
        self, modelmon: Any, wheel: Path, project: Path
    ) -> None:
        make_project(project, base_period=60, records_url="postgresql://u:hunter2@db/x")
        deploy(project, "web", "handler = print  # mine", {"http": HTTP}, OWN="1")
        done = modelmon("bundle", "--wheel", str(wheel), "--output", "out")
        assert (project / "out" / "web" / "main.py").read_text() == "handler = print  # mine"
        text = (project / "out" / "web" / "function.yaml").read_text()
        assert "hunter2" not in text
        assert "MODELMON_RECORDS_URL is secret" in done.out
        assert [path.name for path in (project / "out").iterdir()] == ["web"]

    def test_a_wheel_that_is_none_is_refused(self, modelmon: Any, project: Path) -> None:
        done = modelmon("bundle", "--wheel", "nothing.whl")
        assert done.code == 2
        assert done.err.startswith("error: nothing.whl is no wheel of ModelMon; leave out --wheel")


class TestDisk:
    def test_each_part_is_shown_with_what_goes_when(self, modelmon: Any, project: Path) -> None:
        open_stream(Settings.load(project).events_url, 2).publish([("k", b"x")] * 7)
        shown = modelmon("disk", "--json").json
        parts = {each["part"]: each for each in shown["parts"]}
        assert parts["stream events"]["count"] == 7
        assert parts["stream events"]["held_by"] == "group modelmon-stream has 7 messages to read"
        assert "there is no such stream" in shown["unavailable"]["writer"]
        text = modelmon("disk").out
        assert "records and series" in text
        assert "group modelmon-stream has 7 messages to read" in text


class TestForgetting:
    @pytest.fixture
    def endpoint(self, project: Path) -> str:
        from modelmon.ledger import endpoints
        from modelmon.ledger.records import open_records
        from modelmon.model import Endpoint

        records = open_records(Settings.load(project))
        with records.write() as connection:
            endpoints.put(connection, Endpoint("abc", "flights", "churn:v1"), 1)
        records.close()
        return "abc"

    def test_an_endpoint_is_forgotten_by_its_name(self, modelmon: Any, endpoint: str) -> None:
        gone = modelmon("endpoint", "churn:v1", "--delete", "--yes", "--json").json
        assert gone == {
            "endpoint_id": endpoint,
            "endpoint_name": "churn:v1",
            "deleted": {"files": 0, "rows": 0, "windows": 0, "actuals": 0},
        }
        assert modelmon("endpoint", "churn:v1").code == 2

    def test_nothing_is_forgotten_without_a_yes(self, modelmon: Any, endpoint: str) -> None:
        done = modelmon("endpoint", endpoint, "--delete")
        assert (done.code, "--yes" in done.err) == (2, True)
        assert modelmon("endpoint", endpoint, "--json").code == 0
        assert modelmon("endpoint", "other", "--delete", "--yes").code == 2

"""`modelmon publish`: files that are no recorded messages, and going on after a kill."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploying import make_project
from modelmon.cli import main, publish
from modelmon.ledger import registry
from modelmon.model import to_us
from modelmon.settings import Settings
from modelmon.stages.controller import Controller
from modelmon.streams import open_stream
from modelmon.streams.partitioned import PartitionedStream
from streaming import Bed, feed, run
from wire_actuals import actuals

EVENT: dict[str, Any] = {
    "model": "m", "function_uri": "shop/serving", "when": "2026-01-01 00:00:00+00:00", "microsec": 1,
    "resp": {"outputs": [1]},
}  # fmt: skip


def line(number: int, endpoint_id: str = "e", **fields: Any) -> str:
    return json.dumps(
        {**EVENT, "endpoint_id": endpoint_id, "request": {"id": f"r{number}", "inputs": [[number]]}, **fields}
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MODELMON_PROJECT_DIR", raising=False)
    made = make_project(tmp_path / "project")
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def called(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["modelmon", "publish", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return called


def bodies(project: Path) -> list[bytes]:
    opened = open_stream(Settings.load(project).events_url, 2)
    consumer = opened.consumer("test")
    found: list[bytes] = []
    while messages := consumer.poll(10_000, 0):
        found += [message.body for message in messages]
    consumer.close()
    opened.close()
    return found


def counted(project: Path, folder: Path) -> tuple[list[str], int]:
    """The requests that the stream function stores of what is on the stream, and how many it drops."""
    bed = Bed(folder)
    bed.clock_us = 2 * 10**15
    run(feed(bed, bed.publish(*bodies(project))))
    (repeated,) = bed.table("traffic", "repeated")
    assert bed.table("traffic", "missing", "rejected") == [(0, 0)]
    return bed.sample("e").column("request_id").to_pylist(), repeated


TEXT = "\n".join(map(line, range(3))) + "\n"
DEEP = '{"a":' * 1_500 + "1" + "}" * 1_500


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            TEXT.encode("utf-16"),
            "f is in UTF-16 or UTF-32; publish takes UTF-8, one JSON value a line: `iconv",
        ),
        (TEXT.encode("utf-16-le"), "f is in UTF-16"),
        (TEXT.encode("utf-32"), "f is in UTF-16 or UTF-32"),
        (
            gzip.compress(TEXT.encode()),
            "f is packed with gzip; publish takes UTF-8, one JSON value a line: `z",
        ),
        (bz2.compress(TEXT.encode()), "f is packed with bzip2"),
        (b"\x28\xb5\x2f\xfd123", "f is packed with zstd"),
        (json.dumps(json.loads(line(0)), indent=2).encode(), "f, line 1: not a JSON value: "),
        (json.dumps(json.loads(line(0)), indent=2).encode(), "one document over several lines: `jq -c ."),
        (b"[\n" + line(0).encode() + b"\n]\n", "one document over several lines: `jq -c ."),
        (DEEP.encode(), "f, line 1: nested too deeply"),
        (b'{"a": "\xe4"}', "f, line 1: not UTF-8 at byte 7"),
        (b"model,when\nm,2026\n", "f, line 1: not a JSON value"),
        (b"5", "f, line 1: an event is a JSON object, got 5"),
        (b'["text"]', "f, line 1: an event is a JSON object, got 'text'"),
        (b"[]", "f, line 1: holds no event: the array is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_file_of_events_is_one_line_and_lands_nowhere(
    publishing: Any, project: Path, content: bytes, said: str
) -> None:
    (project / "f").write_bytes(content)
    code, _, err = publishing("f")
    assert (code, bodies(project)) == (1, [])
    assert said in err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err


def test_a_byte_order_mark_is_no_fault(publishing: Any, project: Path, tmp_path: Path) -> None:
    (project / "f").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert publishing("f")[0] == 0
    assert counted(project, tmp_path / "bed") == (["r0", "r1", "r2"], 0)


def test_all_but_the_publisher_stays_as_it_is_written(publishing: Any, project: Path) -> None:
    written = (
        '{ "model":"m", "x": NaN,\t"big": 1e999, "publisher": {"id": "old", "number": 900}, "ü": "\\u00e9" }'
    )
    (project / "f").write_text(f"{written}\n[{written} , {written}]\n")
    assert publishing("f")[0] == 0
    single, pair = bodies(project)
    assert single.startswith(written[:-1].encode())
    assert json.loads(single)["publisher"]["number"] == 1
    assert [each["publisher"]["number"] for each in json.loads(pair)] == [2, 3]
    assert pair.count(written[:-1].encode()) == 2


class Killed(BaseException):
    pass


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch, publishing: Any) -> Any:
    """Publishes, and is killed just after that many batches of ten lines are on the stream."""
    monkeypatch.setattr(publish, "BATCH_LINES", 10)

    def called(batches: int, *arguments: str) -> None:
        count = Counter[str]()
        whole = PartitionedStream.publish

        def last_words(self: PartitionedStream, records: Any, partition: int | None = None) -> None:
            whole(self, records, partition)
            count["batches"] += 1
            if count["batches"] == batches:
                raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(PartitionedStream, "publish", last_words)
            patched.setattr(sys, "argv", ["modelmon", "publish", *arguments])
            with pytest.raises(Killed):
                main()

    return called


def test_a_command_that_was_killed_goes_on_exactly(
    publishing: Any, killed_at: Any, project: Path, tmp_path: Path
) -> None:
    (project / "f").write_text("\n".join(map(line, range(95))))
    killed_at(3, "f")
    killed_at(2, "f")
    killed_at(1, "f")
    _, out, err = publishing("f", "--json")
    assert json.loads(out) == {"stream": "events", "published": 65, "published_before": 30}
    assert "Going on after line 30, published before: 30 messages." in err
    assert counted(project, tmp_path / "bed") == ([f"r{number}" for number in range(95)], 30)
    assert list((project / ".modelmon" / "publishing").iterdir()) == []


def test_arrays_and_endpoints_are_numbered_alike_when_it_goes_on(
    publishing: Any, killed_at: Any, project: Path, tmp_path: Path
) -> None:
    lines = [
        f"[{line(number)},{line(number, 'other')},{line(number + 500)}]" if number % 3 else line(number)
        for number in range(40)
    ]
    (project / "f").write_text("\n\n".join(lines))
    killed_at(2, "f")
    assert publishing("f")[0] == 0
    bed = Bed(tmp_path / "bed")
    bed.clock_us = 2 * 10**15
    run(feed(bed, bed.publish(*bodies(project))))
    assert bed.table("traffic", "endpoint_id", "stored", "missing") == [("e", 66, 0), ("other", 26, 0)]


def test_a_line_that_was_mended_is_where_it_goes_on(publishing: Any, project: Path, tmp_path: Path) -> None:
    (project / "f").write_text(f"{line(0)}\n{line(1)}\n{{wrong\n{line(3)}\n")
    code, _, err = publishing("f")
    assert (code, "published before it: 2 messages, the same command goes on there" in err) == (1, True)
    (project / "f").write_text(f"{line(0)}\n{line(1)}\n{line(2)}\n{line(3)}\n{line(4)}\n")
    assert publishing("f")[1] == "published on events: 3 messages, 2 before\n"
    assert counted(project, tmp_path / "bed") == ([f"r{number}" for number in range(5)], 0)


@pytest.mark.parametrize("changed", ["first line", "shorter", "longer line"])
def test_a_file_that_is_another_by_now_is_refused_until_it_is_to_begin_anew(
    publishing: Any, killed_at: Any, project: Path, changed: str
) -> None:
    (project / "f").write_text("\n".join(map(line, range(40))))
    killed_at(3, "f")
    other = {
        "first line": [line(900), *map(line, range(1, 40))],
        "shorter": [line(number) for number in range(15)],
        "longer line": [*map(line, range(19)), line(19, op="predict"), *map(line, range(20, 40))],
    }[changed]
    (project / "f").write_text("\n".join(other))
    code, _, err = publishing("f")
    assert (code, "f is not what it was when its first 20 lines were published" in err) == (2, True)
    assert len(bodies(project)) == 30
    assert publishing("f", "--anew")[0] == 0


def test_a_file_that_is_through_is_published_anew_and_counts_again(
    publishing: Any, project: Path, tmp_path: Path
) -> None:
    (project / "f").write_text(TEXT)
    for _ in range(2):
        assert publishing("f")[1] == "published on events: 3 messages\n"
    requests, repeated = counted(project, tmp_path / "bed")
    assert (sorted(requests), repeated) == (["r0", "r0", "r1", "r1", "r2", "r2"], 0)


def test_two_commands_do_not_publish_the_same_file_at_once(
    publishing: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "f").write_text(TEXT)
    said = []

    def again(self: Any, records: Any, partition: int | None = None) -> None:
        monkeypatch.undo()
        command = [sys.executable, "-m", "modelmon.cli", "publish", "f"]
        said.append(subprocess.run(command, capture_output=True, text=True, cwd=project, check=False))

    monkeypatch.chdir(project)
    monkeypatch.setattr(PartitionedStream, "publish", again)
    publishing("f")
    assert said[0].returncode == 2
    assert "f is being published on this stream by another command" in said[0].stderr


@pytest.mark.slow
def test_kill_9_and_the_same_command_again(project: Path, tmp_path: Path) -> None:
    lines = 20_000
    (project / "f").write_text("\n".join(map(line, range(lines))))
    command = [sys.executable, "-m", "modelmon.cli", "publish", "f"]
    kept = project / ".modelmon" / "publishing"
    kills = 0
    for wanted in (2, 5):
        with subprocess.Popen(command, cwd=project, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                noted = (
                    sum(path.read_bytes().count(b"\n") for path in kept.glob("*.jsonl"))
                    if kept.exists()
                    else 0
                )
                if noted > wanted:
                    os.kill(process.pid, signal.SIGKILL)
                    kills += 1
                    break
                time.sleep(0.001)
    assert kills
    subprocess.run(command, cwd=project, check=True)
    requests, _ = counted(project, tmp_path / "bed")
    assert requests == [f"r{number}" for number in range(lines)]


@pytest.mark.slow
def test_a_console_that_is_not_utf_8_shows_what_it_lacks_as_escapes(project: Path) -> None:
    (project / "ü.jsonl").write_text("nö")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "modelmon.cli"]
    said = subprocess.run(
        [*command, "publish", "ü.jsonl"], capture_output=True, cwd=project, env=environment, check=False
    )
    assert said.returncode == 1
    assert said.stderr.startswith(b"error: \\xfc.jsonl, line 1: not a JSON value")
    asked = subprocess.run(
        [*command, "status", "--json", "--project-dir", str(project)],
        capture_output=True, cwd=project, env=environment, check=True,
    )  # fmt: skip
    assert json.loads(asked.stdout)["project"]


def test_a_file_that_is_complete_closes_the_windows_of_its_endpoints(
    publishing: Any, project: Path, tmp_path: Path
) -> None:
    times = [f"2026-01-01 00:{minute:02}:00+00:00" for minute in range(0, 40, 5)]
    lines = [line(number, when=when) for number, when in enumerate(times)]
    (project / "f").write_text("\n".join([*lines, line(9, "other")]))
    told = json.loads(publishing("f", "--complete", "--json")[1])
    assert (told["published"], told["completed"]) == (9, ["e", "other"])
    bed = Bed(tmp_path / "bed")
    bed.clock_us = to_us(datetime(2026, 1, 1, 0, 41, tzinfo=UTC))
    bed.register(endpoint_id="e", mode="batch")
    with bed.records.write() as connection:
        registry.register_app(connection, "app", None, 0)
    open_stream(bed.settings.app_url("app"), 1, bed.settings)
    controller = Controller.open(bed.settings)
    messages = bed.publish(*sorted(bodies(project), key=lambda body: b"batch_complete" in body))
    run(feed(bed, messages[:-2]))
    before = controller.tick_blocking(bed.clock_us)["sent"]
    run(feed(bed, messages[-2:]))
    after = controller.tick_blocking(bed.clock_us)["sent"]
    assert (before["new"], after["new"]) == (0, 5)
    run(controller.close())
    bed.close()


def test_recorded_actuals_leave_no_gap_in_the_numbers_of_events(
    publishing: Any, project: Path, tmp_path: Path
) -> None:
    told = actuals({"p0": [1]}, ("r0",), endpoint_id="e").decode()
    (project / "f").write_text("\n".join([line(0), told, line(1)]))
    assert publishing("f")[0] == 0
    assert counted(project, tmp_path / "bed") == (["r0", "r1"], 0)


def test_only_the_events_stream_has_jobs_that_are_complete(publishing: Any, project: Path) -> None:
    (project / "f").write_text(TEXT)
    code, _, err = publishing("f", "--stream", "writer", "--complete")
    assert (code, "--complete" in err) == (2, True)

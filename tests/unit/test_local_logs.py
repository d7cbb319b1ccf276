"""Logs of functions that stay short, and a terminal that stays readable."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from modelmon.local.logs import LogFile
from modelmon.local.terminal import MOST, MOST_INCIDENTS, Telling
from modelmon.local.worker_reports import Reporter, WorkerReport, make_logger
from modelmon.nuclio.bridge import bridge_logging

WRITER = """
import sys
from pathlib import Path
from modelmon.local.logs import LogFile
log = LogFile(Path(sys.argv[1]), 2000)
for number in range(400):
    sys.stdout.write(f"{sys.argv[2]} {number}\\n")  # a line is one write, also where output has no buffer
    sys.stdout.flush()
    log.follow()
"""


def write(path: Path, *names: str) -> None:
    running = []
    for name in names:
        with LogFile(path, 2000).open() as log:
            running.append(subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stdout=log))
    assert [process.wait(60) for process in running] == [0] * len(names)


def test_a_log_is_begun_anew_and_the_one_before_is_kept_whoever_else_writes(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    write(path, "a", "b", "c")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["web.log", "web.log.1"]
    kept = [path.with_name("web.log.1"), path]
    assert all(each.stat().st_size < 2000 + 3 * 8 for each in kept)
    lines = "".join(each.read_text() for each in kept).splitlines()
    assert lines[-1].endswith(" 399")
    for name in "abc":  # nothing of the newest is lost, and nothing is out of order
        numbers = [int(line.split()[1]) for line in lines if line.startswith(name)]
        assert numbers == sorted(numbers)


def test_a_log_that_was_too_long_before_is_begun_anew_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_text("x" * 5000)
    LogFile(path, 2000).open().close()
    assert path.read_text() == ""
    assert path.with_name("web.log.1").stat().st_size == 5000


def test_a_log_that_is_short_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_text("short")
    with LogFile(path, 2000).open() as file:
        file.write(b" and more")
    assert path.read_text() == "short and more"


def test_a_folder_that_is_gone_ends_nobody_and_is_not_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    LogFile(folder / "web.log", 2000).follow()
    assert not folder.exists()


class Terminal:
    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.tell = Telling(lambda level, text: self.lines.append(text), lambda: self.now)


def test_ids_and_numbers_aside_the_same_words_are_told_once_a_minute() -> None:
    terminal = Terminal()
    for number in range(100):
        terminal.tell(
            "web", "error", f"model m failed, error {os.urandom(16).hex()}: row {number}, 0.{number} s"
        )
    assert len(terminal.lines) == 1
    terminal.now = 61.0
    terminal.tell("web", "error", "model m failed, error 0123456789abcdef: row 1, 0.1 s")
    assert terminal.lines[1] == "web: said 99 times more of the same, see its log"
    assert len(terminal.lines) == 3


def test_every_incident_is_told_whatever_its_model_its_window_and_its_value() -> None:
    terminal = Terminal()
    for number in range(MOST_INCIDENTS):
        text = f"data-drift-detected (high): m{number % 2}, window 0{number % 7}:00: drift = 0.{number}"
        terminal.tell("writer", "warning", text, is_incident=True)
    assert len(set(terminal.lines)) == MOST_INCIDENTS
    terminal.tell("writer", "warning", "waiting for the records")
    assert terminal.lines[-1] == "writer: waiting for the records"


def test_of_very_many_incidents_the_rest_is_counted() -> None:
    terminal = Terminal()
    for number in range(MOST_INCIDENTS + 7):
        terminal.tell("writer", "warning", f"data-drift-detected (high): m, {number}", is_incident=True)
    assert len(terminal.lines) == MOST_INCIDENTS
    terminal.now = 61.0
    terminal.tell("writer", "warning", "data-drift-detected (high): m, 107", is_incident=True)
    assert terminal.lines[MOST_INCIDENTS:] == [
        "writer: told of incidents 7 times more, `modelmon incidents` has all",
        "writer: data-drift-detected (high): m, 107",
    ]


def test_models_whose_names_differ_in_digits_are_different_words() -> None:
    terminal = Terminal()
    for model in ("m1", "m2", "churn-1", "churn-2", "m1"):
        terminal.tell("web", "error", f"model {model} failed on 2026-11-30T00:10 at row 3")
    assert len(terminal.lines) == 4


def test_an_incident_of_the_writer_reaches_the_supervisor_as_one() -> None:
    reading, writing = os.pipe()
    try:
        bridge_logging(make_logger(Reporter(writing, "writer", "reports", 0)))
        logger = logging.getLogger("modelmon.stages.writer")
        logger.warning("data-drift-detected", extra={"with": {"incident": 1}})
        logger.warning("waiting")
        reports = [
            msgspec.json.decode(line, type=WorkerReport) for line in os.read(reading, 2**16).splitlines()
        ]
    finally:
        logging.getLogger().handlers[:] = [
            each for each in logging.getLogger().handlers if "Bridge" not in type(each).__name__
        ]
        logging.getLogger("nuclio_sdk").handlers.clear()
        os.close(reading)
        os.close(writing)
    assert [(report.message.rpartition(" ")[2], report.is_incident) for report in reports] == [
        ("data-drift-detected", True), ("waiting", False),
    ]  # fmt: skip


def test_a_worker_that_crashes_again_and_again_is_told_of_once_a_minute() -> None:
    terminal = Terminal()
    for seconds in ("0.2", "0.4", "10", "10"):
        terminal.tell(
            "web", "warning", f"worker 0 of trigger http exited with code 78; starts again in {seconds} s"
        )
    assert len(terminal.lines) == 1


def test_a_flood_of_different_words_is_cut_and_other_functions_are_heard() -> None:
    terminal = Terminal()
    words = [
        f"can't read {chr(97 + first)}{chr(97 + second)}!" for first in range(26) for second in range(26)
    ]
    for text in words:
        terminal.tell("web", "error", text)
    assert len(terminal.lines) == MOST + 1
    assert terminal.lines[-1] == "web: says more than this; its log has all of it"
    terminal.tell("stream", "warning", "the disk is nearly full")
    assert terminal.lines[-1] == "stream: the disk is nearly full"


@given(st.lists(st.tuples(st.floats(0, 20), st.text(max_size=3)), max_size=300))
def test_never_more_than_so_many_a_minute_and_the_first_at_once(said: list[tuple[float, str]]) -> None:
    terminal = Terminal()
    at: list[float] = []
    for wait, text in said:
        terminal.now += wait
        before = len(terminal.lines)
        terminal.tell("web", "error", text)
        at += [terminal.now] * (len(terminal.lines) - before)
    assert all(later - first > 0 for first, later in zip(at, at[2 * (MOST + 3) :], strict=False))
    assert bool(terminal.lines) == bool(said)

"""The runner with real processes: crashes, kills, stops, redeployments."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from deploying import (
    HTTP,
    cron_trigger,
    deploy,
    eventually,
    is_alive,
    log_of,
    make_project,
    runner_report,
    stream_trigger,
    workers_of,
)
from modelmon.cli import app
from modelmon.errors import ConfigError, UnavailableError
from modelmon.local import Runner
from modelmon.streams import Stream, open_stream

pytestmark = pytest.mark.e2e

ECHO = """
    import os
    def handler(context, event):
        environ = os.environ
        return {"pid": os.getpid(), "value": environ.get("VALUE", ""), "project": environ["MODELMON_PROJECT"]}
"""

STUBBORN = """
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    def handler(context, event):
        return None
"""

# Holds every message until it has HOLD of them or has to drain; what it finishes goes into a file.
HOLDING = """
    import asyncio, os
    from modelmon.nuclio import message_handlers

    class Stage:
        def __init__(self, settings, acknowledge):
            self.acknowledge = acknowledge
            self.held = []
        async def accept(self, *messages):
            for message in messages:
                if message.body == b"bug":
                    raise ValueError("a bug")
                self.held.append(message)
                print("holds", message.offset)
                if len(self.held) >= int(os.environ["HOLD"]):
                    await self.drain()
        async def drain(self):
            with open(os.environ["DONE"], "a") as file:
                file.writelines(f"{message.partition} {message.offset}\\n" for message in self.held)
            for message in self.held:
                await self.acknowledge(message.partition, message.offset)
            self.held.clear()
        async def close(self):
            pass

    init_context, handler = message_handlers(Stage)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def runner(project: Path, told: list[str]) -> Iterator[Runner]:
    made = Runner(project, tell=lambda level, text: told.append(f"{level}: {text}"))
    yield made
    if made.running:
        made.stop(within_seconds=1)


def deploy_holding(project: Path, hold: int) -> Path:
    done = project / "done.txt"
    deploy(project, "holding", HOLDING, {"events": stream_trigger()}, HOLD=str(hold), DONE=str(done))
    return done


def events(runner: Runner, count: int) -> Stream:
    stream = open_stream(runner.settings.events_url, 1, runner.settings)
    stream.publish([(str(number), b"{}") for number in range(count)])
    return stream


def get(runner: Runner, function: str) -> Any:
    return httpx.get(f"http://{runner.address(function)}/", timeout=30).json()


def test_a_killed_worker_is_started_again_and_the_address_stays(
    project: Path, runner: Runner, told: list[str]
) -> None:
    deploy(project, "echo", ECHO, {"http": HTTP})
    runner.start()
    address, first = runner.address("echo"), get(runner, "echo")["pid"]
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: get(runner, "echo")["pid"], lambda pid: pid != first)
    assert runner.address("echo") == address
    (worker,) = eventually(
        lambda: workers_of(project, "echo"), lambda workers: workers[0]["state"] == "ready"
    )
    assert worker["pid"] == second
    assert (worker["restarts"], worker["last_exit"]) == (1, "ended by SIGKILL")
    assert any("echo: worker 0 of trigger http ended by SIGKILL" in line for line in told)


def test_a_stop_does_not_wait_for_a_function_that_is_still_starting(project: Path, runner: Runner) -> None:
    main = """
        import asyncio
        async def init_context(context):
            print("starting")
            await asyncio.sleep(60)
        def handler(context, event): pass
    """
    deploy(project, "slow", main, {"http": HTTP})
    runner.start()
    eventually(lambda: log_of(project, "slow"))
    (pid,) = [worker["pid"] for worker in workers_of(project, "slow")]
    os.kill(pid, signal.SIGTERM)
    eventually(
        lambda: workers_of(project, "slow")[0]["last_exit"], lambda reason: reason == "exited with code 0"
    )


def test_a_worker_that_dies_again_and_again_is_started_ever_later(project: Path, runner: Runner) -> None:
    deploy(project, "broken", "raise ValueError('at import')", {"http": HTTP})
    deploy(project, "echo", ECHO, {"http": HTTP})
    runner.start()
    (worker,) = eventually(
        lambda: workers_of(project, "broken"), lambda workers: workers and workers[0]["restarts"] >= 2
    )
    assert worker["last_exit"] == "exited with code 70"
    assert worker["failure"] == "ValueError: at import"
    assert "ValueError: at import" in log_of(project, "broken")
    assert get(runner, "echo")["project"] == "test"


def test_callers_of_a_function_that_can_t_start_get_a_503_and_the_commands_the_reason(
    project: Path, runner: Runner, told: list[str]
) -> None:
    http = {**HTTP, "workerAvailabilityTimeoutMilliseconds": 100}
    deploy(project, "broken", "import no_such_module", {"http": http})
    runner.start()
    eventually(lambda: workers_of(project, "broken"), lambda workers: workers and workers[0]["failure"])
    answer = httpx.get(f"http://{runner.address('broken')}/health", timeout=30)
    assert answer.status_code == 503
    assert "function 'broken' can't start" in answer.json()["reason"]
    eventually(lambda: workers_of(project, "broken"), lambda workers: workers[0]["restarts"] >= 4)
    assert len([line for line in told if "exited with code" in line]) == 1
    for command in ("status", "functions"):
        shown = CliRunner().invoke(app, [command, "--project-dir", str(project)], env={"COLUMNS": "200"})
        assert "No module named 'no_such_module'" in " ".join(shown.output.split()), shown.output


def test_a_bug_in_a_stage_ends_the_worker_and_the_message_comes_again(project: Path, runner: Runner) -> None:
    done = deploy_holding(project, hold=2)
    runner.start()
    stream = events(runner, 2)
    eventually(lambda: stream.committed("readers").get(0), lambda offset: offset == 2)
    stream.publish([("", b"{}"), ("", b"bug")])
    (worker,) = eventually(
        lambda: workers_of(project, "holding"), lambda workers: workers[0]["restarts"] >= 2
    )
    assert worker["last_exit"] == "exited with code 70"
    assert stream.committed("readers")[0] == 2
    assert done.read_text() == "0 0\n0 1\n"
    assert log_of(project, "holding").count("ValueError: a bug") >= 2


def test_stopping_drains_so_that_nothing_held_is_lost(project: Path, runner: Runner) -> None:
    done = deploy_holding(project, hold=1000)
    runner.start()
    stream = events(runner, 7)
    eventually(lambda: log_of(project, "holding").count("holds"), lambda held: held == 7)
    assert stream.committed("readers") == {}
    runner.stop()
    assert stream.committed("readers") == {0: 7}
    assert done.read_text() == "".join(f"0 {offset}\n" for offset in range(7))
    assert runner_report(project)["pid"] is None


def test_a_worker_that_will_not_end_is_killed_in_time(project: Path, runner: Runner, told: list[str]) -> None:
    deploy(project, "stubborn", STUBBORN, {"http": HTTP})
    runner.start()
    runner.wait_until_ready()
    (worker,) = workers_of(project, "stubborn")
    runner.stop(within_seconds=0.5)
    assert not is_alive(worker["pid"])


SUPERVISOR = """
import sys
from modelmon.local import Runner
runner = Runner(sys.argv[1])
runner.start()
runner.wait_until_ready()
print("ready", flush=True)
sys.stdin.read()
"""


def start_supervisor(project: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(project)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("main", [ECHO, STUBBORN], ids=["willing", "stubborn"])
def test_a_supervisor_killed_with_9_takes_its_workers_along(project: Path, main: str) -> None:
    deploy(project, "web", main, {"http": HTTP | {"numWorkers": 2}, "tick": cron_trigger("10s")})
    process = start_supervisor(project)
    try:
        pids = [worker["pid"] for worker in workers_of(project, "web")]
        assert len(pids) == 3
        assert all(map(is_alive, pids))
    finally:
        end(process)
    eventually(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive, within=10)
    with Runner(project) as again:  # the lock went with it
        again.wait_until_ready()


def test_two_runners_of_one_project_are_one_too_many(project: Path, runner: Runner) -> None:
    runner.start()
    with pytest.raises(ConfigError, match=f"run already, by process {os.getpid()}"):
        Runner(project).start()


def test_a_function_added_changed_and_removed_while_running(project: Path, runner: Runner) -> None:
    runner.start()
    folder = deploy(project, "echo", ECHO, {"http": HTTP}, VALUE="one ${project}")
    assert get(runner, "echo")["value"] == "one test"
    address = runner.address("echo")
    text = (folder / "function.yaml").read_text()
    (folder / "function.yaml").write_text(text.replace("one", "two"))
    eventually(lambda: get(runner, "echo")["value"], lambda value: value == "two test")
    assert runner.address("echo") == address
    (pid,) = [worker["pid"] for worker in workers_of(project, "echo")]
    folder.rename(folder.with_name(".gone"))
    eventually(lambda: runner_report(project)["functions"], lambda functions: not functions)
    eventually(lambda: is_alive(pid), lambda alive: not alive)
    with pytest.raises(ConfigError, match="no HTTP address"):
        runner.address("echo", timeout=0)


def test_no_request_goes_without_an_answer_while_a_function_is_deployed_anew(
    project: Path, runner: Runner
) -> None:
    runner.start()
    folder = deploy(project, "echo", ECHO, {"http": HTTP}, VALUE="0")
    text = (folder / "function.yaml").read_text()
    url = f"http://{runner.address('echo')}/"
    answers: list[dict[str, Any]] = []

    def ask() -> bool:
        answers.append(httpx.get(url, timeout=30).raise_for_status().json())
        return stopped.is_set()

    stopped = threading.Event()
    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(lambda: any(iter(ask, None))) for _ in range(4)]
        eventually(lambda: answers)
        for value in "123":
            (folder / "function.yaml").write_text(text.replace("'0'", f"'{value}'"))
            eventually(lambda: answers[-1]["value"] if answers else "", lambda found, v=value: found == v)
        stopped.set()
        assert [each.result() for each in asking] == [True] * 4
    assert {each["value"] for each in answers} == set("0123")


def test_a_function_that_starts_anew_gets_the_settings_as_they_are_then(
    project: Path, runner: Runner
) -> None:
    make_project(project, base_period=20)
    main = """
        from modelmon.settings import Settings
        def handler(context, event):
            return {"base_period": Settings.load().base_period}
    """
    folder = deploy(project, "web", main, {"http": HTTP})
    runner.start()
    assert get(runner, "web")["base_period"] == 20
    make_project(project, base_period=30)
    (folder / "changed").touch()
    eventually(lambda: get(runner, "web")["base_period"], lambda minutes: minutes == 30)


def test_a_wrong_function_yaml_is_told_with_file_and_key_and_the_others_run(
    project: Path, runner: Runner, told: list[str]
) -> None:
    folder = deploy(project, "wrong", ECHO, {"http": {"kind": "carrier-pigeon"}})
    deploy(project, "echo", ECHO, {"http": HTTP})
    runner.start()
    assert get(runner, "echo")["project"] == "test"
    (line,) = [line for line in told if "wrong" in line]
    assert f"{folder}/function.yaml: spec.triggers.http.kind: 'carrier-pigeon' is not one of" in line
    with pytest.raises(ConfigError, match="carrier-pigeon"):
        runner.wait_until_ready()
    text = (folder / "function.yaml").read_text()
    (folder / "function.yaml").write_text(text.replace("carrier-pigeon", "http"))
    assert get(runner, "wrong")["project"] == "test"


def test_what_a_function_warns_of_again_and_again_is_told_once(
    project: Path, runner: Runner, told: list[str]
) -> None:
    main = """
        def handler(context, event):
            context.logger.warn("the disk is nearly full")
    """
    deploy(project, "warning", main, {"tick": cron_trigger("20ms")})
    runner.start()
    eventually(lambda: log_of(project, "warning").count("nearly full"), lambda count: count >= 5)
    eventually(lambda: told)
    assert told == ["warning: warning: the disk is nearly full"]


def test_a_function_that_prints_without_end_does_not_fill_the_disk(project: Path, told: list[str]) -> None:
    main = """
        def handler(context, event):
            for number in range(1000):
                print("some words, as code of anybody prints them", number)
                context.logger.error(f"a warning of the kind {chr(number)}")
    """
    deploy(project, "chatty", main, {"tick": cron_trigger("10ms")})
    most, logs = 100_000, project / ".modelmon" / "logs"
    with Runner(project, tell=lambda level, text: told.append(text), log_max_bytes=most):
        eventually(lambda: (logs / "chatty.log.1").exists())
        first = (logs / "chatty.log.1").stat().st_ino
        eventually(lambda: (logs / "chatty.log.1").stat().st_ino, lambda now: now != first)
        both = {"chatty.log", "chatty.log.1"}  # for a moment there is but the one that was put aside
        eventually(lambda: {path.name for path in logs.iterdir()}, lambda names: names == both)
    assert len(told) < 100


@pytest.mark.parametrize("made_anew", [False, True])
def test_a_state_folder_removed_under_a_runner_ends_it_and_nobody_runs_beside_it(
    project: Path, runner: Runner, made_anew: bool
) -> None:
    deploy(project, "stubborn", STUBBORN, {"http": HTTP})
    runner.start()
    runner.wait_until_ready()
    (worker,) = workers_of(project, "stubborn")
    shutil.rmtree(project / ".modelmon")
    if made_anew:
        (project / ".modelmon" / "functions").mkdir(parents=True)
    beside, refused = Runner(project), ""
    try:
        beside.start()
    except ConfigError as error:
        refused = str(error)
    if refused:
        assert "run already, by process" in refused
    else:  # on a busy machine the first has ended by then
        assert not is_alive(worker["pid"])
        beside.stop()
    with pytest.raises(ConfigError, match="was removed or replaced while its functions ran"):
        runner.wait()
    assert not is_alive(worker["pid"])
    with Runner(project) as again:
        again.wait_until_ready()


def test_until_idle_waits_for_every_message_and_then_ends(project: Path, runner: Runner) -> None:
    done = deploy_holding(project, hold=1)
    progress: list[str] = []
    runner.start()
    stream = events(runner, 300)
    runner.wait_until_idle(timeout=60, progress=progress.append)
    assert stream.lag("readers") == {0: 0}
    assert len(done.read_text().splitlines()) == 300
    assert progress[-1] == ""


def test_a_project_without_functions_is_idle(runner: Runner) -> None:
    runner.start()
    runner.wait_until_idle(timeout=30)


def test_waiting_for_idle_says_what_is_left_when_time_is_up(project: Path, runner: Runner) -> None:
    deploy_holding(project, hold=1000)
    runner.start()
    events(runner, 3)
    with pytest.raises(UnavailableError, match="holding has 3 messages to read"):
        runner.wait_until_idle(timeout=3)


def test_a_function_whose_configuration_is_wrong_ends_the_wait_for_idle(
    project: Path, runner: Runner
) -> None:
    deploy(
        project, "wrong",
        """
        from modelmon.errors import ConfigError, UnavailableError
        def init_context(context):
            raise ConfigError("the model is not there")
        def handler(context, event): pass
        """,
        {"http": HTTP},
    )  # fmt: skip
    runner.start()
    with pytest.raises(ConfigError, match="wrong does not start"):
        runner.wait_until_idle(timeout=60)
    assert "stopping: the model is not there" in log_of(project, "wrong")

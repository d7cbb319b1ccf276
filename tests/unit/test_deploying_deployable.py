"""What would keep a function from being deployed, or from working then, is a finding of the check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploying import HTTP, deploy, make_project
from function_yaml_mistakes import EVENTS, RIGHT
from modelmon.checked_yaml.findings import Finding
from modelmon.cli.check import checked
from modelmon.deploying.bundling import bundle, functions_to_bundle
from modelmon.deploying.checking.check import check_file, check_text
from modelmon.deploying.checking.code import EVERYTHING, names_in
from modelmon.deploying.checking.target import Target
from modelmon.deploying.deployable import check_function, target_of
from modelmon.deploying.plan import Plan, make_plan
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import template
from modelmon.settings import Settings
from modelmon.wheel import pack_wheel
from nuctl_stand_in import WHEEL

pytestmark = pytest.mark.slow  # starts processes


def plan_of(**settings: Any) -> Plan:
    given = {"project": "flights", "stream_path": "kafka://kafka:9092", **settings}
    return make_plan(Settings().changed(**given))


def write(folder: Path, text: str, code: str = "handler = print\n") -> Path:
    (folder / "main.py").write_text(code)
    (folder / "function.yaml").write_text(text)
    return folder / "function.yaml"


def errors(found: list[Finding]) -> list[str]:
    return [str(finding) for finding in found if finding.level == "error"]


NO_DOCUMENT = [
    ("date", "metadata:\n  name: a\nspec: 2001-13-45\n", 3, "a value that can't be read"),
    ("date-key", "metadata:\n  name: a\nspec:\n  2001-13-45: a\n", 4, "a value that can't be read"),
    ("number", "spec:\n  minReplicas: 0x_\n", 2, "a value that can't be read"),
    ("deep-list", "spec: " + "[" * 3000 + "]" * 3000, 1, "nested too deeply"),
    ("deep-mapping", "spec: " + "{a: " * 3000 + "}" * 3000, 1, "nested too deeply"),
]


@pytest.mark.parametrize(
    ("text", "line", "problem"), [entry[1:] for entry in NO_DOCUMENT], ids=[entry[0] for entry in NO_DOCUMENT]
)
def test_what_python_can_not_read_is_a_finding(text: str, line: int, problem: str) -> None:
    (found,) = [finding for finding in check_text(text, Target()) if problem in finding.problem]
    assert found.line == line


def test_a_tab_is_to_become_blanks() -> None:
    (found,) = check_text("spec:\n\thandler: main:handler\n", Target())
    assert (found.line, found.mend) == (2, "indent by blanks: YAML takes no tab")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("AllocationMode: static", "AllocationMode: pool", "workerAllocationMode"),
        ("initialOffset: earliest", "initialOffset: latest", "initialOffset"),
        ('topics: ["events"]', "topics: []", "topics"),
        ("consumerGroup: churn", "consumerGroup:", "consumerGroup"),
        ('brokers: ["kafka:9092"]', 'brokers: [""]', "brokers"),
    ],
    ids=["pool", "latest", "topics", "group", "brokers"],
)
def test_a_key_that_is_there_is_found_at_its_own_line(old: str, new: str, key: str) -> None:
    text = RIGHT.replace(old, new)
    (found,) = check_text(text, Target())
    line = next(number for number, each in enumerate(text.splitlines(), 1) if key in each)
    assert (found.key, found.line) == (f"{EVENTS}.attributes.{key}", line)


@pytest.mark.parametrize("topic", ["a b", "", "a/b", "ä"], ids=["blank", "empty", "slash", "letter"])
def test_a_topic_that_kafka_does_not_take_is_an_error(topic: str) -> None:
    (found,) = check_text(RIGHT.replace('["events"]', f'["{topic}"]'), Target())
    assert (found.key, "can't name a topic" in found.problem) == (f"{EVENTS}.attributes.topics[0]", True)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("sessionTimeout: 2s", True),
        ("heartbeatInterval: 10s", True),
        ("sessionTimeout: 5s\n        heartbeatInterval: 6s", True),
        ("sessionTimeout: 6s\n        heartbeatInterval: 2s", False),
        ("sessionTimeout: 30s", False),
    ],
    ids=["session", "heartbeat", "both", "right", "longer"],
)
def test_a_session_is_longer_than_a_heartbeat(given: str, wrong: bool) -> None:
    text = RIGHT.replace("initialOffset:", f"{given}\n        initialOffset:")
    found = errors(check_text(text, Target()))
    assert (len(found) == 1 and "never comes to rest" in found[0]) if wrong else found == []


SETTINGS = [
    ("number", "MODELMON_GRACE_SECONDS", '"abc"', True),
    ("least", "MODELMON_EVENTS_PARTITIONS", '"0"', True),
    ("choice", "MODELMON_DURABILITY", '"never"', True),
    ("right", "MODELMON_GRACE_SECONDS", '"7.5"', False),
    ("folder", "MODELMON_PROJECT_DIR", '"/modelmon"', False),
    ("own", "GRACE_SECONDS", '"abc"', False),
]


@pytest.mark.parametrize(
    ("name", "value", "wrong"), [entry[1:] for entry in SETTINGS], ids=[entry[0] for entry in SETTINGS]
)
def test_a_value_that_the_settings_refuse_is_an_error(name: str, value: str, wrong: bool) -> None:
    text = RIGHT.replace(
        "name: MODELMON_PROJECT\n      value: flights", f"name: {name}\n      value: {value}"
    )
    found = errors(check_text(text, Target()))
    assert (len(found) == 1 and "is refused by the function" in found[0]) if wrong else found == []


def test_an_empty_entry_of_the_environment_is_an_error() -> None:
    text = RIGHT.replace("- name: MODELMON_PROJECT\n      value: flights", "- {}")
    assert [finding.key for finding in check_text(text, Target())] == ["spec.env[0].name"]


CODE = [
    ("def", "def handler(context, event): pass", True),
    ("async", "async def handler(context, event): pass", True),
    ("tuple", "init_context, handler = make()", True),
    ("starred", "first, (second, *handler) = make()", True),
    ("typed", "handler: object = print", True),
    ("import", "from somewhere import other as handler", True),
    ("star", "from somewhere import *", True),
    ("try", "try:\n    from a import handler\nexcept ImportError:\n    handler = None", True),
    ("if", "if True:\n    pass\nelse:\n    def handler(): pass", True),
    ("getattr", "def __getattr__(name): return print", True),
    ("misspelt", "def handlr(context, event): pass", False),
    ("inner", "def make():\n    handler = 1\n    def handler(): pass", False),
    ("method", "class Made:\n    def handler(self): pass", False),
    ("read", "print(handler)", False),
    ("attribute", "import other\nother.handler = 1", False),
    ("empty", "", False),
]


@pytest.mark.parametrize(("code", "there"), [entry[1:] for entry in CODE], ids=[entry[0] for entry in CODE])
def test_the_handler_is_looked_for_in_its_module(tmp_path: Path, code: str, there: bool) -> None:
    found = errors(check_file(write(tmp_path, RIGHT, code), Target()))
    assert (found == []) if there else (len(found) == 1 and "main.py has no handler" in found[0])
    assert ("handler" in names_in(code) or EVERYTHING in names_in(code)) == there


def test_a_misspelt_handler_is_told_the_right_one(tmp_path: Path) -> None:
    (found,) = check_file(write(tmp_path, RIGHT.replace("main:handler", "main:handlr")), Target())
    assert (found.line, found.mend) == (8, "did you mean handler?")


def test_a_module_that_is_no_python_is_an_error(tmp_path: Path) -> None:
    (found,) = check_file(write(tmp_path, RIGHT, "a = 1\ndef handler(:\n"), Target())
    assert "no Python" in found.problem
    assert "line 2" in found.problem


class TestCheckedAsDeployed:
    def test_more_workers_than_partitions(self) -> None:
        settings = Settings(project="flights", stream_workers=5, events_partitions=2)
        _, found = checked([template("stream")], settings, "")
        assert len(errors(found)) == 1
        assert "5 times 1 replicas makes 5 workers for 2 partitions" in errors(found)[0]
        assert errors(checked([template("stream")], Settings(project="flights"), "")[1]) == []

    @pytest.mark.parametrize(
        "name", ["stream", "writer", "apps/histogram_drift"], ids=["stream", "writer", "app"]
    )
    def test_another_consumer_group_than_ours_is_a_warning(self, tmp_path: Path, name: str) -> None:
        text = (template(name) / "function.yaml").read_text()
        line = next(each for each in text.splitlines() if "consumerGroup" in each)
        path = write(tmp_path, text.replace(line, f"{line.partition(':')[0]}: mine"))
        own = {"stream": "modelmon-stream", "writer": "modelmon-writer"}.get(name, "drift")
        (found,) = [each for each in check_function(path, own, plan_of()) if each.level == "warning"]
        group = {"drift": "modelmon-app-drift"}.get(own, own)
        assert f"is not flights-{group}, by which" in found.problem
        assert check_function(write(tmp_path, text), own, plan_of()) == []

    def test_a_function_of_ones_own_reads_events_in_a_group_of_its_own(self, tmp_path: Path) -> None:
        path = write(tmp_path, RIGHT.replace('"events"', '"${events_stream}"'))
        assert [each.problem for each in check_function(path, "churn", plan_of(events_partitions=2))] == []

    def test_what_rendering_refuses(self, tmp_path: Path) -> None:
        text = RIGHT.replace('["events"]', '["${events_stream}", "${writer_stream}"]')
        path, plan = write(tmp_path, text), plan_of(stream_path="v3io:///users/flights", writer_partitions=2)
        (found,) = check_function(path, "churn", plan)
        assert "can't be deployed: topics: a V3IO trigger reads one stream" in found.problem
        assert found.file == str(tmp_path / "function.yaml")

    def test_a_folder_that_a_bundle_has_made_is_still_right(self, tmp_path: Path) -> None:
        pack_wheel(tmp_path)
        plan = plan_of()
        bundle(plan, {"modelmon-stream": template("stream")}, tmp_path / "out", tmp_path / WHEEL)
        path = tmp_path / "out" / "modelmon-stream" / "function.yaml"
        assert check_function(path, "modelmon-stream", plan) == []

    def test_whatever_the_check_takes_is_bundled(self, tmp_path: Path) -> None:
        """Each key of a right file, left empty in its turn."""
        pack_wheel(tmp_path)
        lines = RIGHT.splitlines()
        for number, line in enumerate(lines):
            if not line.rstrip().endswith(":") and ": " not in line:
                continue
            indent = len(line) - len(line.lstrip())
            rest = lines[number + 1 :]
            below = 0
            while below < len(rest) and len(rest[below]) - len(rest[below].lstrip()) > indent:
                below += 1
            text = "\n".join([*lines[:number], line.partition(":")[0] + ":", *rest[below:]]) + "\n"
            folder = tmp_path / str(number)
            folder.mkdir()
            found = errors(check_function(write(folder, text), "churn", plan_of()))
            if found:
                with pytest.raises(ConfigError):
                    bundle(plan_of(), {"churn": folder}, tmp_path / "out", tmp_path / WHEEL)
            else:
                bundle(plan_of(), {"churn": folder}, tmp_path / "out", tmp_path / WHEEL)

    def test_a_target_knows_streams_by_name_and_by_topic(self) -> None:
        target = target_of(plan_of(events_partitions=3), "modelmon-stream", None)
        assert (target.partitions["events"], target.partitions["flights-events"]) == (3, 3)
        assert target.groups["flights-events"] == "flights-modelmon-stream"
        assert "writer" not in target.groups


def test_a_function_yaml_that_is_no_text_is_a_finding_of_the_check_and_refused(tmp_path: Path) -> None:
    make_project(tmp_path, nuclio_brokers="kafka:9092")
    folder = deploy(tmp_path, "web", "handler = print", {"http": HTTP})
    (folder / "function.yaml").write_bytes(b"metadata:\n  name: f\xfcr\n")
    settings = Settings.load(tmp_path)
    _, found = checked([folder], settings, "")
    assert "function.yaml:2: error: the file can't be read: line 2 has the byte 0xfc" in errors(found)[0]
    with pytest.raises(ConfigError, match="can't be read"):
        bundle(make_plan(settings), functions_to_bundle(settings), tmp_path / "out", tmp_path / WHEEL)

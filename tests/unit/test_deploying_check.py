"""`modelmon check`: each mistake that Nuclio takes without a word is named with its line and the mend."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from function_yaml_mistakes import EVENTS, MISTAKES, RIGHT, TWICE, V3IO, WARNINGS
from modelmon.checked_yaml.findings import Finding
from modelmon.deploying.checking.check import check_file, check_text, files_in
from modelmon.deploying.checking.target import Target
from modelmon.errors import ConfigError
from modelmon.function_spec.platforms import KUBE, LOCAL


def check(text: str, target: Target | None = None, level: str = "error") -> list[Finding]:
    found = check_text(text, target or Target(), {"name": "churn"})
    return [finding for finding in found if finding.level == level]


def mistaken(old: str, new: str) -> str:
    if new == "«env»":
        return RIGHT.replace("  env:\n    - name: MODELMON_PROJECT\n      value: flights\n", TWICE)
    assert old in RIGHT
    return RIGHT.replace(old, new, 1)


def test_a_right_file_has_neither_errors_nor_warnings() -> None:
    assert check_text(RIGHT, Target(KUBE)) == []


@pytest.mark.parametrize(
    ("old", "new", "key", "problem", "mend"),
    [entry[1:] for entry in MISTAKES],
    ids=[entry[0] for entry in MISTAKES],
)
def test_a_mistake_is_named_with_its_key_the_problem_and_the_mend(
    old: str, new: str, key: str, problem: str, mend: str
) -> None:
    found = [str(each) for each in check(mistaken(old, new))]
    assert any(key in each and problem in each and mend in each.rpartition("; ")[2] for each in found), found


@pytest.mark.parametrize(
    ("new", "line"),
    [("minReplicas: two", 13), ("minReplicas: 1\n  avatar: x", 14), ("minReplicas: 1\n  minReplicas: 1", 14)],
    ids=["value", "key", "twice"],
)
def test_a_finding_has_the_line_of_the_key(new: str, line: int) -> None:
    assert [finding.line for finding in check(RIGHT.replace("minReplicas: 1", new))] == [line]


@pytest.mark.parametrize(
    ("old", "new", "problem"), [entry[1:] for entry in WARNINGS], ids=[entry[0] for entry in WARNINGS]
)
def test_what_may_be_meant_so_is_a_warning(old: str, new: str, problem: str) -> None:
    text = mistaken(old, new).replace("3.11-slim", "3.9-slim" if "3.9" in new else "3.11-slim")
    assert [finding for finding in check(text) if "another Python" not in finding.problem] == []
    found = [str(each) for each in check(text, level="warning")]
    assert any(problem in each for each in found), found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("minReplicas: 1", "minReplicas: 2", None),
        ("        streamPath: /flights/events\n", "", "is missing"),
        ("      url: http://v3io-webapi:8081\n", "", "is missing"),
        ("seekTo: earliest", "seekTo: start", "is unknown"),
        ("maxReplicas: 2", "maxReplicas: 3", "V3IO streams don't scale"),
    ],
    ids=["right", "path", "url", "seek", "scale"],
)
def test_a_v3io_trigger_says_where_its_stream_is_and_does_not_scale(
    old: str, new: str, problem: str | None
) -> None:
    text = RIGHT.replace("minReplicas: 1", "minReplicas: 2") + V3IO
    found = [str(finding) for finding in check(text.replace(old, new, 1))]
    assert found == [] if problem is None else any(problem in each for each in found)


def test_docker_leaves_secrets_out_without_a_word() -> None:
    secret = "    - name: OWN\n      valueFrom: {secretKeyRef: {name: a, key: b}}\n"
    text = RIGHT.replace("  minReplicas", f"{secret}  envFrom: [{{secretRef: {{name: a}}}}]\n  minReplicas")
    assert check(text) == check(text, level="warning") == []
    found = [finding.key for finding in check(text, Target(LOCAL, as_it_stands=False), "warning")]
    assert found == ["spec.env[1].valueFrom", "spec.envFrom", "spec.maxReplicas"]


RESTART = "  platform: {attributes: {restartPolicy: {name: always, maximumRetryCount: 0}}}\n  minReplicas"


def test_a_function_that_docker_would_not_start_again_is_a_warning() -> None:
    right = RIGHT.replace("maxReplicas: 2", "maxReplicas: 1")
    right = right.replace("kind: http", "kind: http\n      attributes: {port: 8085}")
    (found,) = check(right, Target(LOCAL), "warning")
    assert (found.key, found.line) == ("spec.platform.attributes.restartPolicy", 7)
    assert "a crash or a restart of Docker ends the function for good" in found.problem
    assert check(right, Target(LOCAL, as_it_stands=False), "warning") == []
    assert check(right, Target(KUBE), "warning") == []
    assert check(right.replace("  minReplicas", RESTART), Target(LOCAL), "warning") == []
    never = right.replace("  minReplicas", RESTART.replace("always", '"no"'))
    (found,) = check(never, Target(LOCAL, as_it_stands=False), "warning")
    assert (found.value, "starts no container again" in found.problem) == ("'no'", True)


@pytest.mark.parametrize(
    "replicas", ["  maxReplicas: 2", "  minReplicas: 2", "  minReplicas: 2\n  maxReplicas: 2"]
)
def test_replicas_that_docker_does_not_run_are_a_warning(replicas: str) -> None:
    text = RIGHT.replace("  minReplicas: 1\n  maxReplicas: 2", replicas)
    (found,) = check(text, Target(LOCAL, as_it_stands=False), "warning")
    assert (found.value, "Docker runs one container" in found.problem) == ("2", True)
    assert check(text, Target(KUBE), "warning") == []


def test_workers_are_counted_without_the_replicas_that_docker_does_not_run() -> None:
    assert check(RIGHT, Target(LOCAL, partitions={"events": 1})) == []


def test_a_version_that_a_cluster_does_not_serve_is_a_warning_where_it_goes_to_one() -> None:
    text = RIGHT.replace("nuclio.io/v1beta1", "nuclio.io/v1")
    (found,) = check(text, Target(KUBE), "warning")
    assert (found.key, found.mend) == ("apiVersion", "write nuclio.io/v1beta1")
    assert check(text, Target(), "warning") == check(text, Target(KUBE, as_it_stands=False), "warning") == []


def test_a_port_that_docker_changes_at_each_start_is_a_warning() -> None:
    text = RIGHT.replace("  minReplicas", RESTART).replace("maxReplicas: 2", "maxReplicas: 1")
    (found,) = check(text, Target(LOCAL), "warning")
    assert (found.key, "another one at each start" in found.problem) == (
        "spec.triggers.http.attributes.port",
        True,
    )
    for attributes in ("{port: 8085}", "{disablePortPublishing: true}"):
        named = text.replace("kind: http", f"kind: http\n      attributes: {attributes}")
        assert check(named, Target(LOCAL), "warning") == []
    assert (
        check(text, Target(LOCAL, as_it_stands=False), "warning")
        == check(text, Target(KUBE), "warning")
        == []
    )


def test_a_port_of_a_node_is_one_that_a_cluster_gives() -> None:
    node = "kind: http\n      attributes: {port: 8080, serviceType: NodePort}"
    (found,) = check(RIGHT.replace("kind: http", node), Target(KUBE), "warning")
    assert (found.value, found.mend) == ("8080", "30000 to 32767")
    for right in (node.replace("8080", "30080"), node.replace(", serviceType: NodePort", "")):
        assert check(RIGHT.replace("kind: http", right), Target(KUBE), "warning") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("initialOffset: earliest", "initialOffset: Earliest"),
        ("initialOffset: earliest", "initialOffset: EARLIEST\n        balanceStrategy: RoundRobin"),
        ("interval: 10m", "interval: 10m\n        concurrencyPolicy: forbid"),
        ("  labels:", "  labels:\n    Own-Label: a"),
        ('      - "@nuclio', "      - pip install requests\n      - \"@nuclio"),
        ('      - "@nuclio', "      - curl -o /opt/nuclio/model.onnx https://a.example/m\n      - \"@nuclio"),
        ('- "@nuclio', "- curl -O https://a.example/o.txt\n      - pip install -r o.txt\n      - \"@nuclio"),
        ('      - "@nuclio', "      - pip install -r https://a.example/own.txt\n      - \"@nuclio"),
        ("    commands:", "    directives: {preCopy: [], postCopy: []}\n    commands:"),
        ("  minReplicas: 1", "  platform: {attributes: {network: own, mountMode: bind}}"),
    ],
    ids=["offset", "strategy", "policy", "label", "pip", "download", "fetched", "url", "empty", "network"],
)  # fmt: skip
def test_what_nuclio_takes_is_right(old: str, new: str) -> None:
    assert check(mistaken(old, new)) == []


def test_directives_of_real_images_are_right() -> None:
    commands = RIGHT[RIGHT.index("    commands:") : RIGHT.index("  triggers:")]
    directives = """    directives:
      preCopy:
        - kind: USER
          value: root
        - kind: WORKDIR
          value: /opt/nuclio
        - kind: RUN
          value: curl -o /tmp/own.txt https://a.example/own.txt
        - kind: RUN
          value: apt-get update && pip install -r /tmp/own.txt && ln -s /usr/bin/pip3 /opt/nuclio/pip
      postCopy:
        - {kind: RUN, value: pip install -r /opt/nuclio/requirements.txt}
"""
    assert check(RIGHT.replace(commands, directives)) == []


def test_a_function_of_the_kind_that_people_have_is_right() -> None:
    text = """
metadata:
  name: pth-detector
  annotations:
    name: A detector
    spec: |
      [{"id": 1, "name": "person"}]
spec:
  description: Finds persons
  runtime: 'python:3.10'
  handler: main:handler
  eventTimeout: 30s
  build:
    image: own.detector:latest-gpu
    baseImage: own/with-cuda:2.1.2-cuda12.1
    directives:
      preCopy:
        - {kind: ENV, value: 'MODEL="large.pt"'}
        - {kind: RUN, value: 'apt-get update && apt-get -y install python3-pip'}
        - {kind: WORKDIR, value: /opt/nuclio}
        - {kind: COPY, value: . .}
        - {kind: RUN, value: pip3 install -r requirements.txt}
  triggers:
    myHttpTrigger:
      maxWorkers: 2
      kind: 'http'
      workerAvailabilityTimeoutMilliseconds: 10000
      attributes:
        maxRequestBodySize: 33554432
  resources:
    limits:
      nvidia.com/gpu: 1
  platform:
    attributes:
      restartPolicy:
        name: always
        maximumRetryCount: 3
      mountMode: volume
"""
    assert check(text, Target(LOCAL)) == []
    found = [each.key.rpartition(".")[2] for each in check(text, Target(LOCAL), "warning")]
    assert found == ["port", "maxWorkers"]


def test_code_in_the_file_needs_no_module_beside_it(tmp_path: Path) -> None:
    code = base64.b64encode(b"def handler(context, event):\n    return ''\n").decode()
    text = RIGHT.replace("    baseImage", f"    functionSourceCode: {code}\n    baseImage")
    assert check(text, Target(folder=tmp_path)) == []


def test_workers_that_no_partition_is_left_for_are_an_error() -> None:
    assert check(RIGHT, Target(partitions={"events": 2})) == []
    (found,) = check(RIGHT, Target(partitions={"events": 1}))
    assert (found.key, "2 workers for 1 partitions" in found.problem) == (f"{EVENTS}.numWorkers", True)
    (uneven,) = check(RIGHT, Target(partitions={"events": 3}), "warning")
    assert "some have more to do" in uneven.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "is no YAML"),
        ("", "is no function.yaml"),
        ("- a", "is no function.yaml"),
        ("spec: &a {b: *a}", "holds itself"),
    ],
    ids=["broken", "empty", "list", "itself"],
)
def test_what_is_no_function_yaml_is_said_to_be_none(text: str, problem: str) -> None:
    assert any(problem in finding.problem for finding in check(text))


def test_the_module_of_the_handler_has_to_be_there(tmp_path: Path) -> None:
    path = tmp_path / "function.yaml"
    path.write_text(RIGHT)
    (found,) = check_file(path, Target())
    assert (found.key, found.file, found.line) == ("spec.handler", str(path), 8)
    (tmp_path / "main.py").write_text("handler = print\n")
    assert check_file(path, Target()) == []


def test_a_folder_without_a_function_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".being-written").mkdir()
    (tmp_path / ".being-written" / "function.yaml").touch()
    with pytest.raises(ConfigError, match=r"no function\.yaml there"):
        files_in([tmp_path])


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.text(max_size=3) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "kind", "http", "a"]), inner)
    ),
    max_leaves=5,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [place]
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return found + [each for key, inner in entries for each in places(inner, (*place, key))]


ALL = yaml.safe_load(RIGHT + V3IO)


@settings(deadline=None)
@given(st.sampled_from(places(ALL)[1:]), anything)
def test_whatever_stands_in_a_place_the_check_ends_with_findings(place: tuple[Any, ...], value: Any) -> None:
    document = yaml.safe_load(RIGHT + V3IO)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    for finding in check_text(yaml.safe_dump(document), Target(LOCAL, {"events": 1})):
        assert finding.line >= 1
        assert finding.problem
        assert finding.mend

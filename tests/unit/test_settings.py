"""Where settings come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelmon.errors import ConfigError
from modelmon.settings import Settings
from modelmon.streams.subscriptions import events_of, reports_of, windows_of


def project(folder: Path, text: str) -> Path:
    (folder / "modelmon.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_environment_wins_over_the_file_and_an_override_over_both(tmp_path: Path) -> None:
    folder = project(tmp_path, "base_period: 20\ngrace_seconds: 5\nproject: p\n")
    settings = Settings.load(folder, {"MODELMON_BASE_PERIOD": "30", "MODELMON_PROJECT": "q"}, project="r")
    assert (settings.base_period, settings.grace_seconds, settings.project) == (30, 5.0, "r")


def test_the_environment_of_a_function_gives_the_same_settings(tmp_path: Path) -> None:
    settings = Settings.load(project(tmp_path, "base_period: 20\nproject: p\n"), {})
    assert Settings.load(None, settings.environment()) == settings


def test_locations_default_to_the_project_folder_and_fail_one_by_one(tmp_path: Path) -> None:
    settings = Settings.load(project(tmp_path, "project: p\n"), {})
    assert settings.location("records_url") == f"sqlite:///{tmp_path}/.modelmon/records.db"
    assert settings.location("series_url") == settings.location("records_url")
    assert settings.events_url == f"sqlite:///{tmp_path}/.modelmon/streams/events"
    elsewhere = Settings.load(None, {"MODELMON_STREAM_PATH": "memory://"})
    assert elsewhere.app_url("drift") == "memory://app-drift"
    with pytest.raises(ConfigError, match="MODELMON_SAMPLES_PATH"):
        elsewhere.location("samples_path")


def test_an_empty_file_will_do_where_the_environment_names_the_project(tmp_path: Path) -> None:
    assert Settings.load(project(tmp_path, ""), {"MODELMON_PROJECT": "p"}).project == "p"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("base_periode: 10", r"modelmon.yaml: unknown setting 'base_periode'; did you mean base_period\?$"),
        ("Durability: power", r"unknown setting 'Durability'; did you mean durability\?$"),
        ("colour: red", r"unknown setting 'colour'; 'Settings' in the docs lists them$"),
        ("base_period: ten", "base_period: expected int, got 'ten'"),
        ("base_period: 10.7", "base_period: expected int, got 10.7"),
        ("base_period: 0", "base_period: must be a number of at least 1, got 0"),
        ("grace_seconds: .nan", "grace_seconds: must be a number of at least 0, got nan"),
        ("grace_seconds: .inf", "grace_seconds: must be a number of at least 0, got inf"),
        ("grace_seconds: true", "grace_seconds: expected float, got True"),
        ("base_period: [1]", r"base_period: expected int, got \[1\]"),
        ("http_port: 99999", "http_port: must be a number from 0 to 65535, got 99999"),
        ("stream_path: kafka://", "stream_path: names no broker; write kafka://host:9092"),
        ("events_stream: kafka:///", "events_stream: names no broker"),
        ("durability: fast", "durability: must be one of power, process, got 'fast'"),
        ("project: My Project", "'My Project' is not a project name"),
        ("- a\n- b", "must hold `name: value` lines, got a list"),
        ("a: [", "is not YAML"),
        ("", r"modelmon.yaml is empty; write `project: NAME` into it"),
        ("# project: p\n", "modelmon.yaml is empty"),
        ("project: p\n\nproject: q", "modelmon.yaml: line 3 gives project again, after line 1; leave one"),
        ("{project: p, project: q}", "line 1 gives project again, after line 1"),
        ("pass:word-1: a\npass:word-1: a", "line 2 gives the same name again, after line 1"),
    ],
)
def test_a_wrong_file_is_refused_with_the_value_and_what_is_right(
    text: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=says):
        Settings.load(project(tmp_path, text), {})


def test_a_folder_that_no_url_can_name_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "what?"
    folder.mkdir()
    with pytest.raises(ConfigError, match="holds a '\\?'"):
        Settings.load(project(folder, "project: p\n"), {})


def test_projects_that_share_brokers_have_streams_and_groups_of_their_own() -> None:
    one, two = (Settings(project=name, stream_path="kafka://broker:9092") for name in ("one", "two"))
    for read in (events_of, reports_of, lambda settings: windows_of(settings, "drift")):
        assert {read(one).url, read(one).group}.isdisjoint({read(two).url, read(two).group})
    assert events_of(one).url == "kafka://broker:9092/one-events"
    assert windows_of(one, "drift").group == "one-modelmon-app-drift"


def test_a_topic_that_is_named_by_url_is_taken_as_it_is_and_read_by_a_group_of_ones_own() -> None:
    settings = Settings(project="one", project_dir="/p", events_stream="kafka://broker:9092/shared.topic")
    assert events_of(settings).url == "kafka://broker:9092/shared.topic"
    assert events_of(settings).group == "one-modelmon-stream"
    assert reports_of(settings).group == "modelmon-writer"  # on SQLite, in the project's own folder


@pytest.mark.parametrize("url", ["kafka://broker:9092", "kafka://broker:9092/"])
def test_brokers_without_a_topic_mean_the_project_s_events(url: str) -> None:
    assert Settings(project="one", project_dir="/p").stream_url(url) == "kafka://broker:9092/one-events"
    assert Settings(project="one").stream_url(f"{url}?topic=theirs") == f"{url}?topic=theirs"


@pytest.mark.parametrize(
    "value",
    ["app-{0}", "app-{}", "app-{name", "app-}", "{name.x}", "{name[0]}", "{name!r}", "{name:>9}", "{other}"],
)
def test_a_template_of_streams_has_the_app_s_name_and_no_other_braces(value: str) -> None:
    with pytest.raises(ConfigError, match=r"app_stream: the only braces that it may have are \{name\}"):
        Settings(app_stream=value)


def test_the_template_of_streams_puts_the_app_in() -> None:
    settings = Settings(stream_path="memory://", app_stream="apps.{name}.v1")
    assert settings.app_url("drift") == "memory://apps.drift.v1"

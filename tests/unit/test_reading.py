"""What a project's page shows, read by a program: on its own machine and from another one alike."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from made_api import SMALL, UNTIL_US, asked_in_its_time
from made_project import APP, Made, make
from modelmon.client import RemoteProject
from modelmon.errors import ConfigError
from modelmon.model import from_us
from modelmon.model_monitoring import reading
from modelmon.model_monitoring.reading import ReadProject
from modelmon.project import Project, get_or_create_project
from unit.test_client import URL, through

FIRST, SECOND = f"{0:032x}", "model-0001"
END = from_us(UNTIL_US)
SPAN = (END - timedelta(hours=6), END)
WINDOW = END - timedelta(hours=2)
NAMES = [f"made.{APP}.result.general_drift", "made.mlrun-infra.metric.invocations"]
CALLS: dict[str, tuple[Any, ...]] = {
    "get_overview": SPAN, "get_features": (FIRST, WINDOW), "list_metrics": (FIRST,),
    "get_metrics_values": (FIRST, NAMES, *SPAN),
    "get_traffic": (SECOND, *SPAN), "list_windows": (SECOND, "", 5, WINDOW),
    "list_deployments": (FIRST, END - timedelta(days=9), END),
    "get_comparison": (FIRST, SECOND, *SPAN, WINDOW),
    "list_app_runs": (APP,), "list_app_artifacts": (FIRST,), "list_logged_artifacts": (),
    "read_logged_artifact": ("note.txt",),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make(tmp_path_factory.mktemp("made") / "p", SMALL)
    here = get_or_create_project("made", context=made.settings.project_dir)
    here.log_artifact("note.txt", body="seven", labels={"of": "june"})
    return made


@pytest.fixture
def here(made: Made, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(reading, "wall_clock_us", lambda: made.now_us)
    return get_or_create_project("made", context=made.settings.project_dir)


@pytest.fixture
def there(made: Made) -> Iterator[RemoteProject]:
    with asked_in_its_time(made) as client, RemoteProject("made", URL, transport=through(client)) as project:
        yield project


def test_every_reading_is_tried_here() -> None:
    public = {name for name, _ in inspect.getmembers(ReadProject, inspect.isfunction) if name[0] != "_"}
    assert public - {"read_artifact"} == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_both_machines_read_the_same(here: Project, there: RemoteProject, name: str) -> None:
    ours, theirs = (getattr(project, name)(*CALLS[name]) for project in (here, there))
    assert theirs == ours
    assert ours or name in ("list_deployments",)


def test_values_are_drawn_in_a_notebook(here: Project) -> None:
    found = here.get_metrics_values(*CALLS["get_metrics_values"])
    assert [len(each.values) for each in found] == [6, len(found[1].values)]
    assert "<svg" in found._repr_html_()


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("get_traffic", ("modl-0001",), "there is no 'modl-0001'; did you mean model-0001"),
        ("get_traffic", (SECOND, END, END), "start: 2026-01-01 00:00 is not before the end"),
        ("get_traffic", (SECOND, "yesterday"), "start: "),
        ("get_metrics_values", (SECOND, []), "give 1 to 100 full names, got 0"),
        ("get_metrics_values", (SECOND, ["drift"]), "'drift' is no full name; write it as made"),
        ("list_windows", (SECOND, "drfit"), "application: there is no app 'drfit'"),
        ("get_comparison", (SECOND, SECOND), "is (chosen|named) twice"),
        ("get_features", (SECOND, "1999-01-01"), "has no window at 1999-01-01 00:00 UTC"),
        ("read_logged_artifact", ("not.txt",), "no artifact 'not.txt' was logged.*did you mean note.txt"),
    ],
)
def test_both_machines_refuse_the_same(
    here: Project, there: RemoteProject, name: str, arguments: tuple[Any, ...], said: str
) -> None:
    for project in (here, there):
        with pytest.raises(ConfigError, match=said):
            getattr(project, name)(*arguments)

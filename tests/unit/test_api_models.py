"""The page of models: every endpoint once, page after page, with its reference."""

from __future__ import annotations

from pathlib import Path

import pytest

import project_support
from api_client import ApiClient, addresses
from made_pages import rows_of
from made_project import Made, Shape, make
from modelmon.api.screens import models
from modelmon.ledger.records import open_records
from modelmon.views.models import list_models
from project_support import frame
from query_counter import counted

UNTIL_US = 1_767_225_600_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made") / "project", Shape(UNTIL_US, days=2))


def test_every_endpoint_is_on_one_page_once(made: Made) -> None:
    records, found, after = open_records(made.settings), [], ""
    with records.read() as connection:
        while True:
            page = list_models(connection, 7, after)
            found += [each.endpoint_id for each in page.models]
            after = page.after
            if not after:
                break
        with counted(records) as work:
            list_models(connection, 7, found[6])
    records.close()
    assert sorted(found) == [f"{number:032x}" for number in range(30)]
    assert work.statements <= 2


def test_the_page_says_what_a_model_is_compared_with(made: Made) -> None:
    client = ApiClient(made.settings)
    page = client.get(f"/projects/{made.settings.project}/models").text
    client.close()
    assert page.count("<tr>") == 31
    assert " rows</td>" in page


def test_a_model_that_was_logged_is_there_before_anybody_serves_it(tmp_path: Path) -> None:
    project = project_support.make(tmp_path / "project", private="late")
    project.log_model("delays", body=b"7", model_file="sub/w.txt", training_set=frame(), label_column="late")
    project.log_model("bare", body=b"1", model_file="m.bin", inputs=["<b>"])
    client = ApiClient(project.settings)
    page = client.get("/projects/flights/models").text
    bare, delays = rows_of(page.split('id="logged"')[1])
    assert delays == "delays – 3 rows a, b – w.txt 1 bytes"
    assert bare == "bare – none: log it with training_set= <b> – m.bin 1 bytes"
    (place,) = [each for each in addresses(page, ["href="]) if "w.txt" in each]
    assert client.get(place).content == b"7"
    assert "No model is served yet" not in page
    client.close()


def test_logged_models_come_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "LOGGED", 2)
    project = project_support.make(tmp_path / "project")
    for key in ("a", "b", "c"):
        project.log_model(key, body=b"1", model_file="m.bin", inputs=["x"])
    client = ApiClient(project.settings)
    page = client.get("/projects/flights/models?range=7d").text
    (more,) = [each for each in addresses(page, ["href="]) if "logged-after" in each]
    assert "range=7d" in more
    last = client.get(more.replace("&amp;", "&")).text
    assert [each[0] for each in rows_of(last.split('id="logged"')[1])] == ["c"]
    assert "logged-after=" not in last.replace("logged-after=b", "")
    client.close()

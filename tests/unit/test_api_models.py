"""The page of models: every endpoint once, page after page, with its reference."""

from __future__ import annotations

import pytest

from api_client import ApiClient
from made_project import Made, Shape, make
from modelmon.ledger.records import open_records
from modelmon.views.models import list_models
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

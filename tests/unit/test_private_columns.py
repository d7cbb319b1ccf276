"""What the setting `private` names is shown nowhere: on no page, route, report, by no command, in no fact."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update
from typer.testing import CliRunner

from api_client import ApiClient, addresses
from made_pages import UNTIL_US, WORST, Pages
from made_project import Shape, make
from made_project.shape import APP
from modelmon.cli import app
from modelmon.ledger import dead_letters, incidents, outbox
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.incident_schema import incidents as incident_table
from modelmon.ledger.incident_schema import outbox as outbox_table
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import schema_changes, traffic, windows
from modelmon.model import DeadLetter, from_us
from modelmon.private_columns import NOT_SHOWN, shown_error, shown_extra, shown_reason
from modelmon.settings import Settings

QUERIES = "", "?feature-analysis=true", "?include-latest-metrics=true", f"?application={APP}"
PRIVATE, VALUE = "feature_03", "alice@example.org"
BROKEN = f"ValueError: column {PRIVATE} holds {VALUE}"
LETTER = DeadLetter(
    "events-id", 0, 7, 0, "events", WORST, f"request.inputs[0].{PRIVATE}",
    f"'{PRIVATE}' must be a number, got {VALUE!r}", json.dumps({PRIVATE: VALUE}).encode(),
    from_us(UNTIL_US),
)  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A project whose private column drifts most, is missing, has another type, and is what an app, a model
    and a message failed over."""
    made = Pages.__new__(Pages)
    folder = tmp_path_factory.mktemp("private") / "project"
    made.made = make(folder, Shape(UNTIL_US, endpoints=2, features=4, days=3), private=f"e_mail, {PRIVATE}")
    _break(made.made.settings)
    made.client = ApiClient(made.made.settings)
    yield made
    made.client.close()


def _break(settings: Settings) -> None:
    database = open_records(settings)
    with database.write() as connection:
        newest = select(func.max(windows.c.start_us)).where(windows.c.endpoint_id == WORST).scalar_subquery()
        connection.execute(
            update(windows)
            .where(windows.c.endpoint_id == WORST, windows.c.start_us == newest)
            .values(outcome="failed", error=BROKEN)
        )
        connection.execute(
            update(traffic)
            .where(traffic.c.endpoint_id == WORST)
            .values(last_error=BROKEN, last_error_us=UNTIL_US, errors=3)
        )
        for change, detail in (("missing", ""), ("retyped", "string, was double"), ("new", "string")):
            connection.execute(
                insert(schema_changes).values(
                    endpoint_id=WORST, column=PRIVATE, change=change, detail=detail, first_seen_us=UNTIL_US
                )
            )
        dead_letters.keep(connection, [LETTER])
    database.close()


def check(text: str, where: str) -> None:
    for said in (PRIVATE, VALUE):
        assert said not in text, f"{where}: …{text[max(0, text.index(said) - 200) :][:400]}…"


@pytest.mark.parametrize(
    "names",
    [r"\w+", pytest.param("name|metric|window|from|to|after", marks=pytest.mark.slow)],
    ids=["each page", "each link"],
)
def test_no_page_that_links_lead_to_names_it(pages: Pages, names: str) -> None:
    """Links that differ in the values of these names alone lead to the same page."""
    other = f"{1:032x}"
    beside = f"/projects/made/compare?endpoint={WORST}&endpoint={other}"
    left, seen = (
        [beside, "/projects/made/endpoints", f"/projects/made/endpoints/{WORST}/report.html"],
        set[tuple[str, frozenset[str]]](),
    )
    while left:
        address = html.unescape(left.pop()).partition("#")[0]
        path, _, query = address.partition("?")
        shape = (
            path,
            frozenset(re.sub(rf"^({names})=.*", r"\1", each) for each in query.split("&")) - {"range"},
        )
        if shape in seen or not address.startswith("/"):
            continue
        seen.add(shape)
        answer = pages.client.get(address)
        assert answer.status_code < 500, (address, answer.text)
        check(answer.text, address)
        if "text/html" in answer.headers.get("content-type", ""):
            left += [each for each in addresses(answer.text, ["href="]) if "static" not in each]
    assert len(seen) > 30


@pytest.mark.slow
def test_no_route_for_programs_names_it(pages: Pages) -> None:
    known = {"project": ["made"], "uid": [WORST], "name": ["model-0000", APP], "id": ["1"]}
    document = pages.client.get("/openapi.json").json()
    asked = 0
    for path, operations in document["paths"].items():
        if "get" not in operations or not path.startswith(("/api/", "/metrics", "/health")):
            continue
        names = re.findall(r"{(\w+)}", path)
        for values in product(*(known.get(each, ["1"]) for each in names)):
            address = path.format(**dict(zip(names, values, strict=True)))
            for query in QUERIES:
                answer = pages.client.get(address + query)
                check(answer.text, address + query)
                asked += answer.status_code == 200
    check(pages.client.get("/metrics").text, "/metrics")
    assert asked > 20


COMMANDS = (
    "status", "status --json", "status --values --json", "endpoint model-0000", "endpoint model-0000 --json",
    "incidents list",
    "incidents list --json", "incidents show 1", "incidents show 1 --json", "deadletters list",
    "deadletters list --json", "deadletters show events-i.0.7.0", "deadletters show events-i.0.7.0 --json",
    "disk", "health --json", "disk --json",
)  # fmt: skip


def test_no_command_names_it(pages: Pages) -> None:
    folder = str(pages.made.settings.project_dir)
    said = 0
    for command in COMMANDS:
        found = CliRunner().invoke(app, [*command.split(), "--project-dir", folder])
        check(found.output, command)
        said += found.exit_code == 0
    assert said >= 12, said


def test_no_fact_of_the_outbox_has_it_while_the_ledger_keeps_it_for_judging(pages: Pages) -> None:
    settings = pages.made.settings
    database = open_records(settings)
    with database.write() as connection, connection.begin_nested() as trial:
        assert PRIVATE in connection.scalar(select(incident_table.c.detail).limit(1))
        told = [incident_fact(settings, each) for each in incidents.resolve_app(connection, APP, UNTIL_US)]
        outbox.write(connection, told, UNTIL_US)
        written = [each.body for each in connection.execute(select(outbox_table))]
        trial.rollback()
    database.close()
    assert written
    for each in written:
        check(each, "the outbox")


def test_a_report_in_a_file_does_not_name_it(pages: Pages, tmp_path: Path) -> None:
    target, folder = tmp_path / "report.html", str(pages.made.settings.project_dir)
    given = ["report", "model-0000", "--output", str(target), "--project-dir", folder]
    assert CliRunner().invoke(app, given).exit_code == 0
    check(target.read_text(), "the report")


SETTINGS = Settings(private="e_mail, card_*")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("", ""),
        ("ValueError: could not convert 'a@b.org'", f"ValueError: {NOT_SHOWN}"),
        ("e_mail", NOT_SHOWN),
        ("no column e_mail", NOT_SHOWN),
    ],
)
def test_of_an_error_its_kind_is_shown(given: str, shown: str) -> None:
    assert shown_error(SETTINGS, given) == shown
    assert shown_error(Settings(), given) == given


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("request.inputs[0].e_mail", "request.inputs[0].(private)"),
        ("feature.card_number is missing, age too", "(private) is missing, age too"),
        ("'e_mail' stands twice", "(private) stands twice"),
        ("must be a number, got 4111", "must be a number, got (private)"),
        ("lies 3 days in the future", "lies 3 days in the future"),
    ],
)
def test_of_a_reason_what_is_private_is_taken_out(given: str, shown: str) -> None:
    assert shown_reason(SETTINGS, given) == shown
    assert shown_reason(Settings(), given) == given


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"feature": "card_number", "rows": 3}, {"rows": 3}),
        (
            {"worst": ["age", "e_mail"], "by": {"e_mail": {"psi": 1}, "age": 2}},
            {"worst": ["age"], "by": {"age": 2}},
        ),
        ({"told": "look at e_mail, age"}, {"told": "look at (private), age"}),
    ],
)
def test_of_extra_data_what_is_private_is_taken_out_however_deep(given: object, shown: object) -> None:
    assert json.loads(shown_extra(SETTINGS, json.dumps(given))) == shown

"""Lists of endpoints: filters, the counts of the chips, pages that go on whatever has changed in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, update

from made_project import Made, Shape, make
from made_project.shape import drifted_feature
from modelmon.errors import ConfigError
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import endpoints, verdicts
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointPage, EndpointQuery, list_endpoints

UNTIL_US = 1_767_225_600_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made") / "project", Shape(UNTIL_US))


@pytest.fixture
def connection(made: Made) -> Iterator[Connection]:
    """What a test writes is gone after it."""
    database = open_records(made.settings)
    with database._engine.connect() as connection:
        yield connection
        connection.rollback()
    database.close()


def listed(made: Made, connection: Connection, **query: object) -> EndpointPage:
    return list_endpoints(connection, Looking(made.now_us, made.settings), EndpointQuery(**query))


def names(page: EndpointPage) -> list[str]:
    return [each.endpoint_name for each in page.endpoints]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"text": "MODEL-0007"}, ["model-0007"]),
        ({"text": "serving-07"}, ["model-0007", "model-0019"]),
        ({"text": f"{7:032x}"}, ["model-0007"]),
        ({"text": "nothing like it"}, []),
        ({"labels": ["team=risk"], "text": "model-000"}, ["model-0001", "model-0004", "model-0007"]),
        ({"labels": ["team=none", "team=risk"], "text": "model-0007"}, ["model-0007"]),
        ({"labels": ["team"], "text": "model-0007"}, ["model-0007"]),
        ({"labels": ["owner"]}, []),
        ({"kinds": ["data_drift"], "text": "model-0007"}, ["model-0007"]),
        ({"kinds": ["concept_drift"]}, []),
        ({"modes": ["batch"]}, []),
        ({"modes": ["batch", "real_time"], "text": "model-0007"}, ["model-0007"]),
        ({"functions": ["serving-07"], "labels": ["team=risk"]}, ["model-0007", "model-0019"]),
    ],
)  # fmt: skip
def test_every_filter_lets_through_what_it_names(made, connection, query, found):
    assert sorted(names(listed(made, connection, **query))) == found


def test_a_filter_on_kinds_leaves_the_word_of_other_kinds_out(made, connection):
    worst = verdicts.c.endpoint_id == f"{0:032x}"
    connection.execute(
        update(verdicts).where(worst, verdicts.c.name == "general_drift").values(kind=2, status=0)
    )
    page = listed(made, connection, kinds=["model_performance"])
    assert [(each.endpoint_name, each.state) for each in page.endpoints] == [("model-0000", "no detection")]
    assert [each.result_name for each in page.endpoints] == ["general_drift"]


def test_chips_count_whatever_their_state_those_that_the_other_filters_let_through(made, connection):
    page = listed(made, connection, states=["detected"], labels=["team=search"])
    assert page.by_state == {"detected": 1}
    assert page.chips["detected"] == 1
    assert sum(page.chips.values()) == 10


def test_the_value_that_is_told_is_of_a_result_that_is_named(made, connection):
    worst, *_ = listed(made, connection).endpoints
    assert (worst.state, worst.application_name, worst.result_name) == (
        "detected", "histogram-data-drift", "feature_drift",
    )  # fmt: skip
    failed = listed(made, connection, states=["failed"]).endpoints[0]
    assert (failed.value, failed.result_name) == (None, "")


def test_pages_lie_behind_each_other(made, connection):
    seen, after = [], ""
    for _ in range(5):
        page = listed(made, connection, limit=7, after=after)
        seen += names(page)
        after = page.after
    assert after == ""
    assert seen == names(listed(made, connection))


def test_a_page_goes_on_after_an_endpoint_that_is_not_in_the_list_any_more(made, connection):
    first = listed(made, connection, limit=3, sort="name", labels=["team=search"])
    last = endpoints.c.endpoint_id == first.after
    connection.execute(update(endpoints).where(last).values(labels="{}"))
    second = listed(made, connection, limit=3, sort="name", labels=["team=search"], after=first.after)
    assert names(second) == ["model-0009", "model-0012", "model-0015"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"kinds": ["data-drift"]}, "kind: there is no 'data-drift'; did you mean data_drift?"),
        ({"modes": ["realtime"]}, "mode: there is no 'realtime'; did you mean real_time?"),
    ],
)
def test_a_filter_that_does_not_exist_is_refused_with_the_nearest(query, message):
    with pytest.raises(ConfigError, match="there is no") as error:
        EndpointQuery(**query)
    assert message in str(error.value)


@pytest.mark.parametrize(("many", "needle"), [(60, 51), pytest.param(500, 321, marks=pytest.mark.slow)])
def test_one_that_drifts_among_many_is_the_first_and_its_feature_is_named(tmp_path, many, needle):
    shape = Shape(UNTIL_US, endpoints=many, features=8, days=1, with_features=0, needle=needle)
    made = make(tmp_path / "project", shape)
    database = open_records(made.settings)
    with database.read() as connection:
        page = listed(made, connection, limit=2)
    database.close()
    assert [each.state for each in page.endpoints] == ["detected", "no detection"]
    assert page.endpoints[0].endpoint_name == f"model-{needle:04}"
    assert page.endpoints[0].why.startswith(f"{shape.feature_names[drifted_feature(shape, needle)]} 0.")

"""What Prometheus is told: the numbers of the views, bounded, and nothing that is no word of now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from api_client import ApiClient
from made_project import APP, Made, Shape, make
from modelmon.export.exposition import Family, text
from modelmon.export.prometheus import Scrape, families
from modelmon.ledger import latencies, messages
from modelmon.ledger.exporting import OTLP, Export, forget_export, note_judged, write_export
from modelmon.ledger.latencies import LatencyBucket
from modelmon.ledger.messages import KeptMessage
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import endpoints
from modelmon.model import BatchRange, WindowKey
from modelmon.settings import Settings
from modelmon.stores.series import open_series
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointQuery, list_endpoints
from modelmon.views.thresholds import thresholds_of
from query_counter import counted

UNTIL_US = 1_767_225_600_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made") / "project", Shape(UNTIL_US))


@pytest.fixture(scope="module")
def scrape(made: Made) -> Iterator[Scrape]:
    records, series = open_records(made.settings), open_series(made.settings)
    yield Scrape(records, series, made.settings, made.now_us)
    records.close()
    series.close()


def samples(said: str) -> dict[str, float]:
    found = re.findall(r"^(\w+(?:{.*})?) (\S+)$", said, re.MULTILINE)
    assert len({name for name, _ in found}) == len(found), "a sample is there twice"
    return {name: float(value) for name, value in found}


@pytest.mark.slow
def test_the_numbers_are_those_of_the_list(made: Made, scrape: Scrape) -> None:
    found = samples(text(families([scrape])))
    with scrape.database.read() as connection:
        page = list_endpoints(connection, Looking(made.now_us, made.settings), EndpointQuery())
    for each in page.endpoints:
        of = f'{{project="made",endpoint="{each.endpoint_name}"'
        assert found[f'modelmon_rows_total{of},outcome="stored"}}'] == each.stored
        assert found[f'modelmon_endpoint_state{of},state="{each.state}"}}'] == 1
        for kind, status in each.status.items():
            assert found[f'modelmon_status{of},kind="{kind}"}}'] == status
        for verdict in each.verdicts:
            name = f'modelmon_result{of},application="{APP}",result="{verdict.result_name}"}}'
            assert found.get(name) == (None if verdict.stale else verdict.result_value)
    states = {name: value for name, value in found.items() if name.startswith("modelmon_endpoints{")}
    assert sum(states.values()) == page.total


def test_of_too_many_endpoints_the_worst_are_there_and_it_says_so(made: Made, scrape: Scrape) -> None:
    few = Settings.load(
        project="made", project_dir=made.settings.project_dir, environ={}, base_period=60,
        metrics_max_endpoints=3,
    )  # fmt: skip
    found = samples(text(families([replace(scrape, settings=few)])))
    infos = [name for name in found if name.startswith("modelmon_endpoint_info")]
    assert len(infos) == 3
    assert found['modelmon_metrics_truncated{project="made"}'] == 1
    states = [name for name in found if name.startswith("modelmon_endpoint_state")]
    assert all(re.search(r'state="(detected|failed|suspected)"', name) for name in states)


@pytest.mark.slow
def test_a_scrape_asks_as_much_whatever_lies_in_the_past(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    work = []
    for days in (2, 8):
        made = make(tmp_path_factory.mktemp("made") / "project", Shape(UNTIL_US, endpoints=10, days=days))
        records, series = open_records(made.settings), open_series(made.settings)
        with counted(records) as done:
            families([Scrape(records, series, made.settings, made.now_us)])
        records.close()
        series.close()
        work.append(done)
    assert work[0].statements == work[1].statements
    assert work[1].steps <= 1.2 * work[0].steps + 50


def test_labels_are_escaped_and_a_missing_value_has_no_sample() -> None:
    family = Family("x", "gauge", "Words.")
    family.add(1.5, a='q"uo\\te\nline')
    family.add(None, a="b")
    assert text([family]).splitlines()[2:] == [r'x{a="q\"uo\\te\nline"} 1.5']
    assert text([Family("y", "gauge", "Words.")]) == ""


def test_a_histogram_is_cumulative_and_ends_with_all_there_are() -> None:
    family = Family("x", "histogram", "Words.")
    family.add_histogram({0.000256: 1, 0.5: 3}, 4, 2.25, project="p")
    assert text([family]).splitlines()[1:] == [
        "# TYPE x histogram",
        'x_bucket{project="p",le="0.000256"} 1',
        'x_bucket{project="p",le="0.5"} 3',
        'x_bucket{project="p",le="+Inf"} 4',
        'x_sum{project="p"} 2.25',
        'x_count{project="p"} 4',
    ]


def test_latencies_of_all_endpoints_are_one_histogram_from_the_first_scrape_on(tmp_path: Path) -> None:
    settings = Settings.load(project="shop", project_dir=str(tmp_path), environ={})
    records, series = open_records(settings), open_series(settings)
    before = latency_samples(Scrape(records, series, settings, UNTIL_US))
    with records.write() as connection:
        for partition in range(2):
            found = {0: LatencyBucket(1, 0), 10: LatencyBucket(1, 1_000), 11: LatencyBucket(1, 1_024)}
            longest = {27: LatencyBucket(1, 100_000_000)}
            latencies.add(connection, BatchRange("stream", partition, 0, 0), found | longest)
    after = latency_samples(Scrape(records, series, settings, UNTIL_US))
    records.close()
    series.close()
    assert set(before.values()) == {0}
    assert before.keys() == after.keys()
    assert after.pop("count") == after["+Inf"] == 8
    assert after.pop("sum") == pytest.approx(2 * 100.002024)
    counts = [after[limit] for limit in sorted(after, key=float)]
    assert counts == sorted(counts)
    assert [after[limit] for limit in ("0.000256", "0.001024", "0.004096", "67.108864")] == [2, 4, 6, 6]


def latency_samples(scrape: Scrape) -> dict[str, float]:
    """By limit, and the count and the sum."""
    found = samples(text(families([scrape])))
    of = r'modelmon_request_latency_seconds_(\w+){project="shop"(?:,le="(.+)")?}'
    return {hit[2] or hit[1]: value for name, value in found.items() if (hit := re.fullmatch(of, name))}


def test_tries_of_messages_and_those_that_nobody_took_are_told_by_channel(made: Made, scrape: Scrape) -> None:
    ends = {"a": messages.SENT, "b": messages.REFUSED, "c": messages.WAITING}
    for name, state in ends.items():
        message = KeptMessage(name, 1, "on-call", "drift", "{}", UNTIL_US)
        with scrape.database.write() as connection:
            messages.add_message(connection, message)
            messages.mark(connection, message, state, "no", UNTIL_US)
    found = samples(text(families([scrape])))
    of = 'project="made",channel="on-call"'
    for outcome in ("sent", "refused", "later"):
        assert found[f'modelmon_deliveries_total{{{of},outcome="{outcome}"}}'] == 1
    told = {name: value for name, value in found.items() if name.startswith("modelmon_messages{")}
    assert told == {f'modelmon_messages{{{of},state="{state}"}}': 1 for state in ("refused", "waiting")}


def test_the_route_answers_in_the_format_of_prometheus(made: Made) -> None:
    client = ApiClient(made.settings)
    found = client.get("/metrics")
    client.close()
    assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert samples(found.text)["modelmon_dead_letters" + '{project="made"}'] == 0


def test_metrics_are_open_only_where_a_setting_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("shop")
    for opened, status in (("health", 401), ("health,metrics", 200)):
        settings = Settings.load(
            project="shop", project_dir=str(folder), environ={}, auth="token", auth_open=opened
        )
        client = ApiClient(settings)
        assert client.get("/metrics").status_code == status
        client.close()


def test_two_endpoints_of_one_name_are_told_apart(made: Made, scrape: Scrape) -> None:
    with scrape.database.write() as connection:
        alike = endpoints.c.name == "model-0008"
        connection.execute(update(endpoints).where(alike).values(name="model-0009"))
    found = samples(text(families([scrape])))
    with scrape.database.write() as connection:
        ours = endpoints.c.endpoint_id == f"{8:032x}"
        connection.execute(update(endpoints).where(ours).values(name="model-0008"))
    assert sum(f"model-0009 ({8:032x})" in name for name in found) > 0


def test_thresholds_are_those_of_the_results_and_only_where_they_are_asked_for(
    made: Made, scrape: Scrape
) -> None:
    asked = made.settings.changed(metrics_thresholds="on")
    assert "modelmon_result_threshold" not in text(families([scrape]))
    found = samples(text(families([replace(scrape, settings=asked)])))
    with scrape.database.read() as connection:
        page = list_endpoints(connection, Looking(made.now_us, made.settings), EndpointQuery())
    expected = {
        f'modelmon_result_threshold{{project="made",endpoint="{each.endpoint_name}",application="{APP}",'
        f'result="{verdict.result_name}",level="{level}"}}': value
        for each in page.endpoints
        for verdict in each.verdicts
        if not verdict.stale
        for level, value in zip(
            ("suspected", "detected"), thresholds_of(verdict.result_extra_data), strict=True
        )
        if value is not None
    }
    told = {name: value for name, value in found.items() if name.startswith("modelmon_result_threshold")}
    assert told == expected != {}


def test_what_a_collector_was_sent_and_what_waits_is_told_where_there_is_one(
    made: Made, scrape: Scrape
) -> None:
    with scrape.database.write() as connection:
        note_judged(connection, [(WindowKey("e", APP, start), 1) for start in range(3)])
        write_export(connection, Export(OTLP, 1, sent=5, refused=2))
    assert "modelmon_otlp" not in text(families([scrape]))
    there = made.settings.changed(otlp_endpoint="http://127.0.0.1:4318")
    found = samples(text(families([replace(scrape, settings=there)])))
    with scrape.database.write() as connection:
        forget_export(connection, OTLP)
    assert {name: value for name, value in found.items() if "otlp" in name} == {
        'modelmon_otlp_points_total{project="made",outcome="sent"}': 5,
        'modelmon_otlp_points_total{project="made",outcome="refused"}': 2,
        'modelmon_otlp_windows_waiting{project="made"}': 2,
    }


def test_every_metric_is_in_the_docs_and_every_one_there_exists(scrape: Scrape) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/prometheus-and-grafana.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(modelmon_\w+)`", page, re.MULTILINE)) == {
        family.name for family in families([scrape])
    }


def test_a_project_that_cannot_be_read_takes_no_other_with_it(made: Made, tmp_path: Path) -> None:
    broken = Settings.load(project="broken", project_dir=str(tmp_path), environ={})
    (tmp_path / ".modelmon").mkdir()
    (tmp_path / ".modelmon" / "records.db").write_bytes(b"no database" * 999)
    both, alone = ApiClient(made.settings, broken), ApiClient(broken)
    found = samples(both.get("/metrics").text)
    assert [found[f'modelmon_project_up{{project="{name}"}}'] for name in ("made", "broken")] == [1, 0]
    assert any(each.startswith('modelmon_endpoints{project="made"') for each in found)
    assert alone.get("/metrics").status_code >= 400
    both.close()
    alone.close()

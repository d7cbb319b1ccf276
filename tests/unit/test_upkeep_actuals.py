"""Files of actuals are merged, pruned and erased like samples, and what waits for too long is let go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from api_client import ApiClient
from ledger_rows import counts_of_actuals
from modelmon.cli import app
from modelmon.errors import ConfigError
from modelmon.ledger.actuals_schema import actual_files, row_index, waiting_actuals
from modelmon.model_monitoring.erasing import erase_samples, forget_endpoint
from modelmon.stores.actuals import open_actuals
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.upkeep import erasing, rewriting
from modelmon.upkeep.compaction import compact
from modelmon.upkeep.maintenance import maintain
from modelmon.views.disk import rooms
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run
from wire_actuals import actuals, of_entity

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
PEOPLE = ("anna", "bert", "carl")


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    (tmp_path / "modelmon.yaml").write_text("project: flights\n", encoding="utf-8")
    bed = Bed(tmp_path, maintenance_seconds=60.0)
    bed.register(feature_names=("x",), label_names=("late",))
    for place, name in enumerate(PEOPLE):
        message = event(inputs=((float(place),),), request_id=name, entities={"customer": name})
        run(feed(bed, bed.publish(message)))
    for late in (0, 1):
        for name in PEOPLE:
            run(feed(bed, bed.publish(actuals({"late": [late]}, (name,)))))
    yield bed
    bed.close()


def joined(bed: Bed) -> dict[str, Any]:
    stores = open_samples(bed.settings), open_actuals(bed.settings)
    table = read_sample(bed.records, stores[0], ENDPOINT, 0, 2**62, actuals=stores[1])
    return dict(zip(*(table.column(name).to_pylist() for name in ("request_id", "actual.late")), strict=True))


def joined_ids(bed: Bed) -> list[str]:
    """The requests that are stored."""
    table = read_sample(bed.records, open_samples(bed.settings), ENDPOINT, 0, 2**62, ["request_id"])
    ids: list[str] = table.column("request_id").to_pylist()
    return ids


def counted(bed: Bed, table: Any, column: Any = None) -> int:
    with bed.records.read() as connection:
        return (
            connection.scalar(select(func.count() if column is None else func.sum(column)).select_from(table))
            or 0
        )


def counts(bed: Bed) -> list[tuple[int, ...]]:
    with bed.records.read() as connection:
        return counts_of_actuals(connection)


def noticed(bed: Bed) -> None:
    from sqlalchemy import delete

    from modelmon.ledger.schema import dirty

    with bed.records.write() as connection:
        connection.execute(delete(dirty))


def test_merging_leaves_out_what_was_corrected_and_changes_no_answer(bed: Bed) -> None:
    before = joined(bed)
    assert (before, counted(bed, actual_files)) == (dict.fromkeys(PEOPLE, 1), 6)
    noticed(bed)
    compact(bed.records, open_actuals(bed.settings), NOW_US + 2 * DAY_US, float("inf"), min_files=2)
    assert joined(bed) == before
    assert (counted(bed, actual_files), counted(bed, actual_files, actual_files.c.rows)) == (1, 3)
    run(feed(bed, bed.publish(actuals({"late": [7]}, ("bert",)))))
    assert joined(bed) == {**before, "bert": 7}


def test_retention_takes_files_and_the_horizon_what_waits(bed: Bed) -> None:
    run(feed(bed, bed.publish(actuals({"late": [1, 0]}, ("nobody", "else")))))
    assert counts(bed) == [(8, 6, 2, 0)]
    noticed(bed)
    maintain(bed.records, bed.settings, NOW_US + 89 * DAY_US)
    assert counts(bed) == [(8, 6, 2, 0)]
    kept = replace(bed.settings, retention_days=30.0)
    maintain(bed.records, kept, NOW_US + 91 * DAY_US)
    assert counts(bed) == [(8, 6, 0, 2)]
    assert (counted(bed, actual_files), counted(bed, row_index)) == (0, 0)
    assert list(open_actuals(bed.settings).list()) == []


@pytest.mark.slow
def test_of_more_actuals_than_may_wait_the_oldest_are_dropped_counted_and_told_of(
    bed: Bed, caplog: pytest.LogCaptureFixture
) -> None:
    for late, names in enumerate((("x1", "x2", "x3"), ("y1", "y2"), ("z1",))):
        run(feed(bed, bed.publish(actuals({"late": [late] * len(names)}, names))))
    found = []
    for turn, most in enumerate((6, 0, 2, 2)):  # so many may wait, no limit, two, two again
        settings = bed.settings.changed(waiting_actuals_most=most)
        maintain(bed.records, settings, NOW_US + turn * HOUR_US)
        found.append(counts(bed))
    assert found == [[(12, 6, 6, 0)], [(12, 6, 6, 0)], [(12, 6, 2, 4)], [(12, 6, 2, 4)]]
    with bed.records.read() as connection:
        left = connection.scalars(select(waiting_actuals.c.request_id)).all()
    assert sorted(left) == ["y2", "z1"]
    assert f"4 actuals of endpoint {ENDPOINT} are dropped, the oldest" in caplog.text
    run(feed(bed, bed.publish(actuals({"late": [9]}, ("x1",)))))  # told again it waits again
    assert counts(bed) == [(13, 6, 3, 4)]


def test_whoever_is_erased_leaves_no_actual_behind_stored_or_waiting(bed: Bed) -> None:
    later = NOW_US + 400 * 1_000_000
    waits = of_entity("bert", later, later + DAY_US), of_entity("carl", later, later + DAY_US)
    run(feed(bed, bed.publish(*waits, actuals({"late": [1]}, ("bert",), rows=[5]))))
    asked = {"entities.customer": "bert"}
    assert erase_samples(bed.settings, ENDPOINT, asked, dry_run=True).actuals == 2
    erased = erase_samples(bed.settings, ENDPOINT, asked, dry_run=False)
    assert (erased.rows, erased.actuals) == (1, 4)
    assert joined(bed) == {"anna": 1, "carl": 1}
    with bed.records.read() as connection:
        waiting = connection.execute(
            select(waiting_actuals.c.entity_value, waiting_actuals.c.request_id)
        ).all()
        assert [tuple(row) for row in waiting] == [("carl", "")]
    store = open_actuals(bed.settings)
    assert "bert" not in {
        each for path in store.list() for each in store.read(path).column("request_id").to_pylist()
    }
    assert counts(bed) == [(9, 6, 1, 2)]


def test_what_comes_true_while_a_row_is_erased_goes_with_it_also_when_the_run_is_killed(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter(range(10))

    def carry_out(*given: Any) -> bool:
        if not next(turns):  # the actuals were looked at, the row is still there
            run(feed(bed, bed.publish(actuals({"late": [5]}, ("bert",)))))
            assert joined(bed)["bert"] == 5
        return rewriting.carry_out(*given)

    def kill(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(erasing, "carry_out", carry_out)
    monkeypatch.setattr(erasing, "erase_waiting", kill)
    with pytest.raises(KeyboardInterrupt):
        erase_samples(bed.settings, ENDPOINT, {"entities.customer": "bert"}, dry_run=False)
    assert joined(bed) == {"anna": 1, "carl": 1}
    with bed.records.read() as connection:
        listed = connection.scalars(select(actual_files.c.path)).all()
    store = open_actuals(bed.settings)
    assert "bert" not in {each for path in listed for each in store.read(path)["request_id"].to_pylist()}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_file_of_actuals_that_is_listed_and_gone_is_named_where_a_row_is_erased(
    bed: Bed, dry_run: bool
) -> None:
    store = open_actuals(bed.settings)
    store.delete([next(iter(store.list()))])
    with pytest.raises(ConfigError, match="a file of actuals is listed in the records and gone"):
        erase_samples(bed.settings, ENDPOINT, {"entities.customer": "bert"}, dry_run=dry_run)
    assert set(joined_ids(bed)) == set(PEOPLE)


def test_a_forgotten_endpoint_has_no_actuals_and_they_take_room_before(bed: Bed) -> None:
    found = {room.part: room for room in rooms(bed.records, [], bed.settings, NOW_US)}
    assert (found["actuals"].count, (found["actuals"].bytes or 0) > 0) == (6, True)
    assert forget_endpoint(bed.settings, ENDPOINT).actuals == 6
    assert list(open_actuals(bed.settings).list()) == []
    assert counts(bed) == []


def test_status_health_and_the_page_say_how_many_wait(bed: Bed) -> None:
    run(feed(bed, bed.publish(actuals({"late": [1, 0]}, ("nobody", "else")))))
    client = ApiClient(bed.settings)
    page = client.request("GET", f"/projects/flights/endpoints/{ENDPOINT}").text
    client.close()
    assert "Actuals: 6 beside a prediction, 2 waiting for one. The last came" in page
    place = ["--project-dir", bed.settings.project_dir]
    status = CliRunner().invoke(app, ["status", *place], env={"COLUMNS": "200"})
    assert "Actuals of model: 2 wait for their prediction; received 8." in status.output
    health = CliRunner().invoke(app, ["health", *place], env={"COLUMNS": "200"})
    assert "2 actuals without a prediction yet" in health.output

"""A challenger is judged beside the champion, decided on by a person, deployed, and taken back."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from api_client import ApiClient
from command_line import printed
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger.access import list_deeds
from modelmon.model import from_us, wall_clock_us
from modelmon.model_monitoring.challengers import check_files, newest_row_us
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project, ServingFunction
from modelmon.project.champion import champion_of
from modelmon.project.deciding import approve, reject, roll_back
from modelmon.project.deploying_decided import deploy_decided
from modelmon.project.serving_function import ServingFunction as Deployable
from modelmon.retraining import comparing
from modelmon.retraining.judging import judge
from modelmon.stats.performance.rows import TaskRows
from modelmon.views.challenger_reviews import ALIKE, BETTER, NOT_JUDGED, WORSE, BothModels
from modelmon.views.challenger_words import sentences, standing
from modelmon.views.challengers import list_challengers, one_challenger
from streaming import NOW_US
from unit.challenging_support import (
    DAY,
    DAYS,
    ROWS,
    endpoint_of,
    log,
    serve,
    served,
    served_project,
    shown,
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return served_project(tmp_path)


def test_a_challenger_waits_until_a_person_decides(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    found = shown(project)
    assert (found.state, found.model, found.endpoint_name) == ("awaiting review", "delay-2", "delay")
    assert served(project).model_path == "models/delay/limit.txt"
    assert deploy_decided(project) == []


def test_approved_it_is_served_and_rolled_back_the_champion_is(project: Project) -> None:
    champion = endpoint_of(project)
    log(project, "delay-2", 0.5, challenger_of=champion, class_args={"more": 0.1})
    assert approve(project, 1, "it is better", who="anna").state == "deployed"
    assert (served(project).model_path, served(project).parameters) == (
        "models/delay-2/limit.txt", {"more": 0.1},
    )  # fmt: skip
    now = endpoint_of(project)
    assert (now.endpoint_id, now.model_uri) == (champion.endpoint_id, "store://models/flights/delay-2")
    assert now.feature_stats != champion.feature_stats
    assert roll_back(project, 1, "too slow", who="bob").state == "rolled back"
    assert (served(project).model_path, served(project).parameters) == ("models/delay/limit.txt", {})
    assert endpoint_of(project).model_uri == champion.model_uri
    said = standing(shown(project))
    assert re.search(
        r'rolled back, as bob said on .*: "too slow"\. It was approved by anna on .*better"', said
    )
    with opened(project.settings) as database, database.read() as connection:
        deeds, _ = list_deeds(connection, 20)
    said = [(each.who, each.what, each.of, each.outcome) for each in deeds if each.who in ("anna", "bob")]
    assert said == [
        ("bob", "challenger rolling back", "1 delay-2", "too slow"),
        ("anna", "challenger approved", "1 delay-2", "it is better"),
    ]


def test_unjudged_it_is_approved_only_with_the_reason(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    where = ("--project-dir", str(project.context))
    told = (
        "comment: challenger 1 is not judged beside the champion, so say why it is to be served all the same"
    )
    assert told in printed(monkeypatch, capsys, "challenger", "approve", "1", *where, code=2)
    client = ApiClient(project.settings)
    same = {"Sec-Fetch-Site": "same-origin"}
    answer = client.request("POST", "/api/v1/projects/flights/challengers/1/approve", headers=same)
    assert (answer.status_code, told in answer.text) == (400, True)
    page = "/projects/flights/challengers/1"
    assert "to approve it, say why" in client.get(page).text
    client.close()
    judge(project, 1)  # there are no rows to judge it on
    with pytest.raises(ConfigError, match="is not judged beside the champion"):
        approve(project, 1, " ")
    assert shown(project).state == "awaiting review"
    capsys.readouterr()
    printed(monkeypatch, capsys, "challenger", "approve", "1", "--comment", "it mends a fault", *where)
    assert (shown(project).state, shown(project).comment) == ("deployed", "it mends a fault")


def test_what_is_deployed_is_named_as_it_was_logged(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    capsys.readouterr()
    approve(project, 1, "as it is")
    assert "Deployed serving with the model delay (delay-2)." in capsys.readouterr().err


def test_killed_before_it_is_deployed_it_stands_as_approved_and_is_tried_again(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    with patch.object(Deployable, "deploy", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        approve(project, 1, "as it is")
    assert (shown(project).state, shown(project).champion) == ("approved", "store://models/flights/delay")
    with pytest.raises(ConfigError, match="only one that awaits its review"):
        judge(project, 1)
    assert [each.state for each in deploy_decided(project)] == ["deployed"]
    assert served(project).model_path == "models/delay-2/limit.txt"


@pytest.mark.slow
def test_killed_after_it_was_deployed_a_second_try_changes_nothing(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    with (
        patch("modelmon.ledger.challengers.settle", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        approve(project, 1, "as it is")
    assert (shown(project).state, served(project).model_path) == ("approved", "models/delay-2/limit.txt")
    deploy_decided(project)
    assert shown(project).state == "deployed"
    assert roll_back(project, 1).state == "rolled back"
    assert served(project).model_path == "models/delay/limit.txt"


@pytest.mark.slow
def test_what_fails_to_deploy_says_why_and_can_be_taken_back(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    with patch.object(Deployable, "deploy", side_effect=UnavailableError("nuctl does not answer")):
        found = approve(project, 1, "as it is")
        deploy_decided(project, 1)
    assert (found.state, found.why) == ("approved", "nuctl does not answer")
    assert shown(project).tries == 2
    log(project, "delay-3", 0.6, challenger_of="delay")
    with pytest.raises(ConfigError, match="challenger 1 of this endpoint is not deployed yet"):
        approve(project, 2, "as it is")
    assert roll_back(project, 1).state == "rolled back"
    assert approve(project, 2, "as it is").state == "deployed"
    log(project, "delay-4", 0.6, challenger_of="delay")
    with patch.object(Deployable, "deploy", side_effect=UnavailableError("nuctl does not answer")):
        approve(project, 3, "as it is")
    with pytest.raises(ConfigError, match="challenger 3 of this endpoint is not deployed yet"):
        roll_back(project, 2)
    assert shown(project, 2).state == "deployed"


def test_rejected_it_stays_where_it_is(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    found = reject(project, 1, "worse at night", who="anna")
    assert (found.state, found.who, found.comment) == ("rejected", "anna", "worse at night")
    for act in (approve, reject, roll_back):
        with pytest.raises(ConfigError, match="challenger 1 is rejected"):
            act(project, 1)
    with pytest.raises(ConfigError, match="needs a key of its own"):
        log(project, "delay-2", 0.4, challenger_of="delay")


def test_the_same_key_again_replaces_one_that_waits(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    log(project, "delay-2", 0.6, challenger_of="delay")
    with opened(project.settings) as database, database.read() as connection:
        assert [each.number for each in list_challengers(connection, project.settings).challengers] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["delay", "delay-2"])
def test_what_was_approved_and_what_can_come_back_is_replaced_by_no_model(project: Project, key: str) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    with pytest.raises(ConfigError, match="log it with challenger_of"):
        log(project, "delay-2", 0.1)
    approve(project, 1, "as it is")
    for more in ({}, {"challenger_of": "delay"}):
        with pytest.raises(ConfigError, match=f"key: '{key}' is"):
            log(project, key, 0.1, **more)
    roll_back(project, 1)
    limit = project.context / ".modelmon" / "models" / key / "files" / "limit.txt"
    assert limit.read_text(encoding="utf-8") == {"delay": "0.8", "delay-2": "0.5"}[key]
    log(project, key, 0.1)


def test_files_that_are_not_those_that_were_logged_are_neither_judged_nor_deployed(project: Project) -> None:
    serve(project)
    log(project, "delay-2", 0.5, challenger_of="delay")
    limit = project.context / ".modelmon" / "models" / "delay-2" / "files" / "limit.txt"
    limit.write_text("0.1", encoding="utf-8")
    for act in (judge, approve):
        with pytest.raises(ConfigError, match="delay-2 are not those that were logged"):
            act(project, 1)
    assert (shown(project).state, shown(project).review) == ("awaiting review", None)
    limit.write_text("0.5", encoding="utf-8")
    with patch.object(Deployable, "deploy", side_effect=UnavailableError("nuctl does not answer")):
        approve(project, 1, "as it is")
    limit.write_text("0.1", encoding="utf-8")
    (found,) = deploy_decided(project)
    assert (found.state, "not those that were logged" in found.why) == ("approved", True)
    assert served(project).model_path == "models/delay/limit.txt"


@pytest.mark.parametrize("act", [judge, approve])
def test_logged_anew_while_it_is_judged_or_approved_it_is_neither(project: Project, act: Any) -> None:
    serve(project)
    log(project, "delay-2", 0.5, challenger_of="delay")

    def meanwhile(*of: Any) -> Any:
        log(project, "delay-2", 0.1, challenger_of="delay")
        return champion_of(*of) if act is judge else check_files(*of)

    where = "retraining.judging.champion_of" if act is judge else "project.deciding.check_files"
    with (
        patch(f"modelmon.{where}", side_effect=meanwhile),
        pytest.raises(ConfigError, match=r"logged anew|not those that were logged"),
    ):
        act(project, 1)
    assert (shown(project).state, shown(project).review) == ("awaiting review", None)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"challenger_of": "dela"}, "there is no 'dela'"),
        ({"challenger_of": 3}, "must be an endpoint"),
        ({"class_args": {"a": 1}}, "goes together with challenger_of"),
        ({"challenger_of": "delay", "class_args": {"a": object()}}, "must be a JSON value"),
    ],
)
def test_what_can_be_no_challenger_is_refused_before_anything_is_kept(
    project: Project, more: Any, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        log(project, "delay-2", 0.5, **more)
    assert [each.key for each in project.list_models()] == ["delay"]


def test_the_champion_is_not_overwritten_and_other_features_are_refused(project: Project) -> None:
    with pytest.raises(ConfigError, match="is the champion"):
        log(project, "delay", 0.5, challenger_of="delay")
    frame = pa.table({"y": [1.0, 2.0], "late": [0, 1]})
    with pytest.raises(ConfigError, match=r"other features.*: x, y"):
        project.log_model("d2", training_set=frame, label_column="late", challenger_of="delay")


def test_it_is_asked_about_stored_rows_beside_what_the_champion_said(project: Project) -> None:
    serve(project)
    for number, (limit, verdict) in enumerate([(0.5, BETTER), (0.8, ALIKE), (-0.1, WORSE)], 1):
        log(project, f"delay-{limit}", limit, challenger_of="delay")
        found = judge(project, number)
        assert (found.verdict, found.rows, found.known) == (verdict, DAYS * ROWS, DAYS * ROWS)
    better = shown(project, 1).review
    assert better is not None
    assert better.difference is not None
    assert (better.metrics["accuracy"].challenger.value, better.cluster) == (1.0, "day")
    assert better.metrics["accuracy"].champion.value == pytest.approx(0.7, abs=0.1)
    assert better.difference.value == pytest.approx(better.metrics["accuracy"].champion.value - 1)
    assert sum(each.rows for each in better.spans) == DAYS * ROWS
    assert "The challenger is better" in sentences(better)[0]


def test_no_private_column_is_named(project: Project) -> None:
    serve(project)
    log(project, "delay-2", 0.5, challenger_of="delay")
    judge(project, 1)
    with opened(project.settings) as database, database.read() as connection:
        private = replace(project.settings, private="x")
        found = one_challenger(connection, private, 1)
        assert "x" in str(one_challenger(connection, project.settings, 1).review.drift_champion.features)  # type: ignore[union-attr]
    assert found.review is not None
    assert found.review.drift_champion is not None
    assert found.review.drift_champion.features == {}
    assert not any("most in" in each for each in sentences(found.review))


def test_without_rows_after_its_training_it_says_so_and_can_be_judged_later(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    found = judge(project, 1)
    assert found.verdict == NOT_JUDGED
    assert "no stored rows" in found.why
    assert "judge it again" in sentences(found)[0]


def test_where_nobody_knows_what_it_was_trained_on_it_is_not_judged_on_rows_it_may_know(
    project: Project,
) -> None:
    serve(project)
    log(project, "delay-2", 0.5, challenger_of="delay", timed=False)
    found = judge(project, 1)
    assert (found.verdict, found.rows) == (NOT_JUDGED, 0)
    assert "nobody knows which rows it was trained on" in sentences(found)[0]
    named = judge(project, 1, from_us(NOW_US - DAYS * DAY))
    assert (named.verdict, named.seen) == (BETTER, True)
    assert any("may have been trained on some of these rows" in each for each in sentences(named))


def test_a_span_that_begins_in_its_training_data_is_said_to(project: Project) -> None:
    serve(project)
    log(project, "delay-2", 0.5, challenger_of="delay")
    assert not judge(project, 1).seen
    assert judge(project, 1, from_us(NOW_US - 3 * DAYS * DAY)).seen


def test_training_data_that_reach_until_now_leave_nothing_to_judge_on(project: Project) -> None:
    late = pa.table({"x": [0.1, 0.9], "late": [0, 1], "at": [from_us(wall_clock_us() + DAY)] * 2})
    project.log_model("delay-2", training_set=late, label_column="late", challenger_of="delay")
    found = judge(project, 1)
    assert (found.verdict, "its training data reach until" in found.why) == (NOT_JUDGED, True)


@pytest.mark.parametrize(
    ("times", "until"),
    [
        (["2026-11-02", "2026-11-03"], "2026-11-03 23:59:59.999999"),
        (["2026-11-02 07:00", "2026-11-03 08:00"], "2026-11-03 08:59:59.999999"),
        (["2026-11-03 08:01", None], "2026-11-03 08:01:59.999999"),
        (["2026-11-03 08:01:07"], "2026-11-03 08:01:07.999999"),
        (["2026-11-03 08:01:07.25"], "2026-11-03 08:01:07.250000"),
    ],
)
def test_a_training_set_reaches_until_the_end_of_the_unit_its_times_are_written_in(
    times: list[str | None], until: str
) -> None:
    found = newest_row_us(pa.table({"at": times}), "at", ())
    assert found is not None
    assert f"{from_us(found):%Y-%m-%d %H:%M:%S.%f}" == until


def test_days_that_are_alike_are_not_counted_as_many_rows() -> None:
    """Each day one of the two is wrong on all of its rows: twelve days say nothing, 480 rows would."""
    day = np.repeat(np.arange(DAYS), ROWS)
    truth = np.zeros(len(day))
    champion = TaskRows(truth, 1.0 * (day % 2 == 0), None, 2)
    challenger = TaskRows(truth, 1.0 * (day % 3 == 0), None, 2)
    when = day * DAY + np.tile(np.arange(ROWS), DAYS)
    found, cluster = comparing.difference(champion, challenger, when)
    assert (cluster, comparing.verdict_of(found)) == ("day", ALIKE)
    assert found.error > 4 * np.std(challenger.loss - champion.loss) / np.sqrt(len(day))


def test_every_metric_of_a_model_with_scores_can_be_kept() -> None:
    random = np.random.default_rng(0)
    score = random.random(200)
    rows = TaskRows(1.0 * (random.random(200) < score), 1.0 * (score > 0.5), score, 2)
    kept = msgspec.json.decode(msgspec.json.encode(comparing.metrics(rows, rows)), type=dict[str, BothModels])
    assert {"accuracy", "roc_auc", "brier", "log_loss"} <= kept.keys()
    assert kept["roc_auc"].champion == kept["roc_auc"].challenger
    sharper = TaskRows(rows.actual, rows.predicted, np.where(rows.actual > 0, 0.9, 0.1), 2)
    brier = comparing.brier_difference(rows, sharper, np.arange(200) * DAY)
    assert brier is not None
    assert brier.high < 0


def test_json_of_a_challenger_holds_its_review(project: Project) -> None:
    from modelmon.views.encoding import to_json

    log(project, "delay-2", 0.5, challenger_of="delay")
    judge(project, 1)
    written = json.loads(json.dumps(to_json(shown(project))))
    assert (written["number"], written["review"]["verdict"]) == (1, "not judged")


def test_an_endpoint_that_no_function_here_serves_keeps_its_model(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    assert isinstance(project.get_function("serving"), ServingFunction)
    from modelmon.project.functions import withdraw

    withdraw(project.settings, "serving", forget=True)
    with pytest.raises(ConfigError, match="no serving function that this project has deployed"):
        approve(project, 1, "as it is")
    assert shown(project).state == "awaiting review"


def test_it_answers_by_the_code_as_it_is_deployed_not_as_it_is_by_now(project: Project) -> None:
    serve(project)
    log(project, "delay-2", 0.5, challenger_of="delay")
    (project.context / "above.py").write_text("this is being edited", encoding="utf-8")
    assert judge(project, 1).verdict == BETTER

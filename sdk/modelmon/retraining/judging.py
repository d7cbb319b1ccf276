"""A challenger is judged: asked about rows that came after its training data, beside what was answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from modelmon.column_names import ACTUAL_PREFIX
from modelmon.counting import count
from modelmon.errors import ConfigError
from modelmon.ledger import challengers, endpoints
from modelmon.ledger.challengers import KeptChallenger
from modelmon.ledger.window_ledger import project_period
from modelmon.model import MINUTE_US, Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.challengers import check_files
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.logged_models import ModelArtifact, read_model
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.project.champion import champion_of, replaced, served_alone
from modelmon.project.project import Project
from modelmon.retraining import comparing
from modelmon.retraining.answers import answers
from modelmon.retraining.stored_rows import StoredRows, stored_rows
from modelmon.serving import ModelServing
from modelmon.sql.database import Database
from modelmon.views.challenger_reviews import NOT_JUDGED, Review

if TYPE_CHECKING:
    import pyarrow as pa

FEWEST_ROWS = 30
LOSSES = {True: "absolute error", False: "share of wrong answers"}


def judge(project: Project, number: int, start: Time = None, end: Time = None) -> Review:
    """Judge a challenger on the stored rows of [start, end) and keep what comes out; by default from the
    newest row of its training data until now.

    Where there is nothing to judge on, the review says so; also where nobody knows which rows it was trained
    on, unless `start` names the ones to judge on. Raises ConfigError for a challenger or a span that
    can't be, and for a model that fails.
    """
    settings, now = project.settings, wall_clock_us()
    with opened(settings) as database:
        with database.read() as connection:
            found = challengers.one(connection, number)
            endpoint = endpoints.get(connection, found.endpoint_id)
            minutes = project_period(connection, settings.base_period)
        if found.state != challengers.AWAITING:
            raise ConfigError(
                f"challenger {number} is {found.state}: only one that awaits its review is judged"
            )
        if endpoint is None:
            raise ConfigError(f"challenger {number}: its endpoint {found.endpoint_id} is gone")
        since = 0 if found.trained_until_us is None else found.trained_until_us + 1
        span = moment_us(start, "start", since), moment_us(end, "end", now)
        review = _unseen_rows(found, span, start is None)
        if review is None:
            if span[0] >= span[1]:
                raise ConfigError(
                    f"end: must come after the start {from_us(span[0]):%Y-%m-%d %H:%M}, got {end or 'now'}"
                )
            check_files(settings, found)
            judged = _review(project, database, found, endpoint, span, minutes)
            check_files(settings, found)  # nobody has replaced them meanwhile
            review = replace(judged, seen=found.trained_until_us is None or span[0] < since)
        with database.write() as connection:
            challengers.keep_review(connection, found, msgspec.json.encode(review).decode(), now)
    return review


def _unseen_rows(found: KeptChallenger, span: tuple[int, int], by_default: bool) -> Review | None:
    """Why there is none that the challenger has surely not learned from; None: there may be."""
    if by_default and found.trained_until_us is None:
        return _not_judged(
            (span[1], span[1]),
            "nobody knows which rows it was trained on, so it may know the answers: log it with a "
            "training_set and its time_column, or name rows that it has not seen with --from",
        )
    if by_default and span[0] >= span[1]:
        return _not_judged(
            (span[1], span[1]),
            f"its training data reach until {from_us(span[0]):%Y-%m-%d %H:%M} UTC, and no later row is "
            "stored; judge it again when rows and actuals have come",
        )
    return None


def _review(
    project: Project, database: Database, found: KeptChallenger, endpoint: Endpoint, span: tuple[int, int],
    minutes: int,
) -> Review:  # fmt: skip
    model = read_model(project.settings, found.model_key)
    task = endpoint.task
    if task is None:
        return _not_judged(span, f"nobody said what {endpoint.name} is for: log its model with task=")
    try:
        stored = stored_rows(project.settings, database, endpoint, task, span)
    except ConfigError as error:
        return _not_judged(span, f"{error}; judge it again when rows and actuals have come")
    features = stored.table.select(list(model.inputs))
    said = answers(
        _server(project, endpoint, model, found), endpoint.name, features, _outputs(model, endpoint)
    )
    return _compared(stored, said, endpoint, model, minutes)


def _server(
    project: Project, endpoint: Endpoint, model: ModelArtifact, found: KeptChallenger
) -> ModelServing:
    champion = champion_of(project, endpoint)
    parameters = {**champion.model.parameters, **msgspec.json.decode(found.class_args)}
    return served_alone(replaced(champion, model.uri, parameters))


def _outputs(model: ModelArtifact, endpoint: Endpoint) -> tuple[str, ...]:
    return model.outputs or endpoint.label_names


def _compared(
    stored: StoredRows, said: pa.Table, endpoint: Endpoint, model: ModelArtifact, minutes: int
) -> Review:
    from modelmon.stats.performance.reading import read_rows

    task = endpoint.task
    assert task is not None, "that was looked at"
    actual = ACTUAL_PREFIX + task.actual
    champion = read_rows(stored.table, task, actual).rows
    challenger = read_rows(said.append_column(actual, stored.table[actual]), model.task or task, actual).rows
    places = comparing.both_known(champion, challenger)
    when = np.asarray(stored.table[stored.when].cast("int64").to_numpy())
    span = int(when.min()), int(when.max()) + 1
    if len(places) < FEWEST_ROWS:
        why = f"what came true is known of {count(len(places), 'row')} only; {FEWEST_ROWS} are needed"
        return _not_judged(span, why, stored.table.num_rows, len(places), stored.step)
    one, other = champion.at(places), challenger.at(places)
    apart, cluster = comparing.difference(one, other, when[places])
    if not comparing.is_finite(apart):
        return _not_judged(span, "the errors are too large for a number", stored.table.num_rows, len(places))
    brier = comparing.brier_difference(one, other, when[places])
    return Review(
        from_us(span[0]), from_us(span[1]), stored.table.num_rows, len(places), stored.step,
        comparing.verdict_of(apart), "", LOSSES[not one.classes], comparing.interval(apart), cluster,
        comparing.metrics(one, other), comparing.spans(one, other, when[places], minutes * MINUTE_US),
        comparing.distance(stored.table, endpoint.feature_stats, model.inputs),
        comparing.distance(stored.table, model.feature_stats, model.inputs),
        comparing.interval(brier) if brier is not None and comparing.is_finite(brier) else None,
    )  # fmt: skip


def _not_judged(span: tuple[int, int], why: str, rows: int = 0, known: int = 0, step: int = 1) -> Review:
    return Review(from_us(span[0]), from_us(span[1]), rows, known, step, NOT_JUDGED, why, "")

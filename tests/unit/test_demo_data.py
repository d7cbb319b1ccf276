"""The demo's data and models, before anything of ModelMon runs on them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from modelmon.demo import flights as flights_module
from modelmon.demo.data import (
    ACTUAL,
    FEATURES,
    PREDICTION,
    SCORE,
    actuals_by_day,
    data_folder,
    load_flights,
    requests_by_hour,
    training_flights,
    training_set,
)
from modelmon.demo.training import train
from modelmon.model import from_us
from modelmon.serving import ModelSpec, ServingSpec, create_server
from modelmon.settings import Settings
from modelmon.stats import describe
from modelmon.stats.compare import compare

FLIGHTS = 336_776
WEEK_US = 7 * 86_400_000_000


@pytest.fixture(scope="module")
def flights():
    return load_flights(data_folder())


@pytest.fixture(scope="module", params=FEATURES)
def model(request) -> str:
    return request.param


@pytest.mark.slow
def test_every_scheduled_flight_is_there_in_the_order_of_its_hour(flights):
    assert len(flights) == FLIGHTS
    assert flights["time"].is_monotonic_increasing


@pytest.mark.slow
def test_event_time_is_the_scheduled_hour_in_new_york_as_utc(flights):
    new_york = flights["time"].dt.tz_convert(ZoneInfo("America/New_York"))
    assert (new_york.dt.hour == flights["hour"]).all()
    assert (new_york.dt.month == flights["month"]).all()
    assert flights["time"].iloc[0].to_pydatetime() == datetime(2013, 1, 1, 10, tzinfo=UTC)


@pytest.mark.slow
def test_a_flight_that_did_not_arrive_has_no_actual_and_what_was_not_recorded_is_missing(flights):
    assert flights[ACTUAL].isna().sum() == 9430
    assert flights["departure_delay"].isna().sum() == 8255
    assert flights["pressure"].isna().sum() > flights["temperature"].isna().sum() > 0


def test_the_models_learn_from_flights_of_january_and_february_that_arrived(flights, model):
    training = training_set(flights, model)
    assert list(training.columns) == [*FEATURES[model], ACTUAL]
    assert len(training) == (flights["month"].isin([1, 2]) & flights[ACTUAL].notna()).sum()
    assert set(training[ACTUAL]) == {0.0, 1.0}


@pytest.mark.parametrize(
    "months", [[3], pytest.param(range(1, 13), marks=pytest.mark.slow)], ids=["a month", "the year"]
)
def test_the_requests_of_a_model_carry_every_flight_once_cut_by_the_hour(flights, model, months):
    flights = flights[flights["month"].isin(months)].reset_index(drop=True)
    hours = list(requests_by_hour(flights, model))
    assert sum(hour.rows for hour in hours) == len(flights)
    assert [hour.start_us for hour in hours] == sorted({hour.start_us for hour in hours})
    sent = []
    for hour in hours:
        body = msgspec.json.decode(hour.body)
        assert datetime.fromisoformat(body["timestamp"]) == from_us(hour.start_us)
        assert len(body["inputs"]) == hour.rows
        assert body["id"] == f"{from_us(hour.start_us):%Y-%m-%dT%H}"
        sent += body["inputs"]
    features = flights[FEATURES[model]]
    for column, name in enumerate(FEATURES[model]):
        values = [row[column] for row in sent]
        missing = features[name].isna()
        assert [value is None for value in values] == missing.tolist()
        assert [value for value in values if value is not None] == features[name][~missing].tolist()


@pytest.mark.slow
def test_the_served_model_says_late_as_often_as_flights_were_late_in_training(flights, model, tmp_path):
    training = training_set(flights, model)
    trained = train(training_flights(flights), model, tmp_path / "model.joblib")
    assert trained.rows == len(training)
    spec = ModelSpec(
        key=model,
        class_name="LateFlights",
        model_path=str(trained.path),
        parameters=trained.parameters,
        inputs=FEATURES[model],
        outputs=[PREDICTION, SCORE],
    )
    serving = create_server(
        ServingSpec(project="flights", function_name="serving", models=[spec]),
        Settings(project="flights"),
        folder=Path(flights_module.__file__).parent,
        classes={"LateFlights": flights_module.LateFlights},
    )
    winter = list(requests_by_hour(flights[flights["month"] <= 2].reset_index(drop=True), model))
    answers = [serving.test(f"/v2/models/{model}/infer", hour.body)["outputs"] for hour in winter]
    assert [len(answer) for answer in answers] == [hour.rows for hour in winter]
    said, chance = np.concatenate(answers).T
    assert set(said.tolist()) == {0, 1}
    assert abs(said.mean() - training[ACTUAL].mean()) < 0.02
    assert 0 <= chance.min() < chance[said == 1].min() <= chance.max() <= 1
    # Answers of models that had not seen the week: less sure of it than those of the one that had.
    reference = trained.reference
    arrived = reference[ACTUAL].notna()
    assert list(reference.columns) == [*FEATURES[model], PREDICTION, SCORE, ACTUAL, "time"]
    assert (len(reference), arrived.sum()) == (51_955, 50_009)
    held_out = roc_auc_score(reference[ACTUAL][arrived], reference[SCORE][arrived])
    assert held_out < roc_auc_score(flights[ACTUAL][flights["month"] <= 2].dropna(), chance[arrived])


def test_actuals_name_each_flight_of_their_day_by_its_request_and_place_in_it(flights):
    march = flights[flights["month"] == 3].reset_index(drop=True)
    by_day = actuals_by_day(march)
    sent = {
        (body["id"], row): None
        for hour in requests_by_hour(march, "delay-weather")
        for body in [msgspec.json.decode(hour.body)]
        for row in range(hour.rows)
    }
    named = [
        (f"{day}", request, row)
        for day, frame in by_day.items()
        for request, row in zip(frame["request_id"], frame["row"], strict=True)
    ]
    assert {(request, row) for _, request, row in named} == sent.keys()
    assert len(named) == len(sent) == len(march)
    assert all(request.startswith(day) for day, request, _ in named)
    values = np.concatenate([frame[PREDICTION] for frame in by_day.values()])
    assert np.array_equal(values, march[ACTUAL], equal_nan=True)


@pytest.mark.slow
def test_week_by_week_the_data_are_as_the_demo_tells(flights):
    """What any tool must find: no alarm in training weeks; then the weather drifts, the schedule does not."""
    scores = {model: _weekly_scores(flights, model) for model in FEATURES}
    weather, schedule = scores["delay-weather"], scores["delay-schedule"]
    worst = {week: max(found, key=found.get) for week, found in weather.items()}
    value = {week: weather[week][worst[week]] for week in weather}
    assert max(value[week] for week in value if week < date(2013, 2, 22)) < 0.5
    assert worst[date(2013, 3, 21)] == "pressure"
    assert value[date(2013, 3, 21)] == pytest.approx(0.69, abs=0.005)
    assert next(week for week in value if value[week] >= 0.7) == date(2013, 4, 11)
    assert worst[date(2013, 4, 11)] == "temperature"
    assert value[date(2013, 4, 11)] == pytest.approx(0.71, abs=0.005)
    assert max(value.values()) > 0.99
    means = [np.mean(list(found.values())) for found in weather.values()]
    assert max(means) == pytest.approx(0.31, abs=0.005)  # far below 0.5: the mean alone never alarms
    assert max(max(found.values()) for found in schedule.values()) < 0.12


def _weekly_scores(flights, model: str) -> dict[date, dict[str, float]]:
    """Of each whole week the score of each feature."""
    reference = describe(training_set(flights, model).drop(columns=ACTUAL))
    times_us = flights["time"].astype("datetime64[us, UTC]").astype("int64")
    rows_of = (flights.index.to_series().groupby(times_us // WEEK_US * WEEK_US)).groups
    scores = {}
    for week_us in sorted(rows_of)[1:-1]:
        compared = compare(flights[FEATURES[model]].loc[rows_of[week_us]].reset_index(drop=True), reference)
        scores[from_us(int(week_us)).date()] = dict(
            zip(compared.features, compared.scores.tolist(), strict=True)
        )
    return scores

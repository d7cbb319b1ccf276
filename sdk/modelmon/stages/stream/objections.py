"""Why an event that could be read can't be kept."""

from __future__ import annotations

from functools import lru_cache

from modelmon.column_names import stored_names
from modelmon.errors import RejectedError
from modelmon.model import from_us
from modelmon.settings import Settings
from modelmon.wire import ErrorEvent, ServingEvent
from modelmon.wire.identity import MOST_REMEMBERED


def objection(event: ServingEvent, horizon_us: int, settings: Settings) -> RejectedError | None:
    """`horizon_us` is the latest time that an event may have."""
    if event.when_us > horizon_us:
        return in_the_future(event, settings)
    return objection_to_names(event.input_names or (), event.output_names or ())


def in_the_future(event: ServingEvent | ErrorEvent, settings: Settings) -> RejectedError:
    """What is said of an event after the horizon."""
    when = from_us(event.when_us).isoformat()
    return RejectedError(f"{when} is more than {settings.future_seconds:g} s in the future", "when")


def objection_to_names(features: tuple[str, ...], predictions: tuple[str, ...]) -> RejectedError | None:
    """Whether there can be columns of these names."""
    is_small = len(features) + len(predictions) <= MOST_REMEMBERED
    return _remembered(features, predictions) if is_small else _name_error(features, predictions)


def _name_error(features: tuple[str, ...], predictions: tuple[str, ...]) -> RejectedError | None:
    try:
        stored_names(features, predictions)
    except RejectedError as error:
        return error
    return None


_remembered = lru_cache(maxsize=1024)(_name_error)  # events of one endpoint bring the same names

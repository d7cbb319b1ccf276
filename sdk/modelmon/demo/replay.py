"""Sending a year of requests to the serving function, each model in the order of event time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date
from functools import partial
from http.client import HTTPConnection, HTTPException
from itertools import groupby
from threading import Event

from modelmon.demo.data import HourOfRequests
from modelmon.errors import UnavailableError
from modelmon.model import from_us

TIMEOUT_SECONDS = 60.0


def replay(
    address: str,
    traffic: Mapping[str, Sequence[HourOfRequests]],
    advance: Callable[[int], None],
    day_over: Callable[[str, date], None] = lambda model, day: None,
) -> None:
    """Send every request of every model ("model name to its hours") to the function at "host:port".

    Each model has a kept-alive connection and a thread of its own, so its hours arrive in order;
    `advance` is told the rows of each request that was answered, `day_over` the model and each day (UTC)
    whose requests were. Raises UnavailableError when a request was not answered with 200.
    """
    stop = Event()
    with ThreadPoolExecutor(len(traffic)) as pool:
        sending = [
            pool.submit(_send_all, address, model, hours, advance, partial(day_over, model), stop)
            for model, hours in traffic.items()
        ]
        try:
            for sent in as_completed(sending):
                sent.result()
        finally:
            stop.set()  # one that failed, or Ctrl-C, ends the others too


def _send_all(
    address: str,
    model: str,
    hours: Sequence[HourOfRequests],
    advance: Callable[[int], None],
    day_over: Callable[[date], None],
    stop: Event,
) -> None:
    connection = HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    try:
        for day, of_day in groupby(hours, lambda hour: from_us(hour.start_us).date()):
            for hour in of_day:
                if stop.is_set():
                    return
                _send(connection, f"/v2/models/{model}/infer", hour.body)
                advance(hour.rows)
            day_over(day)
    except (OSError, HTTPException) as error:
        raise UnavailableError(f"the serving function at {address} does not answer: {error}") from error
    finally:
        connection.close()


def _send(connection: HTTPConnection, path: str, body: bytes) -> None:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    if response.status != 200:
        raise UnavailableError(f"{path} answered {response.status}: {text[:500].decode(errors='replace')}")

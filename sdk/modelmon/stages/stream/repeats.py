"""Events that were applied before: their publisher could not know that they had arrived."""

from __future__ import annotations

from collections.abc import Mapping

from modelmon.ledger.publishers import NOTHING, Applied, Key, each_once, lowest
from modelmon.stages.stream.batch import Decoded
from modelmon.wire.event_columns import NO_NUMBER


def drop_repeats(decoded: Decoded, applied: Mapping[Key, Applied]) -> None:
    """Take out what was applied already or stands in the batch twice; one of each number is left."""
    fresh = {}
    for key, numbers in decoded.numbers.items():
        known, once = applied.get(key, NOTHING), each_once(numbers)
        if len(once) < len(numbers) or lowest(once) <= known.last:
            fresh[key] = {number for number in once if number not in known}
    if not fresh:  # almost always
        return
    decoded.numbers |= {key: sorted(numbers) for key, numbers in fresh.items()}
    _drop_served(decoded, fresh)
    _drop_errors(decoded, fresh)
    _drop_rejections(decoded, fresh)


# `left`: the numbers to keep of the publishers that repeat something; each is taken out when it is met.


def _drop_served(decoded: Decoded, left: Mapping[Key, set[int]]) -> None:
    for endpoint_id in {endpoint_id for _, endpoint_id in left} & decoded.served.keys():
        events = decoded.served[endpoint_id]
        numbered = zip(events.publisher_ids, events.numbers.tolist(), strict=True)
        again = {place for place, each in enumerate(numbered) if _is_repeated(endpoint_id, *each, left)}
        if again:
            decoded.count_repeated(endpoint_id, int(events.rows[list(again)].sum()))
            decoded.take_out(endpoint_id, again)


def _drop_errors(decoded: Decoded, left: Mapping[Key, set[int]]) -> None:
    kept = []
    for error in decoded.errors:
        if _is_repeated(error.endpoint_id, error.publisher_id, error.number, left):
            decoded.count_repeated(error.endpoint_id, 1)
            decoded.taken_out.add((error.endpoint_id, error.when_us))
        else:
            kept.append(error)
    decoded.errors = kept


def _drop_rejections(decoded: Decoded, left: Mapping[Key, set[int]]) -> None:
    kept = []
    for rejection in decoded.rejections:
        # Not a generator: each number is to be met.
        again = [_is_met(*numbered, left) for numbered in rejection.numbered]
        if again and all(again):
            decoded.count_repeated(rejection.letter.endpoint_id, rejection.rows)
        else:
            kept.append(rejection)
    decoded.rejections = kept


def _is_repeated(
    endpoint_id: str, publisher_id: str | None, number: int | None, left: Mapping[Key, set[int]]
) -> bool:
    if publisher_id is None or number in (None, NO_NUMBER):
        return False
    return _is_met(publisher_id, endpoint_id, number, left)


def _is_met(publisher_id: str, endpoint_id: str, number: int, left: Mapping[Key, set[int]]) -> bool:
    numbers = left.get((publisher_id, endpoint_id))
    if numbers is None:
        return False
    if number not in numbers:
        return True
    numbers.remove(number)
    return False

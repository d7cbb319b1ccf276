"""A false alarm that is taken back: who was told that it is over is told that it goes on, and no one else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelmon.ledger.notices import Notice
from modelmon.stages.notifier.lines import GOES_ON, RESOLVED


def sorted_out(news: Sequence[Notice], told_last: Mapping[int, str]) -> tuple[list[Notice], list[Notice]]:
    """The news to a channel, and apart from it what is none: that something goes on of which the channel has
    never heard that it was over. Where both wait to be told, neither is. `told_last`: of an incident, what
    the channel was told of it."""
    kept: list[Notice] = []
    none: list[Notice] = []
    for each in news:
        if each.what != GOES_ON:
            kept.append(each)
            continue
        before = [one for one in kept if one.incident_id == each.incident_id]
        last = told_last.get(each.incident_id, "")
        newest = before[-1].what if before else last
        is_open = newest not in ("", RESOLVED, GOES_ON)
        if before and newest == RESOLVED:
            kept.remove(before[-1])
            none.append(before[-1])
            is_open = len(before) > 1 or last not in ("", RESOLVED)
        (none if is_open else kept).append(each)
    return kept, none

"""Names of endpoints where several are shown together: no two of them are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line names endpoints without reading any
    from modelmon.views.endpoints import EndpointSummary


def told_apart(shown: Iterable[EndpointSummary]) -> dict[str, str]:
    """Endpoint id to its name; several of one name are told apart by their functions, or else their ids."""
    shown = list(shown)
    names = Counter(each.endpoint_name for each in shown)
    places = Counter((each.endpoint_name, each.function_name) for each in shown)
    said = {}
    for each in shown:
        name, function = each.endpoint_name, each.function_name
        alone = function and places[name, function] == 1
        which = f" ({function if alone else each.endpoint_id})"
        said[each.endpoint_id] = name + which * (names[name] > 1)
    return said

"""A drift file to begin with: budget and floor of the settings, and what references show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from modelmon.drift_choices.reading import FORMAT
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints
from modelmon.ledger.budget_settings import BudgetSettings
from modelmon.model import Endpoint
from modelmon.model_monitoring.locating import opened
from modelmon.private_columns import is_private
from modelmon.settings import Settings
from modelmon.stats.reference import Categories, parse
from modelmon.stats.segments import LEAST_ROWS

MOST_ENDPOINTS = 100
MOST_VALUES = 20
OWN_VALUES = 0.5
"""Share of rows in categories that a reference doesn't list, from which on a column is like an id."""


def suggested_text(settings: Settings) -> str:
    """The file as YAML, with the endpoints of the project in the order of their names, at most 100."""
    budgets = settings.of(BudgetSettings)
    with opened(settings) as database, database.read() as connection:
        known = sorted(endpoints.find(connection), key=lambda each: each.name)
    lines = [
        f"# What drift is judged by in project {settings.project}: change it, then",
        "# `modelmon drift check FILE` finds mistakes, and `modelmon drift set FILE` sets it.",
        "# Of all sections that fit an endpoint's name each key counts as the last one has it.",
        f"format: {FORMAT}",
        "endpoints:",
        f"  {_flow('*')}:",
        f"    alarm_budget: {_flow(budgets.alarm_budget)}",
        f"    floor: {budgets.alarm_floor:g}",
    ]
    for name, endpoint in list({each.name: each for each in known}.items())[:MOST_ENDPOINTS]:
        own = list(_section(settings, endpoint))
        lines += [f"  {_flow(_as_pattern(name))}:", *own] if own else []
    return "\n".join(lines) + "\n"


def _section(settings: Settings, endpoint: Endpoint) -> Iterator[str]:
    names = (*endpoint.feature_names, *endpoint.label_names)
    stats = {name: endpoint.feature_stats[name] for name in names if name in endpoint.feature_stats}
    shown = {name: each for name, each in stats.items() if not is_private(settings, name)}
    found = {name: bins for name, each in shown.items() if (bins := _categories(each)) is not None}
    own = [name for name, bins in found.items() if _has_own_values(bins)]
    apart = [name for name, bins in found.items() if _can_be_judged_apart(bins)]
    if own:
        yield f"    ignore: {_flow(own)}  # nearly every row has a value of its own"
    if shown:
        yield f"    # weights: {_flow({next(iter(shown)): 3.0})}  # three times the budget of another feature"
    if apart:
        yield f"    # segments: {_flow(apart)}  # judge each value apart"


def _categories(stats: Mapping[str, Any]) -> Categories | None:
    try:
        bins = parse(stats)
    except ConfigError:  # a date, a list
        return None
    return bins if isinstance(bins, Categories) else None


def _has_own_values(bins: Categories) -> bool:
    present = float(bins.counts[:-1].sum())
    once = float((bins.counts[:-2] == 1).sum()) + float(bins.counts[-2])
    return present > 0 and once / present >= OWN_VALUES


def _can_be_judged_apart(bins: Categories) -> bool:
    listed = bins.counts[:-2]
    return 2 <= listed.size <= MOST_VALUES and int((listed >= LEAST_ROWS).sum()) >= 2


def _as_pattern(name: str) -> str:
    """A pattern that fits this name alone.

    >>> _as_pattern("fraud[eu]*")
    'fraud[[]eu][*]'
    """
    return "".join(f"[{each}]" if each in "*?[" else each for each in name)


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    written = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return written.removesuffix("\n").removesuffix("\n...")

"""A route: what is asked, who may, what answers, and its words for /docs. One table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.parameters import NoParameters
from modelmon.api.roles import Role

MODULES = (
    "modelmon.api.screens.login",
    "modelmon.api.screens.home",
    "modelmon.api.screens.features",
    "modelmon.api.screens.feature",
    "modelmon.api.screens.rows",
    "modelmon.api.screens.report",
    "modelmon.api.screens.endpoints",
    "modelmon.api.screens.heat_map",
    "modelmon.api.screens.metrics",
    "modelmon.api.screens.overview",
    "modelmon.api.screens.incidents",
    "modelmon.api.screens.handled",
    "modelmon.api.screens.silences",
    "modelmon.api.screens.messages",
    "modelmon.api.screens.rules",
    "modelmon.api.screens.functions",
    "modelmon.api.screens.app",
    "modelmon.api.screens.logged",
    "modelmon.api.screens.models",
    "modelmon.api.screens.challengers",
    "modelmon.api.screens.compare",
    "modelmon.api.rest.documents",
    "modelmon.api.rest.metrics",
    "modelmon.api.rest.endpoints",
    "modelmon.api.rest.of_endpoint",
    "modelmon.api.rest.compare",
    "modelmon.api.rest.incidents",
    "modelmon.api.rest.handled",
    "modelmon.api.rest.silences",
    "modelmon.api.rest.action_runs",
    "modelmon.api.rest.messages",
    "modelmon.api.rest.operations",
    "modelmon.api.rest.actuals",
    "modelmon.api.rest.monitoring",
    "modelmon.api.rest.apps",
    "modelmon.api.rest.models",
    "modelmon.api.rest.challengers",
    "modelmon.api.rest.contracts",
    "modelmon.api.rest.drift_files",
    "modelmon.api.rest.references",
    "modelmon.api.rest.alert_rules",
    "modelmon.api.rest.artifacts",
    "modelmon.api.rest.logged_artifacts",
    "modelmon.api.rest.about",
    "modelmon.api.rest.mlrun.endpoints",
    "modelmon.api.rest.mlrun.metrics",
    "modelmon.api.rest.mlrun.metric_values",
    "modelmon.api.rest.mlrun.functions",
    "modelmon.api.rest.mlrun.activations",
    "modelmon.api.rest.mlrun.alerts",
    "modelmon.api.rest.mlrun.project",
)
"""Modules with a table ROUTES. Of two routes that match a path the earlier one answers."""


class Kind(Enum):
    """What a route's function returns: a view that becomes JSON, a `Page`, or a whole response."""

    JSON = "json"
    PAGE = "page"
    RAW = "raw"


class Opening(Enum):
    """What may be asked without a login: nothing, what `auth_open` names so, or the route always."""

    NEVER = ""
    HEALTH = "health"
    METRICS = "metrics"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Route:
    """`answer` takes the request and its parameters. `words`: one sentence that says what one gets. Where it
    `takes_archive` a body may be as long as the project's settings say, of those who may send one. What it
    `audits` itself, in the transaction that does it, is in the audit already; what it refused is not. What
    `only_looks` leaves no row, whichever method it has."""

    method: str
    path: str
    answer: Callable[[Asked, Any], Any]
    words: str
    parameters: type[msgspec.Struct] = NoParameters
    body: type[msgspec.Struct] | None = None
    role: Role = Role.VIEWER
    kind: Kind = Kind.JSON
    opening: Opening = Opening.NEVER
    takes_archive: bool = False
    audits: bool = False
    only_looks: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page to be rendered: its template and the values that it shows."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


def all_routes() -> tuple[Route, ...]:
    """Every route there is."""
    return tuple(route for name in MODULES for route in import_module(name).ROUTES)

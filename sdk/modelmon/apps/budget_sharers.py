"""Who shares an alarm budget: the apps that judge an endpoint, and the endpoints of the project."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from modelmon.ledger import registry
from modelmon.ledger.requirements import ACTUALS_OR_SCORES, requiring
from modelmon.ledger.schema import endpoints
from modelmon.ledger.waking import actuals_of, is_awake
from modelmon.model import Endpoint
from modelmon.sql.database import Database


@dataclass(frozen=True, slots=True)
class Sharers:
    """The apps that judge an endpoint (none: this one is alone), and how many endpoints there are."""

    apps: tuple[str, ...] = ()
    endpoints: int = 1


def sharers_of(database: Database, endpoint: Endpoint, asking: str = "") -> Sharers:
    """As the project stands now: an app that sleeps has no part, unless it is `asking`. Raises
    UnavailableError."""
    with database.read() as connection:
        active = [app.name for app in registry.active_apps(connection)]
        number = connection.scalar(select(func.count()).select_from(endpoints)) or 1
        asleep = _asleep(connection, endpoint) - {asking}
    chosen = endpoint.policy.get("monitoring_applications")
    judging = (name for name in active if name not in asleep and (chosen is None or name in chosen))
    return Sharers(tuple(judging), number)


def _asleep(connection: Connection, endpoint: Endpoint) -> frozenset[str]:
    """The apps that wait until something tells how right the endpoint is."""
    asleep = requiring(connection, ACTUALS_OR_SCORES)
    if not asleep:
        return asleep
    actuals = actuals_of(connection, endpoint.endpoint_id)
    return frozenset() if is_awake(endpoint.policy, endpoint.performance_hash, actuals) else asleep

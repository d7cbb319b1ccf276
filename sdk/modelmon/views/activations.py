"""Incidents as MLRun tells alerts: what raised them, when, in which of MLRun's words; the newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, not_, or_

from modelmon.errors import ConfigError
from modelmon.from_mlrun.alerts import AlertActivation
from modelmon.incidents import IncidentState, event_kind, is_failure, severity
from modelmon.ledger.incident_schema import incidents
from modelmon.model import ResultKindApp, to_us
from modelmon.settings import Settings
from modelmon.views.endpoint_filters import check_known
from modelmon.views.incidents import Incident, as_shown, is_worst, joined, of_failures

MOST = 500
RESULT_ENTITY, APP_ENTITY = "model-endpoint-result", "model-monitoring-application"
_SEVERITIES = {severity(status): status for status in (1, 2)}
_KINDS = {
    event_kind(False, kind, status): (False, kind, status) for kind in ResultKindApp for status in (1, 2)
} | {event_kind(True, 0, 2): (True, None, 2)}
_IS_FAILURE = of_failures()


@dataclass(frozen=True, slots=True)
class ActivationQuery:
    """Which: raised in [since, until]; `name` and `entity` whole, or a part after a `~`. At most `limit`, of
    numbers below `before`, or from the page `page` on. Raises ConfigError for a word that MLRun does not
    have, and a limit or page that can't be."""

    name: str = ""
    entity: str = ""
    since: datetime | None = None
    until: datetime | None = None
    severities: Collection[str] = ()
    entity_kind: str = ""
    event_kind: str = ""
    limit: int = MOST
    before: int | None = None
    page: int = 1
    project: str = ""

    def __post_init__(self) -> None:
        check_known("severity", self.severities, ["low", *_SEVERITIES])
        check_known("event-kind", [self.event_kind] if self.event_kind else [], _KINDS)
        check_known(
            "entity-kind", [self.entity_kind] if self.entity_kind else [], [RESULT_ENTITY, APP_ENTITY]
        )
        if not 1 <= self.limit <= MOST:
            raise ConfigError(f"page-size: a page has 1 to {MOST} alerts, got {self.limit}")
        if not 1 <= self.page <= 1_000:
            raise ConfigError(f"page: must be from 1 to 1000, got {self.page}; page-token goes further")


def read_activations(
    connection: Connection, settings: Settings, query: ActivationQuery
) -> tuple[Sequence[Incident], int | None]:
    """Some of what was raised, and the number before which the next page begins; None: there is none."""
    chosen = joined().where(incidents.c.state != IncidentState.PENDING.value, *_conditions(query))
    chosen = chosen.order_by(incidents.c.incident_id.desc()).limit(query.limit + 1)
    if query.before is None:
        chosen = chosen.offset((query.page - 1) * query.limit)
    found = [as_shown(settings, row) for row in connection.execute(chosen)]
    page, more = found[: query.limit], len(found) > query.limit
    return page, page[-1].incident_id if more else None


def activation_name(found: Incident) -> str:
    """What the alert is called: endpoint, app and result, as MLRun joins them."""
    return "_".join(each for each in (found.endpoint_id, found.application_name, found.result_name) if each)


def entity_of(project: str, found: Incident) -> tuple[str, str]:
    """What the alert is about: its kind and its id."""
    if is_failure(found.application_name, found.result_name):
        return APP_ENTITY, f"{project}_{found.application_name}"
    return RESULT_ENTITY, f"{found.endpoint_id}.{found.application_name}.result.{found.result_name}"


def _conditions(query: ActivationQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    uid, app, result = (incidents.c[name] for name in ("endpoint_id", "application_name", "result_name"))
    if query.before is not None:
        found.append(incidents.c.incident_id < query.before)
    if query.since is not None:
        found.append(incidents.c.raised_us >= to_us(query.since))
    if query.until is not None:
        found.append(incidents.c.raised_us <= to_us(query.until))
    if query.name:
        plain, failed = uid + "_" + app + "_" + result, uid + "_" + app
        found.append(_either(_named(plain, query.name), _named(failed, query.name)))
    if query.entity:
        plain = uid + "." + app + ".result." + result
        found.append(_either(_named(plain, query.entity), _named(query.project + "_" + app, query.entity)))
    if query.entity_kind:
        found.append(_IS_FAILURE if query.entity_kind == APP_ENTITY else ~_IS_FAILURE)
    if query.severities:
        found.append(or_(*(_is_status(_SEVERITIES.get(each, 0)) for each in query.severities)))
    if query.event_kind:
        failure, kind, status = _KINDS[query.event_kind]
        found += [_IS_FAILURE if failure else not_(_IS_FAILURE), _is_status(status)]
        found += [] if kind is None else [incidents.c.kind == kind]
    return found


def _either(plain: ColumnElement[bool], failed: ColumnElement[bool]) -> ColumnElement[bool]:
    return or_(and_(~_IS_FAILURE, plain), and_(_IS_FAILURE, failed))


def _named(text: ColumnElement[str], wanted: str) -> ColumnElement[bool]:
    if wanted.startswith("~"):
        return text.contains(wanted[1:], autoescape=True)
    return text == wanted


def _is_status(status: int) -> ColumnElement[bool]:
    """As `severity` says it: 1 suspected, 2 detected; nothing is less."""
    return is_worst(status) if status in (1, 2) else incidents.c.incident_id < 0


def before_of(token: str) -> int | None:
    """The number before which a page begins. Raises ConfigError for what is no token."""
    if token and not (token.isascii() and token.isdigit() and len(token) < 20):
        raise ConfigError(f"page-token: {token!r} is not what a page ended with, as in '12'")
    return int(token) if token else None


def activation_of(project: str, found: Incident) -> AlertActivation:
    """An incident as MLRun tells an alert."""
    kind, entity = entity_of(project, found)
    return AlertActivation(
        found.incident_id, activation_name(found), project, found.severity, found.raised, entity, kind,
        found.kind, found.windows, found.resolved, {"count": 1},
    )  # fmt: skip

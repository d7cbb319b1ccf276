"""Reports become durable: series first, then the ledger in one transaction. All of it may be repeated."""

from __future__ import annotations

from operator import attrgetter

from sqlalchemy import Connection

from modelmon.export.export_settings import ExportSettings
from modelmon.ledger import answers, dead_letters, endpoints, outbox
from modelmon.ledger.alert_files import HeldAlerts
from modelmon.ledger.budget_settings import BudgetSettings
from modelmon.ledger.endpoint_apps import count_again
from modelmon.ledger.exporting import note_judged
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.incidents import Told
from modelmon.ledger.quiet_apps import QUIET, quiet_endpoints
from modelmon.ledger.rules_in_force import RulesInForce, rules_in_force
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.writer.folding import fold_reports
from modelmon.stages.writer.incoming import Reading, registered_only
from modelmon.stores.series.base import SeriesStore


def write(
    database: Database,
    series: SeriesStore,
    reading: Reading,
    now_us: int,
    settings: Settings,
    held: HeldProfiles,
    alerts: HeldAlerts,
) -> list[Told]:
    """Write what was read; returns what there is to tell of incidents, which the outbox has then.

    Whoever reads the series asks the ledger which revision of a window counts: what is written here of a
    lower one, or by a writer that slept and was replaced, is never shown. Raises UnavailableError; then some
    of it may be written, and all of it is written again.
    """
    with database.read() as connection:
        reading = _registered_only(connection, reading, now_us)
    series.write_values([value for report in reading.reports for value in report.values])
    series.write_features([report.window_features for report in reading.reports if report.features])
    with database.write() as connection:
        reading = _registered_only(connection, reading, now_us)  # who is forgotten now waits for us
        dead_letters.keep(connection, reading.letters, dead_letters.Limits.of(settings))
        in_order = sorted(reading.reports, key=attrgetter("key"))  # as others do who lock several windows
        quiet = _quiet(connection, reading, settings)
        rules = _rules(connection, reading, alerts)
        told = [
            each
            for report in in_order
            for each in answers.apply(
                connection, report, now_us, settings.app_attempts, quiet=report.key[:2] in quiet, rules=rules
            )
        ]
        folded = fold_reports(connection, held, in_order, now_us, rules)
        told += folded.told
        count_again(connection, {report.key for report in reading.reports}, settings.app_min_rows)
        outbox.write(connection, [incident_fact(settings, each) for each in told], now_us)
    series.write_values(folded.points)
    _have_exported(database, reading, settings)
    return told


def _have_exported(database: Database, reading: Reading, settings: Settings) -> None:
    """Last of all: who exports a window finds what was gathered over windows beside its other values. Killed
    before, the answer comes again, and is noted then."""
    judged = [(report.key, report.revision) for report in reading.reports if report.values]
    if judged and settings.of(ExportSettings).has_collector:
        with database.write() as connection:
            note_judged(connection, judged)


def _quiet(connection: Connection, reading: Reading, settings: Settings) -> set[tuple[str, str]]:
    """Endpoint and app of those reports of which nothing is an incident."""
    asked = {report.key.endpoint_id for report in reading.reports if report.key.application_name == QUIET}
    when = settings.of(BudgetSettings).histogram_incidents
    return {(endpoint_id, QUIET) for endpoint_id in quiet_endpoints(connection, asked, when)}


def _rules(connection: Connection, reading: Reading, alerts: HeldAlerts) -> RulesInForce:
    asked = {report.key.endpoint_id for report in reading.reports}
    return rules_in_force(connection, alerts.newest(connection), asked)


def _registered_only(connection: Connection, reading: Reading, now_us: int) -> Reading:
    wanted = {report.key.endpoint_id for report in reading.reports}
    return registered_only(reading, endpoints.hold(connection, wanted), now_us)

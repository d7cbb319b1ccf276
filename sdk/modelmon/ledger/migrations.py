"""How one version of the records and the ledger becomes the next.

A new database gets the tables of `schema.py` at once. The steps are for older ones: each makes exactly what a
new database has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Connection, Index, MetaData, Table, and_, exists, func, inspect, select, text
from sqlalchemy.schema import CreateColumn

from modelmon.ledger.action_runs import action_runs
from modelmon.ledger.actuals_schema import ACTUALS_TABLES
from modelmon.ledger.challengers import challengers
from modelmon.ledger.contracts import contracts
from modelmon.ledger.delivery_schema import DELIVERY_TABLES, channel_pauses, delivery_counts, messages
from modelmon.ledger.deployments_known import make_history
from modelmon.ledger.drift_files import drift_files
from modelmon.ledger.incident_schema import INCIDENT_TABLES, incidents, watches
from modelmon.ledger.incidents_from_alerts import incidents_from_alerts
from modelmon.ledger.job_runs import job_runs
from modelmon.ledger.lost_events import lost_events
from modelmon.ledger.metadata import metadata
from modelmon.ledger.past_windows import past_windows
from modelmon.ledger.profiles import endpoint_references, profiles
from modelmon.ledger.restarts import function_restarts
from modelmon.ledger.schema import (
    artifacts,
    audit,
    dead_letters,
    dirty,
    endpoint_apps,
    endpoints,
    erasures,
    exports,
    files,
    judged,
    latencies,
    login_failures,
    publishers,
    reported,
    rewrites,
    schema_versions,
    stream_marks,
    tokens,
    traffic,
    void_ranges,
    windows,
)
from modelmon.ledger.silences import silences
from modelmon.ledger.sql_views import VIEWS
from modelmon.ledger.sum_schema import sum_states, window_sums
from modelmon.sql.schema import Schema
from modelmon.sql.types import make_exact
from modelmon.sql.views import create_views


def _create_all(connection: Connection) -> None:
    metadata.create_all(connection)


def _create_tables(*tables: Table) -> Callable[[Connection], None]:
    """A step that makes tables that a step before may have made."""
    return lambda connection: metadata.create_all(connection, tables)


def _add_columns(*columns: Column[Any]) -> Callable[[Connection], None]:
    """A step that adds columns; a table that a step before has just made has them."""

    def add(connection: Connection) -> None:
        for column in columns:
            table = column.table.name
            if column.name in {found["name"] for found in inspect(connection).get_columns(table)}:
                continue
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {definition}"))

    return add


def _create_indexes(connection: Connection, *names: str) -> None:
    """Indexes of the windows, whose columns a step has made by now."""
    for index in windows.indexes:
        if index.name in names:
            index.create(connection, checkfirst=True)


def _count_windows(connection: Connection) -> None:
    """How each app stands with each endpoint, counted once over all windows."""
    from modelmon.ledger.endpoint_apps import count_everything

    _add_columns(windows.c.counted)(connection)
    endpoint_apps.create(connection, checkfirst=True)
    _create_indexes(connection, "windows_under_way")
    count_everything(connection)


def _know_what_was_reported(connection: Connection) -> None:
    """Values that apps reported of windows that they never ended counted by being there."""
    reported.create(connection, checkfirst=True)
    if not inspect(connection).has_table("value_series"):
        return
    values = Table("value_series", MetaData(), autoload_with=connection)
    key = (values.c.endpoint_id, values.c.application_name, values.c.start_us)
    same = and_(*(column == windows.c[column.name] for column in key))
    ended = exists().where(same, windows.c.answered > 0)
    spoken_of = select(*key, func.max(values.c.revision)).where(~ended).group_by(*key)
    connection.execute(reported.insert().from_select(list(reported.c.keys()), spoken_of))
    for name in ("traffic_series", "value_series"):
        table = Table(name, MetaData(), autoload_with=connection)
        if not connection.scalar(select(exists().select_from(table))):
            table.drop(connection)  # the series are elsewhere


def _note_reach(connection: Connection) -> None:
    """Files that reach over more than an hour, and `rewrites` instead of `compactions`, none of which lives
    through an upgrade."""
    _add_columns(files.c.reach, files.c.columns, files.c.committed_us)(connection)
    before = MetaData()
    Index("files_by_time", Table("files", before, Column("endpoint_id")).c.endpoint_id).drop(
        connection, checkfirst=True
    )
    Table("compactions", before).drop(connection, checkfirst=True)
    for index in files.indexes:
        index.create(connection, checkfirst=True)
    rewrites.create(connection, checkfirst=True)


def _wait_for_watermark(connection: Connection) -> None:
    """What a window waits for beside the clock, and the indexes that find it by that."""
    _add_columns(windows.c.watermark_us)(connection)
    before = Table("windows", MetaData(), Column("check_us"))
    Index("windows_to_check", before.c.check_us).drop(connection, checkfirst=True)
    _create_indexes(connection, "windows_due", "windows_waiting")


def _use_exact_types(connection: Connection) -> None:
    """On a server the columns had its own collation, on MySQL numbers of 4 bytes and texts of 64 KB, too."""
    for table in metadata.sorted_tables:
        if inspect(connection).has_table(table.name):
            there = {found["name"] for found in inspect(connection).get_columns(table.name)}
            make_exact(connection, table, there)


def _make_incidents(connection: Connection) -> None:
    metadata.create_all(connection, INCIDENT_TABLES)
    incidents_from_alerts(connection)


def _order_ended_incidents(connection: Connection) -> None:
    """Indexes that have those that ended in order; the one before had them in no order that was asked for."""
    before = Table("incidents", MetaData(), Column("endpoint_id"))
    Index("incidents_of_app", before.c.endpoint_id).drop(connection, checkfirst=True)
    for index in incidents.indexes:
        index.create(connection, checkfirst=True)


def _order_ended_messages(connection: Connection) -> None:
    """An index that has those that ended in order, of each channel."""
    for index in messages.indexes:
        index.create(connection, checkfirst=True)


def _create_views(connection: Connection) -> None:
    create_views(connection, VIEWS)


def _note_runs(connection: Connection) -> None:
    """When each window was answered, and what functions failed over."""
    _add_columns(windows.c.answered_us)(connection)
    function_restarts.create(connection, checkfirst=True)


def _keep_profiles(connection: Connection) -> None:
    """The profiles of training sets, and which endpoint has which."""
    _add_columns(endpoints.c.profile_hash)(connection)
    profiles.create(connection, checkfirst=True)


def _take_actuals(connection: Connection) -> None:
    """Tables of the actuals, and how many came for predictions of a minute."""
    metadata.create_all(connection, ACTUALS_TABLES)
    _add_columns(dirty.c.actuals)(connection)


def _choose_for_drift(connection: Connection) -> None:
    """The drift file, and what was chosen of the features whose sums are kept."""
    drift_files.create(connection, checkfirst=True)
    _add_columns(window_sums.c.chosen)(connection)


def _take_silences(connection: Connection) -> None:
    """What people do with an incident that goes on."""
    metadata.create_all(connection, [silences])
    _add_columns(*(incidents.c[f"acked_{each}"] for each in ("us", "by", "note", "until_us")))(connection)


MIGRATIONS: dict[int, Callable[[Connection], None]] = {
    1: _create_all,
    2: _create_all,
    3: _add_columns(publishers.c.gaps, traffic.c.repeated),
    4: _add_columns(traffic.c.last_error_us),
    5: _create_tables(stream_marks),
    6: _count_windows,
    7: _know_what_was_reported,
    8: _note_reach,
    9: _wait_for_watermark,
    10: _add_columns(dead_letters.c.not_kept),
    11: _use_exact_types,
    12: _create_tables(erasures),
    13: _add_columns(publishers.c.noted_us, void_ranges.c.noted_us),
    14: _make_incidents,
    15: _order_ended_incidents,
    16: _create_tables(tokens, login_failures, audit),
    17: _add_columns(endpoints.c.deleting_us),
    18: _create_tables(artifacts),
    19: _create_views,
    20: make_history,
    21: _create_tables(judged, exports),
    22: _note_runs,
    23: _create_tables(latencies),
    24: _keep_profiles,
    25: _take_actuals,
    26: _create_tables(contracts),
    27: _create_tables(window_sums, sum_states),
    28: _add_columns(endpoints.c.performance_hash),
    29: _create_tables(lost_events),
    30: _add_columns(*(incidents.c[f"marked_{each}"] for each in ("us", "by", "note", "state"))),
    31: _create_tables(*DELIVERY_TABLES),
    32: _create_tables(past_windows),
    33: _add_columns(incidents.c.severity),
    34: _choose_for_drift,
    35: _add_columns(windows.c.empty),
    36: _take_silences,
    37: _create_tables(endpoint_references),
    38: _create_tables(action_runs),
    39: _create_tables(delivery_counts),
    40: _create_tables(challengers, job_runs),
    41: _create_tables(channel_pauses),
    42: _order_ended_messages,
    43: _add_columns(challengers.c.model_hash),
    44: _add_columns(*(challengers.c[f"approved_{each}"] for each in ("by", "comment", "us"))),
    45: _add_columns(watches.c.standing, incidents.c.flapping_us),
    46: _add_columns(challengers.c.next_us),
}
"""Version to the step that makes it from the version before; forward only. 2 added `heartbeats`; since 7 the
series have a schema of their own (`stores/series/migrations.py`), which takes over their old tables."""

SCHEMA = Schema(metadata, schema_versions, MIGRATIONS, create_views=_create_views)

"""More dashboards over the SQL views: of one application, and of ModelMon itself."""

from __future__ import annotations

from panels import HEALTHY, STATUS, Dashboard, Panel, words_column
from postgresql import (
    EACH_APPLICATION,
    IDS,
    INCIDENT_COLUMNS,
    INCIDENTS,
    ONE_APPLICATION,
    PROJECT,
    TO_ENDPOINT,
)

OF_APPLICATION = "application_name = ${application:sqlstring}"
OF_EACH = "application_name IN (${application:sqlstring})"
WINDOWS_BY_STATE = (
    "SELECT $__timeGroupAlias(window_end, $__interval), state, count(*)::double precision AS windows\n"
    "FROM modelmon_v1_windows WHERE $__timeFilter(window_end) AND {} GROUP BY 1, 2 ORDER BY 1, 2"
)


def _windows(title: str, condition: str, description: str, *bad_from: float | None) -> Panel:
    query = (
        f"SELECT count(*) AS windows FROM modelmon_v1_windows WHERE $__timeFilter(window_end) AND {condition}"
    )
    return Panel(title, "stat", query, description, width=6, bad_from=(*bad_from, None, None)[:2])


APPLICATION = Dashboard(
    "modelmon-application-pg", "ModelMon: application",
    "One monitoring application: what it found, and how far it has come.",
    variables=(PROJECT, ONE_APPLICATION), since="now-7d",
    rows=(
        (4, (
            _windows("Windows done", f"{OF_APPLICATION} AND state = 'done'",
                     "Windows of the time shown that it was done with."),
            _windows("Windows failed", f"{OF_APPLICATION} AND state = 'failed'",
                     "Windows of the time shown that it failed on, or never answered.", None, 1),
            _windows("Windows on the way", f"{OF_APPLICATION} AND state IN ('waiting', 'sent', 'retrying')",
                     "Windows of the time shown that are waited for."),
            Panel("Open incidents", "stat",
                  f"SELECT count(*) AS open FROM modelmon_v1_incidents WHERE resolved IS NULL AND {OF_APPLICATION}",
                  "Incidents of its results that are not resolved.", bad_from=(None, 1)),
        )),
        (9, (
            Panel("Windows by state", "timeseries", WINDOWS_BY_STATE.format(OF_APPLICATION),
                  "Windows of all endpoints by their end, and where they stand.", width=12, is_stacked=True),
            Panel("Words on windows", "timeseries",
                  "SELECT $__timeGroupAlias(window_end, $__interval),\n"
                  "  CASE status WHEN 2 THEN 'detected' WHEN 1 THEN 'suspected' WHEN 0 THEN 'no detection'\n"
                  "    ELSE 'no verdict' END AS said, count(*)::double precision AS results\n"
                  f"FROM modelmon_v1_results WHERE $__timeFilter(window_end) AND {OF_APPLICATION}\n"
                  "GROUP BY 1, 2 ORDER BY 1, 2",
                  "Its results of all endpoints, by what they say.", width=12, is_stacked=True),
        )),
        (9, (
            Panel("Values of its results", "timeseries",
                  "SELECT $__timeGroupAlias(window_end, $__interval), result_name, max(value) AS highest,\n"
                  "  percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS median\n"
                  f"FROM modelmon_v1_results WHERE $__timeFilter(window_end) AND {OF_APPLICATION}\n"
                  "GROUP BY 1, 2 ORDER BY 1, 2",
                  "The highest and the median value of each result over all endpoints.", width=12),
            Panel("From the end of a window to its sending", "timeseries",
                  "SELECT $__timeGroupAlias(window_end, $__interval),\n"
                  "  avg(extract(epoch FROM sent - window_end))::double precision AS \"mean\",\n"
                  "  max(extract(epoch FROM sent - window_end))::double precision AS \"longest\"\n"
                  "FROM modelmon_v1_windows\n"
                  f"WHERE $__timeFilter(window_end) AND {OF_APPLICATION} AND sent IS NOT NULL GROUP BY 1 ORDER BY 1",
                  "How long windows waited before the app was sent them. Late rows make it long.", width=12,
                  unit="s"),
        )),
        (10, (
            Panel("Endpoints, the worst first", "table",
                  "SELECT endpoint_name, endpoint_id, max(status) AS status, max(value) AS highest_value,\n"
                  "  count(DISTINCT window_start) AS windows, max(window_end) AS newest_window\n"
                  f"FROM modelmon_v1_results WHERE $__timeFilter(window_end) AND {OF_APPLICATION}\n"
                  "GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC LIMIT 100",
                  "The worst word and the highest value in the time shown.", width=12,
                  columns={"endpoint_name": TO_ENDPOINT, "status": words_column(STATUS),
                           "highest_value": {"decimals": 3}}, hidden=IDS),
            Panel("Incidents", "table", INCIDENTS.format(OF_APPLICATION),
                  "Open ones first, then those that ended.", width=12,
                  columns={**INCIDENT_COLUMNS, "application_name": {}}, hidden=IDS),
        )),
    ),
)  # fmt: skip


def _functions(title: str, value: str, description: str, unit: str = "short", **more: object) -> Panel:
    query = f"SELECT {value} FROM modelmon_v1_functions"
    return Panel(title, "stat", query, description, width=6, unit=unit, **more)


OPERATIONS = Dashboard(
    "modelmon-operations-pg", "ModelMon: operations",
    "Whether ModelMon itself does its work: functions, lag, windows, rows that were lost or late.",
    variables=(PROJECT, EACH_APPLICATION),
    rows=(
        (4, (
            _functions("Functions down", "count(DISTINCT function_name) FILTER (WHERE healthy = 0) AS down",
                       "Functions of which a worker does not do its work, or of which none is heard.",
                       bad_from=(None, 1)),
            _functions("Messages behind", "coalesce(sum(behind_messages), 0)::double precision AS behind",
                       "Messages that no function has committed yet.", bad_from=(10_000, 100_000)),
            _functions("Oldest message", "coalesce(max(behind_seconds), 0) AS oldest",
                       "Age of the oldest message that is not committed.", unit="s", bad_from=(60, 600)),
            _functions("Since the quietest function was heard",
                       "extract(epoch FROM now() - min(last_beat))::double precision AS age",
                       "Time since the last heartbeat of the worker that was heard least lately.", unit="s"),
        )),
        (9, (
            Panel("Functions", "table",
                  "SELECT function_name, kind, worker, state, healthy, since, last_beat, behind_messages,\n"
                  "  behind_seconds FROM modelmon_v1_functions ORDER BY healthy NULLS LAST, function_name, worker",
                  "Every worker, as it was heard last.", width=24,
                  links=(("On ModelMon's page", "${page:raw}/projects/${project}/functions"),),
                  columns={"healthy": words_column(HEALTHY),
                      "behind_seconds": {"unit": "s"}}),
        )),
        (8, (
            Panel("Windows by state", "timeseries", WINDOWS_BY_STATE.format(OF_EACH),
                  "Windows by their end, and where they stand.", width=12, is_stacked=True),
            Panel("Rows stored", "timeseries",
                  "SELECT $__timeGroupAlias(minute, $__interval), sum(rows)::double precision AS rows\n"
                  "FROM modelmon_v1_traffic WHERE $__timeFilter(minute) GROUP BY 1 ORDER BY 1",
                  "Rows of answered requests in each interval.", width=12),
        )),
        (9, (
            Panel("Windows that are not done", "table",
                  "SELECT endpoint_name, endpoint_id, application_name, window_start, window_end, state, sends, sent\n"
                  f"FROM modelmon_v1_windows WHERE $__timeFilter(window_end) AND {OF_EACH} AND state <> 'done'\n"
                  "ORDER BY window_end DESC LIMIT 100",
                  "Windows that failed or are waited for, the newest first.", width=12,
                  columns={"endpoint_name": TO_ENDPOINT}, hidden=IDS),
            Panel("Rows that were lost or late", "table",
                  "SELECT endpoint_name, endpoint_id, rows_rejected, events_missing, rows_errors, rows_late,\n"
                  "  rows_repeated FROM modelmon_v1_endpoints\n"
                  "WHERE rows_rejected + events_missing + rows_errors + rows_late + rows_repeated > 0\n"
                  "ORDER BY rows_rejected + events_missing DESC, rows_late DESC LIMIT 100",
                  "Since each endpoint was made. Rejected ones are dead letters, which can be sent again.",
                  width=12, columns={"endpoint_name": TO_ENDPOINT}, hidden=IDS),
        )),
    ),
)  # fmt: skip

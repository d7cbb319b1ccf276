"""The dashboards over the SQL views, for Grafana's PostgreSQL data source."""

from __future__ import annotations

from panels import STATUS, Dashboard, Panel, Variable, link_column, words_column

SOURCE = "grafana-postgresql-datasource"
HERE = "/d/modelmon-{}-pg?var-datasource=${{datasource}}&var-page=${{page:raw}}&${{__url_time_range}}"
ENDPOINT_ON_PAGE = "${page:raw}/projects/${project}/endpoints/${__data.fields.endpoint_id}"
TO_ENDPOINT = link_column(
    ("Endpoint", HERE.format("endpoint") + "&var-endpoint=${__data.fields.endpoint_id}"),
    ("On ModelMon's page", ENDPOINT_ON_PAGE),
)
TO_APPLICATION = link_column(
    ("Application", HERE.format("application") + "&var-application=${__data.fields.application_name}")
)
TO_INCIDENT = link_column(
    ("On ModelMon's page", "${page:raw}/projects/${project}/incidents/${__data.fields.incident_id}")
)
IDS = ("endpoint_id",)
PROJECT = Variable(
    "project", "Project", "SELECT DISTINCT project FROM modelmon_v1_endpoints ORDER BY 1", is_hidden=True
)
ENDPOINT = Variable(
    "endpoint", "Endpoint",
    "SELECT endpoint_name AS __text, endpoint_id AS __value FROM modelmon_v1_endpoints ORDER BY 1",
)  # fmt: skip
APPLICATIONS = (
    "SELECT application_name FROM modelmon_v1_windows GROUP BY 1 UNION "
    "SELECT application_name FROM modelmon_v1_incidents GROUP BY 1 ORDER BY 1"
)
EACH_APPLICATION = Variable("application", "Applications", APPLICATIONS, several=True)
ONE_APPLICATION = Variable("application", "Application", APPLICATIONS)
SECONDS_SINCE = "extract(epoch FROM now() - {})::double precision"
REQUESTS = (
    "SELECT $__timeGroupAlias(minute, $__interval),\n"
    "  sum(requests)::double precision AS \"requests\", sum(errors)::double precision AS \"errors\"\n"
    "FROM modelmon_v1_traffic WHERE $__timeFilter(minute){} GROUP BY 1 ORDER BY 1"
)  # fmt: skip
INCIDENTS = (
    "SELECT incident_id, endpoint_name, endpoint_id, application_name, result_name, kind, state, status, worst_value,\n"
    "  windows, first_window, changed\n"
    "FROM modelmon_v1_incidents WHERE {} ORDER BY resolved IS NOT NULL, changed DESC LIMIT 100"
)  # fmt: skip
INCIDENT_COLUMNS = {
    "incident_id": TO_INCIDENT, "endpoint_name": TO_ENDPOINT, "application_name": TO_APPLICATION,
    "status": words_column(STATUS), "worst_value": {"decimals": 3},
}  # fmt: skip


def _count(title: str, query: str, description: str, *bad_from: float | None, width: int = 4) -> Panel:
    return Panel(title, "stat", query, description, width=width, bad_from=(*bad_from, None, None)[:2])


FLEET = Dashboard(
    "modelmon-fleet-pg", "ModelMon: fleet", "Which of all models has gone wrong, and since when.",
    variables=(PROJECT,), since="now-7d",
    rows=(
        (4, (
            _count("Endpoints", "SELECT count(*) AS endpoints FROM modelmon_v1_endpoints",
                   "Model endpoints that are known."),
            _count("Detected", "SELECT count(*) AS detected FROM modelmon_v1_endpoints WHERE status = 2",
                   "Endpoints of which an app's newest word is: detected.", None, 1),
            _count("Suspected", "SELECT count(*) AS suspected FROM modelmon_v1_endpoints WHERE status = 1",
                   "Endpoints of which the worst newest word is: suspected.", 1),
            _count("Open incidents", "SELECT count(*) AS open FROM modelmon_v1_incidents WHERE resolved IS NULL",
                   "Incidents that are not resolved.", None, 1),
            _count("Silent for a day", "SELECT count(*) AS silent FROM modelmon_v1_endpoints\n"
                   "WHERE last_request < now() - interval '1 day' OR last_request IS NULL",
                   "Endpoints without a request in the last 24 hours.", 1),
            _count("Not judged for a day", "SELECT count(*) AS old FROM modelmon_v1_endpoints\n"
                   "WHERE last_analyzed < now() - interval '1 day' OR last_analyzed IS NULL",
                   "Endpoints of which no window ended that an app was done with in the last 24 hours.", 1),
        )),
        (11, (
            Panel("Endpoints, the worst first", "table",
                  "SELECT e.endpoint_name, e.endpoint_id, e.status, e.open_incidents, w.value AS worst_value,\n"
                  "  w.result_name AS of_result, w.first_window AS bad_since, e.function_name, e.last_request,\n"
                  "  e.last_analyzed, e.windows_failed, e.rows_stored\n"
                  "FROM modelmon_v1_endpoints e LEFT JOIN LATERAL (\n"
                  "  SELECT worst_value AS value, result_name, first_window FROM modelmon_v1_incidents i\n"
                  "  WHERE i.endpoint_id = e.endpoint_id AND i.resolved IS NULL\n"
                  "  ORDER BY status DESC, worst_value DESC NULLS LAST LIMIT 1) w ON true\n"
                  "ORDER BY e.status DESC NULLS LAST, w.value DESC NULLS LAST, e.endpoint_name LIMIT 100",
                  "The newest word of the apps, and the worst open incident. The page says it in words.", width=24,
                  columns={"endpoint_name": TO_ENDPOINT, "status": words_column(STATUS),
                           "worst_value": {"decimals": 3}}, hidden=IDS),
        )),
        (8, (
            Panel("Incidents raised", "timeseries",
                  "SELECT $__timeGroupAlias(raised, $__interval), kind, count(*)::double precision AS raised\n"
                  "FROM modelmon_v1_incidents WHERE $__timeFilter(raised) GROUP BY 1, 2 ORDER BY 1, 2",
                  "Incidents by the time they were raised, and by the kind of result.", width=12,
                  is_stacked=True),
            Panel("Requests", "timeseries", REQUESTS.format(""),
                  "Requests of all endpoints in each interval, answered and failed.", width=12,
                  columns={"errors": {"color": {"mode": "fixed", "fixedColor": "dark-red"}}}),
        )),
        (9, (
            Panel("Open incidents", "table", INCIDENTS.format("resolved IS NULL"),
                  "What is open, the newest change first.", width=24, columns=INCIDENT_COLUMNS, hidden=IDS),
        )),
    ),
)  # fmt: skip

OF_ENDPOINT = "endpoint_id = ${endpoint:sqlstring}"
OF_BOTH = f"{OF_ENDPOINT} AND application_name IN (${{application:sqlstring}})"


def _of_endpoint(title: str, value: str, description: str, unit: str = "short", **more: object) -> Panel:
    query = f"SELECT {value} FROM modelmon_v1_endpoints WHERE {OF_ENDPOINT}"
    return Panel(title, "stat", query, description, width=4, unit=unit, **more)


MODEL = Dashboard(
    "modelmon-endpoint-pg", "ModelMon: model endpoint",
    "One endpoint: what its apps say, by which thresholds, on how many rows.",
    variables=(PROJECT, ENDPOINT, EACH_APPLICATION,
               Variable("result", "Result", "SELECT DISTINCT result_name FROM modelmon_v1_results\n"
                        f"WHERE {OF_ENDPOINT} ORDER BY 1")), since="now-7d",
    rows=(
        (4, (
            _of_endpoint("Status", "status", "The worst newest word of its apps.", words=STATUS,
                         links=(("On ModelMon's page", "${page:raw}/projects/${project}/endpoints/${endpoint}"),)),
            _of_endpoint("Open incidents", "open_incidents", "Incidents that are not resolved.",
                         bad_from=(None, 1)),
            _of_endpoint("Since the last request", SECONDS_SINCE.format("last_request") + " AS age",
                         "Time since its newest request.", unit="s"),
            _of_endpoint("Since the last verdict", SECONDS_SINCE.format("last_analyzed") + " AS age",
                         "Time since the end of the newest window that an app was done with.", unit="s"),
            _of_endpoint("Rows", "rows_stored", "Rows that were stored since it was made."),
            _of_endpoint("Windows failed", "windows_failed", "Windows that its apps failed on.",
                         bad_from=(1, None)),
        )),
        (9, (
            Panel("One result and its thresholds", "timeseries",
                  "SELECT window_start AS \"time\", application_name, value, potential_threshold, detected_threshold\n"
                  f"FROM modelmon_v1_results WHERE $__timeFilter(window_start) AND {OF_BOTH}\n"
                  "  AND result_name = ${result:sqlstring} ORDER BY 1, 2",
                  "The value of each window, and the thresholds that were stored with it.", width=16,
                  columns={name: {"custom.lineStyle": {"fill": "dash", "dash": [8, 8]},
                                  "color": {"mode": "fixed", "fixedColor": color}}
                           for name, color in (("potential_threshold", "dark-orange"),
                                               ("detected_threshold", "dark-red"))}),
            Panel("Rows of its windows", "timeseries",
                  "SELECT window_start AS \"time\", application_name, rows::double precision AS rows\n"
                  f"FROM modelmon_v1_windows WHERE $__timeFilter(window_start) AND {OF_BOTH} ORDER BY 1, 2",
                  "How many rows the verdict on each window stands on.", width=8),
        )),
        (7, (
            Panel("What each window said", "state-timeline",
                  "SELECT window_start AS \"time\", result_name, status::double precision AS status\n"
                  f"FROM modelmon_v1_results WHERE $__timeFilter(window_start) AND {OF_BOTH} ORDER BY 1, 2",
                  "The status of every result, window by window.", width=24, words=STATUS),
        )),
        (9, (
            Panel("Results", "timeseries",
                  "SELECT window_start AS \"time\", application_name, result_name, value\n"
                  f"FROM modelmon_v1_results WHERE $__timeFilter(window_start) AND {OF_BOTH} ORDER BY 1, 2, 3",
                  "Every result of the chosen apps.", width=12),
            Panel("Metrics", "timeseries",
                  "SELECT window_start AS \"time\", application_name, metric_name, value\n"
                  f"FROM modelmon_v1_metrics WHERE $__timeFilter(window_start) AND {OF_BOTH} ORDER BY 1, 2, 3",
                  "Every metric of the chosen apps.", width=12),
        )),
        (8, (
            Panel("Requests", "timeseries", REQUESTS.format(f"\n  AND {OF_ENDPOINT}"),
                  "Its requests in each interval, answered and failed.", width=12,
                  columns={"errors": {"color": {"mode": "fixed", "fixedColor": "dark-red"}}}),
            Panel("Latency", "timeseries",
                  "SELECT $__timeGroupAlias(minute, $__interval),\n"
                  "  sum(latency_seconds_sum) / nullif(sum(latency_count), 0)::double precision AS \"mean\",\n"
                  "  max(latency_seconds_max) AS \"longest\"\n"
                  f"FROM modelmon_v1_traffic WHERE $__timeFilter(minute) AND {OF_ENDPOINT} GROUP BY 1 ORDER BY 1",
                  "Mean and longest latency of its requests in each interval.", width=12, unit="s"),
        )),
        (8, (
            Panel("Incidents", "table", INCIDENTS.format(OF_ENDPOINT),
                  "Open ones first, then those that ended.", width=24,
                  columns={**INCIDENT_COLUMNS, "endpoint_name": {}}, hidden=IDS),
        )),
    ),
)  # fmt: skip

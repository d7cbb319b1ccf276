"""The dashboards over `/metrics`, for Grafana's Prometheus data source."""

from __future__ import annotations

from panels import HEALTHY, STATUS, Dashboard, Panel, Variable, link_column, words_column

SOURCE = "prometheus"
TO_ENDPOINT = link_column((
    "Endpoint",
    "/d/modelmon-endpoint-prom?var-datasource=${datasource}&var-page=${page:raw}&${__url_time_range}"
    "&var-project=${__data.fields.project}&var-endpoint=${__data.fields.endpoint}",
))  # fmt: skip
PROJECTS = Variable("project", "Projects", "label_values(modelmon_endpoints, project)", several=True)
ONE_PROJECT = Variable("project", "Project", "label_values(modelmon_endpoints, project)")
ENDPOINT = Variable(
    "endpoint", "Endpoint", 'label_values(modelmon_endpoint_info{project="$project"}, endpoint)'
)
OF_PROJECTS = 'project=~"$project"'
OF_ENDPOINT = 'project="$project", endpoint="$endpoint"'
LATENCY = (  # without the intervals that had no request
    "histogram_quantile(0.95, sum by (project, le) "
    "(rate(modelmon_request_latency_seconds_bucket{{{}}}[$__rate_interval]))) >= 0"
)
HIDDEN = ("Time", "__name__", "instance", "job")


def _stat(
    title: str, query: str, description: str, width: int = 6, unit: str = "short", **more: object
) -> Panel:
    return Panel(title, "stat", query, description, width=width, unit=unit, **more)


def _lines(title: str, query: str, description: str, legend: str, **more: object) -> Panel:
    return Panel(title, "timeseries", query, description, legend=legend, **{"width": 12, **more})


FLEET = Dashboard(
    "modelmon-fleet-prom", "ModelMon: fleet (Prometheus)", "Which of all models has gone wrong.",
    variables=(PROJECTS,),
    rows=(
        (4, (
            _stat("Endpoints", f"sum(modelmon_endpoints{{{OF_PROJECTS}}})", "Model endpoints that are known."),
            _stat("Detected", f'sum(modelmon_endpoints{{{OF_PROJECTS}, state="detected"}}) or vector(0)',
                  "Endpoints in the state detected.", bad_from=(None, 1)),
            _stat("Suspected", f'sum(modelmon_endpoints{{{OF_PROJECTS}, state="suspected"}}) or vector(0)',
                  "Endpoints in the state suspected.", bad_from=(1, None)),
            _stat("Open incidents", f"sum(modelmon_incidents_open{{{OF_PROJECTS}}}) or vector(0)",
                  "Incidents that are not resolved.", bad_from=(None, 1)),
        )),
        (9, (
            _lines("Endpoints by state", f"sum by (state) (modelmon_endpoints{{{OF_PROJECTS}}})",
                   "Every endpoint is in one state, the worst that is known of it.", "{{state}}",
                   is_stacked=True),
            Panel("Worst status", "table",
                  f"topk(50, max by (project, endpoint, kind) (modelmon_status{{{OF_PROJECTS}}}))",
                  "The worst status of each endpoint, by the kind of result.", width=12,
                  columns={"endpoint": TO_ENDPOINT, "Value": words_column(STATUS)}, hidden=HIDDEN),
        )),
        (9, (
            _lines("Highest results",
                   f"topk(10, max by (endpoint, application, result) (modelmon_result{{{OF_PROJECTS}}}))",
                   "The ten highest of the results that are not stale.", "{{endpoint}}: {{result}}"),
            _lines("Rows per second",
                   f"sum by (outcome) (rate(modelmon_rows_total{{{OF_PROJECTS}}}[$__rate_interval]))",
                   "Rows of all endpoints, by what became of them.", "{{outcome}}", unit="rowsps"),
        )),
        (8, (
            _lines("Latency", LATENCY.format(OF_PROJECTS),
                   "What 95 % of the requests of all endpoints did not exceed.", "{{project}}", unit="s", width=24),
        )),
    ),
)  # fmt: skip

MODEL = Dashboard(
    "modelmon-endpoint-prom", "ModelMon: model endpoint (Prometheus)", "One endpoint: what its apps say.",
    variables=(ONE_PROJECT, ENDPOINT),
    rows=(
        (4, (
            _stat("Status", f"max(modelmon_status{{{OF_ENDPOINT}}})", "The worst status of its results.",
                  words=STATUS),
            _stat("Since the last request", f"time() - max(modelmon_last_request_timestamp_seconds{{{OF_ENDPOINT}}})",
                  "Time since its newest request.", unit="s"),
            _stat("Since the last verdict",
                  f"time() - max(modelmon_last_analyzed_timestamp_seconds{{{OF_ENDPOINT}}})",
                  "Time since the end of the newest window that was judged.", unit="s"),
            _stat("Events that never came", f"sum(modelmon_missing_events_total{{{OF_ENDPOINT}}})",
                  "Events that publishers counted and that never came.", bad_from=(None, 1)),
        )),
        (9, (
            _lines("Results", f"modelmon_result{{{OF_ENDPOINT}}}", "The newest value of each result.",
                   "{{application}}: {{result}}"),
            _lines("Metrics", f"modelmon_metric{{{OF_ENDPOINT}}}", "The newest value of each metric.",
                   "{{application}}: {{metric}}"),
        )),
        (8, (
            _lines("Rows per second",
                   f"sum by (outcome) (rate(modelmon_rows_total{{{OF_ENDPOINT}}}[$__rate_interval]))",
                   "Its rows, by what became of them.", "{{outcome}}", unit="rowsps"),
            _lines("Windows by state", f"modelmon_windows{{{OF_ENDPOINT}}}", "Windows of its apps by state.",
                   "{{state}}", is_stacked=True),
        )),
    ),
)  # fmt: skip

OPERATIONS = Dashboard(
    "modelmon-operations-prom", "ModelMon: operations (Prometheus)", "Whether ModelMon itself does its work.",
    variables=(PROJECTS,),
    rows=(
        (4, (
            _stat("Functions down", f"count(modelmon_function_healthy{{{OF_PROJECTS}}} == 0) or vector(0)",
                  "Functions that do not do their work.", bad_from=(None, 1)),
            _stat("Messages behind", f"sum(modelmon_lag_messages{{{OF_PROJECTS}}})",
                  "Messages that the groups have not committed.", bad_from=(10_000, 100_000)),
            _stat("Dead letters", f"sum(modelmon_dead_letters{{{OF_PROJECTS}}})",
                  "Messages that were set aside.", bad_from=(1, None)),
            _stat("Endpoints that are not told", f"max(modelmon_metrics_truncated{{{OF_PROJECTS}}})",
                  "1: there are more endpoints than metrics_max_endpoints.", bad_from=(1, None)),
        )),
        (9, (
            Panel("Functions", "table", f"modelmon_function_healthy{{{OF_PROJECTS}}}",
                  "Which function does its work, be it late.", width=12,
                  columns={"Value": words_column(HEALTHY)}, hidden=HIDDEN),
            _lines("Since a function was heard",
                   f"time() - modelmon_last_beat_timestamp_seconds{{{OF_PROJECTS}}}",
                   "Time since the last heartbeat of each function.", "{{function}}", unit="s"),
        )),
        (8, (
            _lines("Messages behind", f"sum by (stream, group) (modelmon_lag_messages{{{OF_PROJECTS}}})",
                   "Messages that each group has not committed.", "{{group}} on {{stream}}"),
            _lines("Windows by state", f"sum by (state) (modelmon_windows{{{OF_PROJECTS}}})",
                   "Windows of all endpoints by state.", "{{state}}", is_stacked=True),
        )),
        (8, (
            _lines("Rows per second",
                   f"sum by (outcome) (rate(modelmon_rows_total{{{OF_PROJECTS}}}[$__rate_interval]))",
                   "Rows of all endpoints, by what became of them.", "{{outcome}}", unit="rowsps"),
            _lines("Rows that came late",
                   f"topk(10, max by (endpoint) (modelmon_late_rows_total{{{OF_PROJECTS}}}))",
                   "The ten endpoints with most rows that came after their window was sent.", "{{endpoint}}"),
        )),
    ),
)  # fmt: skip

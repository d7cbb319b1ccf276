"""A project as Prometheus scrapes it: everything of the records, so every replica says the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon import __version__
from modelmon.errors import ModelMonError
from modelmon.export.export_settings import ExportSettings
from modelmon.export.exposition import Family
from modelmon.ledger import dead_letters, heartbeats, latencies, messages, registry
from modelmon.ledger.exporting import OTLP, backlog, read_export
from modelmon.model import to_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.actuals import count_waiting
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointPage, EndpointQuery, EndpointSummary, list_endpoints
from modelmon.views.health import function_health
from modelmon.views.lag import PartitionLag
from modelmon.views.open_incidents import open_by_state
from modelmon.views.results import Metric, newest_values
from modelmon.views.silence import read_silence
from modelmon.views.thresholds import thresholds_of
from modelmon.views.verdicts import Verdict

OUTCOMES = ("stored", "errors", "rejected")
LATENCY_BITS = (8, 10, *range(12, 23), 24, 26)
"""Of the buckets that are kept, each of the double of the one before, those that are told: limits from 256
microseconds to 67 seconds."""
_STATUS = {0: "none", 1: "suspected", 2: "detected"}


@dataclass(frozen=True, slots=True)
class Scrape:
    """One project at one moment. `lags` are of the streams that answered."""

    database: Database
    series: SeriesStore
    settings: Settings
    now_us: int
    lags: Sequence[PartitionLag] = ()


def families(scrapes: Sequence[Scrape], unread: Sequence[str] = ()) -> list[Family]:
    """Every metric, of each of these projects. One of several that can't be read is told of and left out, as
    the `unread` are; the only one raises what a database raises."""
    made, missed = _Families(), [*unread]
    for scrape in scrapes:
        project, part = scrape.settings.project, _Families()
        try:
            part.take(scrape)
        except ModelMonError:
            if len(scrapes) + len(unread) == 1:
                raise
            missed.append(project)
        else:
            made.join(part)
            made["project_up"].add(1, project=project)
    for project in missed:
        made["project_up"].add(0, project=project)
    made["build_info"].add(1, version=__version__)
    return made.all()


_KNOWN = {
    "project_up": ("gauge", "Whether the records of the project could be read."),
    "rows_total": ("counter", "Rows by what became of them: stored, errors, rejected."),
    "late_rows_total": ("counter", "Rows that came after their window was sent."),
    "missing_events_total": ("counter", "Events that publishers counted and that never came."),
    "request_latency_seconds": ("histogram", "How long answered requests took."),
    "status": ("gauge", "Worst status by kind of result: -1 none, 0 calm, 1 suspected, 2 detected."),
    "endpoint_state": ("gauge", "1 for the state that the endpoint is in."),
    "result": ("gauge", "Newest value of a result; none while it is stale."),
    "result_threshold": ("gauge", "From which value on a result is suspected, and detected."),
    "metric": ("gauge", "Value of a metric in the newest window that was judged."),
    "windows": ("gauge", "Windows by state."),
    "last_request_timestamp_seconds": ("gauge", "Time of the newest request."),
    "last_analyzed_timestamp_seconds": ("gauge", "End of the newest window that an application has judged."),
    "endpoint_info": ("gauge", "1, with what the endpoint is."),
    "endpoints": ("gauge", "Endpoints by state."),
    "incidents_open": ("gauge", "Open incidents by the newest word and state."),
    "lag_messages": ("gauge", "Messages that a group has not committed."),
    "dead_letters": ("gauge", "Messages that were set aside."),
    "waiting_actuals": ("gauge", "Actuals whose prediction has not come yet."),
    "all_silent": ("gauge", "1 where nobody is heard though several endpoints are expected, else 0."),
    "deliveries_total": (
        "counter",
        "Tries to send a message: sent, later, refused, expired.",
    ),
    "messages": ("gauge", "Messages that were not taken by state: waiting, refused, expired."),
    "function_healthy": ("gauge", "1 where a function does its work, be it late; else 0."),
    "last_beat_timestamp_seconds": ("gauge", "When a function was heard last."),
    "otlp_points_total": ("counter", "Points for the collector of OpenTelemetry: sent, refused."),
    "otlp_windows_waiting": (
        "gauge",
        "Windows whose verdicts the collector of OpenTelemetry has not got yet.",
    ),
    "metrics_truncated": ("gauge", "1 where not every endpoint is here."),
    "build_info": ("gauge", "1, with the version."),
}


class _Families:
    def __init__(self) -> None:
        self._made = {name: Family(f"modelmon_{name}", *told) for name, told in _KNOWN.items()}

    def __getitem__(self, name: str) -> Family:
        return self._made[name]

    def all(self) -> list[Family]:
        return [*self._made.values()]

    def join(self, part: _Families) -> None:
        for name, family in self._made.items():
            family.lines += part[name].lines

    def take(self, scrape: Scrape) -> None:
        project = scrape.settings.project
        asked = scrape.settings.of(ExportSettings)
        most, with_thresholds = asked.metrics_max_endpoints, asked.metrics_thresholds == "on"
        with scrape.database.read() as connection:
            looking = Looking(scrape.now_us, scrape.settings)
            page = list_endpoints(connection, looking, EndpointQuery(limit=most))
            self._take_project(connection, project, scrape, page)
            self._take_export(connection, project, asked)
        metrics = newest_values(
            scrape.database, scrape.series, scrape.settings, page.endpoints, newest=1
        ).metrics
        names = dict(_names(page.endpoints))
        for endpoint in page.endpoints:
            self._take_endpoint(project, names[endpoint.endpoint_id], endpoint, with_thresholds)
        for metric in metrics:
            self._take_metric(project, names[metric.endpoint_id], metric)
        for lag in scrape.lags:
            labels = {"stream": lag.stream, "group": lag.group, "partition": str(lag.partition)}
            self["lag_messages"].add(lag.lag, project=project, **labels)

    def _take_project(self, connection: Connection, project: str, scrape: Scrape, page: EndpointPage) -> None:
        for state, many in page.by_state.items():
            self["endpoints"].add(many, project=project, state=state)
        self["metrics_truncated"].add(int(bool(page.after)), project=project)
        self["dead_letters"].add(dead_letters.count(connection), project=project)
        self["waiting_actuals"].add(count_waiting(connection), project=project)
        self["all_silent"].add(int(read_silence(connection) is not None), project=project)
        self._take_latencies(connection, project)
        for each in open_by_state(connection):
            labels = {"status": _STATUS[each.status], "state": each.state.value}
            self["incidents_open"].add(each.many, project=project, **labels)
        for (channel, outcome), many in messages.count_outcomes(connection).items():
            self["deliveries_total"].add(many, project=project, channel=channel, outcome=outcome)
        for (channel, message_state), many in messages.count_states(connection).items():
            self["messages"].add(many, project=project, channel=channel, state=message_state)
        beats = heartbeats.by_function(connection)
        for name in registry.watched_functions(connection):
            heard = beats.get(name, ())
            labels = {"project": project, "function": name}
            healthy = function_health(name, heard, scrape.now_us).healthy
            self["function_healthy"].add(int(healthy), **labels)
            if heard:
                self["last_beat_timestamp_seconds"].add(heard[0].beat_us / 1e6, **labels)

    def _take_latencies(self, connection: Connection, project: str) -> None:
        found = latencies.total(connection)
        at_most = {
            2**limit / 1e6: sum(each.requests for bits, each in found.items() if bits <= limit)
            for limit in LATENCY_BITS
        }
        many = sum(each.requests for each in found.values())
        seconds = sum(each.latency_us for each in found.values()) / 1e6
        self["request_latency_seconds"].add_histogram(at_most, many, seconds, project=project)

    def _take_endpoint(
        self, project: str, name: str, endpoint: EndpointSummary, with_thresholds: bool
    ) -> None:
        of = {"project": project, "endpoint": name}
        for outcome in OUTCOMES:
            self["rows_total"].add(getattr(endpoint, outcome), **of, outcome=outcome)
        self["late_rows_total"].add(endpoint.late, **of)
        self["missing_events_total"].add(endpoint.missing, **of)
        for kind, status in endpoint.status.items():
            self["status"].add(status, **of, kind=kind)
        self["endpoint_state"].add(1, **of, state=endpoint.state)
        for verdict in endpoint.verdicts:
            if not verdict.stale:
                labels = {"application": verdict.application_name, "result": verdict.result_name}
                self["result"].add(verdict.result_value, **of, **labels)
                if with_thresholds:
                    self._take_thresholds(verdict, of | labels)
        for state, many in endpoint.windows.items():
            self["windows"].add(many or None, **of, state=state)
        self["last_request_timestamp_seconds"].add(_seconds(endpoint.last_request), **of)
        for app in endpoint.apps:
            labels = {"application": app.application_name}
            self["last_analyzed_timestamp_seconds"].add(_seconds(app.last_analyzed), **of, **labels)
        info = {"uid": endpoint.endpoint_id, "function": endpoint.function_name, "model": endpoint.model_uri}
        self["endpoint_info"].add(1, **of, **info)

    def _take_thresholds(self, verdict: Verdict, labels: Mapping[str, str]) -> None:
        found = thresholds_of(verdict.result_extra_data)
        self["result_threshold"].add(found.potential, **labels, level="suspected")
        self["result_threshold"].add(found.detected, **labels, level="detected")

    def _take_export(self, connection: Connection, project: str, settings: ExportSettings) -> None:
        if settings.has_collector:
            export = read_export(connection, OTLP)
            self["otlp_points_total"].add(export.sent, project=project, outcome="sent")
            self["otlp_points_total"].add(export.refused, project=project, outcome="refused")
            self["otlp_windows_waiting"].add(backlog(connection).windows, project=project)

    def _take_metric(self, project: str, name: str, metric: Metric) -> None:
        labels = {"application": metric.application_name, "metric": metric.metric_name}
        self["metric"].add(metric.metric_value, project=project, endpoint=name, **labels)


def _names(shown: Sequence[EndpointSummary]) -> Iterator[tuple[str, str]]:
    """Of each id a name that no other one has: two endpoints called alike are told apart by their id."""
    alike = Counter(each.endpoint_name for each in shown)
    for each in shown:
        more = f" ({each.endpoint_id})" if alike[each.endpoint_name] > 1 else ""
        yield each.endpoint_id, f"{each.endpoint_name}{more}"


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else to_us(moment) / 1e6

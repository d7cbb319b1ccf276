"""The drift file of a project: suggested, checked against its endpoints, set, looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, did_you_mean, error, refuse_errors, warning
from modelmon.drift_choices.choices import Section
from modelmon.drift_choices.reading import Read, check_drift_file, in_order, is_right
from modelmon.ledger import drift_files as ledger
from modelmon.ledger import endpoints
from modelmon.ledger.drift_files import KeptFile
from modelmon.model import Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.whoever import whoever
from modelmon.private_columns import NOT_SHOWN, is_private, private_patterns
from modelmon.settings import Settings

MOST_VERSIONS = 100
_LISTS, _MAPPINGS = ("ignore", "segments"), ("weights", "floors")


@dataclass(frozen=True, slots=True)
class DriftFileVersion:
    """One version of the drift file, as it is shown; the text is "" where it was taken back."""

    version: int
    who: str
    at: datetime
    text: str


def check_text(settings: Settings, text: str) -> Read:
    """A drift file, and what is wrong with it beside the endpoints of the project."""
    read = check_drift_file(text)
    if read.file is None or read.document is None:
        return read
    with opened(settings) as database, database.read() as connection:
        known = list(endpoints.find(connection))
    listed = read.document.entries["endpoints"].entries
    findings = list(read.findings)
    for section in read.file.sections:
        findings += _section_findings(settings, section, listed[section.pattern], known)
    ordered = in_order(findings)
    return Read(read.file if is_right(ordered) else None, ordered, read.document)


def set_file(settings: Settings, text: str, who: str = "") -> DriftFileVersion:
    """Set the drift file: its next version, by which windows are judged from now on.

    Raises ConfigError that tells every mistake with its line, before anything is set.
    """
    refuse_errors(check_text(settings, text).findings)
    return _set(settings, text, who)


def take_back(settings: Settings, who: str = "") -> DriftFileVersion:
    """Judge by the settings alone again; the versions that were set stay on record."""
    return _set(settings, "", who)


def file_versions(settings: Settings) -> tuple[DriftFileVersion, ...]:
    """The versions of the drift file, the newest first, at most MOST_VERSIONS."""
    with opened(settings) as database, database.read() as connection:
        return tuple(_shown(settings, each) for each in ledger.versions(connection, MOST_VERSIONS))


def file_segments(settings: Settings, endpoint_name: str | None = None) -> tuple[str, ...]:
    """The columns that the newest drift file wants segments of, for one endpoint or any of them; without
    those that have become private."""
    with opened(settings) as database, database.read() as connection:
        kept = ledger.newest(connection)
    wanted = segments_in(kept.text, endpoint_name) if kept else ()
    return tuple(name for name in wanted if not is_private(settings, name))


def segments_in(text: str, endpoint_name: str | None = None) -> tuple[str, ...]:
    """The columns that a drift file wants segments of; none where the text is no such file."""
    file = check_drift_file(text).file if text else None
    if file is None:
        return ()
    return file.segments if endpoint_name is None else file.choices(endpoint_name).segments


def _set(settings: Settings, text: str, who: str) -> DriftFileVersion:
    with opened(settings) as database, database.write() as connection:
        kept = ledger.set_file(connection, text, who or whoever(), wall_clock_us())
    return _shown(settings, kept)


def _section_findings(
    settings: Settings, section: Section, node: Node, known: Sequence[Endpoint]
) -> Iterator[Finding]:
    fitting = [each for each in known if section.fits(each.name)]
    if not fitting and section.pattern != "*":
        names = [each.name for each in known]
        otherwise = (
            f"there are {', '.join(names[:12]) or 'none yet'}; it counts once one of this name is there"
        )
        yield warning(
            node, "fits no endpoint of the project", did_you_mean(section.pattern, names, otherwise)
        )
    columns = dict.fromkeys(name for each in fitting for name in (*each.feature_names, *each.label_names))
    for name, entry in _named(node):
        if fitting and name not in columns:
            otherwise = f"there are {', '.join(list(columns)[:12])}"
            yield error(entry, f"names {name!r}, no column here", did_you_mean(name, columns, otherwise))
    yield from _of_no_unit(node, fitting)
    ignored = set(node.get("ignore") or ()) | {
        each for each, weight in (node.get("weights") or {}).items() if weight == 0
    }
    if fitting and columns and not set(columns) - ignored:
        where = node.at("ignore") or node.entries["weights"]
        yield error(where, "leaves out every column", "leave one in, or don't deploy the app drift")
    for item in node.entries["segments"].items if node.at("segments") else ():
        if isinstance(item.data, str) and is_private(settings, item.data):
            mend = "name a column whose values may be shown, or change the setting `private`"
            yield error(item, "is a private column, and a segment is shown by its value", mend)


def _of_no_unit(node: Node, fitting: Sequence[Endpoint]) -> Iterator[Finding]:
    """Floors in a unit, of columns that have none; segments of numbers, of which hardly two are the same."""
    kinds = {name: stats.get("kind") for each in fitting for name, stats in each.feature_stats.items()}
    floors, segments = node.at("floors"), node.at("segments")
    for name, entry in floors.entries.items() if floors else ():
        if isinstance(entry.data, str) and kinds.get(name) in ("categorical", "boolean"):
            yield error(
                entry, f"is of {name!r}, whose values have no unit", "write a number: standard deviations"
            )
    for item in segments.items if segments else ():
        if kinds.get(str(item.data)) == "numeric":
            mend = "take a column of categories, or log the model with one"
            yield warning(item, "is a number: only values that many rows have are judged apart", mend)


def _named(node: Node) -> Iterator[tuple[str, Node]]:
    """Every column that a section names, and where."""
    for key in _LISTS:
        for item in node.entries[key].items if node.at(key) else ():
            yield str(item.data), item
    for key in _MAPPINGS:
        yield from (node.entries[key].entries if node.at(key) else {}).items()


def _shown(settings: Settings, kept: KeptFile) -> DriftFileVersion:
    return DriftFileVersion(kept.version, kept.who, from_us(kept.set_us), _text(settings, kept.text))


def _text(settings: Settings, text: str) -> str:
    """The file as it may be shown: not at all where it names a private column."""
    if not text or not private_patterns(settings):
        return text
    document = check_drift_file(text).document
    if document is None or any(
        is_private(settings, str(word))
        for node in document.walk()
        for word in (node.key.rpartition(".")[2], node.data)
        if isinstance(word, str)
    ):
        return NOT_SHOWN
    return text

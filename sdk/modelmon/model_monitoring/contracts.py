"""Contracts of a project: suggested from a training set, set, looked at; of a model or of one endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modelmon.contracts.reading import Read, check_contract, read_contract
from modelmon.contracts.suggesting import as_judged, suggest
from modelmon.contracts.writing import write_contract
from modelmon.errors import ConfigError, no_such
from modelmon.ledger import contracts as ledger
from modelmon.ledger import endpoints, registry
from modelmon.ledger.contracts import KeptContract, subject_of_endpoint
from modelmon.model import Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.logged_models import find_model, model_keys
from modelmon.model_monitoring.reference_contracts import told
from modelmon.model_monitoring.training_sets import reference_rows
from modelmon.model_monitoring.whoever import whoever
from modelmon.private_columns import NOT_SHOWN, is_private, private_patterns, without_private
from modelmon.settings import Settings

MOST_VERSIONS = 100
DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose contract: a logged model, which all its endpoints have it from, or one endpoint.

    `stats` are the reference statistics of its inputs, `columns` the names of those, `written` is what its
    training set suggested where it was logged.
    """

    name: str
    key: str
    words: str
    stats: Mapping[str, Any]
    columns: tuple[str, ...]
    written: str = ""


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """One version of a contract, as it is shown; the text is "" where it was taken back."""

    of: str
    version: int
    who: str
    at: datetime
    text: str


def find_subject(settings: Settings, name: object) -> Subject:
    """The logged model of this key or uri, or the endpoint of this name or id. Raises ConfigError when there
    is neither, or several endpoints are called so."""
    if not isinstance(name, str) or not name:
        raise ConfigError(f"contract: must be of a model's key or an endpoint's name or id, got {name!r}")
    keys = model_keys(settings) if settings.project_dir else []
    if name in keys or name.startswith("store://"):
        artifact = find_model(settings, name)
        assert artifact is not None, "a key that is there, or a uri"
        stats = {
            each: artifact.feature_stats[each] for each in artifact.inputs if each in artifact.feature_stats
        }
        return Subject(
            artifact.key, artifact.uri, f"model {artifact.key}", stats, artifact.inputs, artifact.contract
        )
    with opened(settings) as database, database.read() as connection:
        endpoint = _endpoint(connection, name, keys)
    return _of_endpoint(endpoint)


def suggested_text(settings: Settings, name: str) -> str:
    """The contract that the training set of a model or endpoint suggests, as YAML to read and edit; without
    private columns. Raises ConfigError where there is no training set."""
    subject = find_subject(settings, name)
    with opened(settings) as database, database.read() as connection:
        drift_judges = any(app.name == DRIFT for app in registry.active_apps(connection))
    if subject.written:
        contract = as_judged(read_contract(subject.written), drift_judges=drift_judges)
    else:
        contract = suggest(subject.stats, drift_judges=drift_judges)
    rows = reference_rows(subject.stats)
    return told(settings, contract, subject.columns, subject.words, rows)


def check_text(settings: Settings, text: str, name: str | None = None) -> Read:
    """What is wrong with a contract; with the name of a model or endpoint also which columns that lacks."""
    columns = None if name is None else _columns(settings, find_subject(settings, name))
    return check_contract(text, columns)


def set_contract(settings: Settings, name: str, text: str, who: str = "") -> ContractVersion:
    """Set the contract of a model or an endpoint: its next version, by which windows are judged from now on.

    Raises ConfigError that tells every mistake with its line, before anything is set.
    """
    subject = find_subject(settings, name)
    read_contract(text)
    return _set(settings, subject, text, who)


def take_back(settings: Settings, name: str, who: str = "") -> ContractVersion:
    """Judge by what the training set suggests again; the versions that were set stay on record."""
    return _set(settings, find_subject(settings, name), "", who)


def contract_versions(settings: Settings, name: str) -> tuple[ContractVersion, ...]:
    """The versions of a contract, the newest first, at most MOST_VERSIONS."""
    subject = find_subject(settings, name)
    with opened(settings) as database, database.read() as connection:
        return tuple(
            _shown(settings, each) for each in ledger.versions(connection, subject.key, MOST_VERSIONS)
        )


def _set(settings: Settings, subject: Subject, text: str, who: str) -> ContractVersion:
    with opened(settings) as database, database.write() as connection:
        kept = ledger.set_contract(connection, subject.key, text, who or whoever(), wall_clock_us())
    return _shown(settings, kept)


def _endpoint(connection: Connection, name: str, keys: list[str]) -> Endpoint:
    try:
        return called(connection, name)
    except ConfigError:
        names = [each.name for each in endpoints.find(connection)]
        if name in names:
            raise
        said = f"contract: there is no model and no endpoint {name!r}"
        raise no_such(said, name, [*keys, *names]) from None


def _of_endpoint(endpoint: Endpoint) -> Subject:
    stats = {
        name: endpoint.feature_stats[name]
        for name in endpoint.feature_names
        if name in endpoint.feature_stats
    }
    key = subject_of_endpoint(endpoint.endpoint_id)
    return Subject(endpoint.name, key, f"endpoint {endpoint.name}", stats, endpoint.feature_names)


def _columns(settings: Settings, subject: Subject) -> tuple[str, ...]:
    """Those that may be named: a contract that people read has no private ones."""
    return tuple(name for name in subject.columns if not is_private(settings, name))


def _shown(settings: Settings, kept: KeptContract) -> ContractVersion:
    text = _without_private(settings, kept.text) if private_patterns(settings) else kept.text
    return ContractVersion(kept.words, kept.version, kept.who, from_us(kept.set_us), text)


def _without_private(settings: Settings, text: str) -> str:
    """The contract as it may be shown: columns may have become private after it was written."""
    contract = check_contract(text).contract
    if contract is None:
        return text and NOT_SHOWN
    shown = without_private(settings, contract.columns)
    if len(shown) == len(contract.columns):
        return text
    return write_contract(replace(contract, columns=shown), "Private columns are left out.")

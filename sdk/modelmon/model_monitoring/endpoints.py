"""Registering and finding model endpoints in the records."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy import Connection

from modelmon.errors import ConfigError, no_such
from modelmon.ledger import endpoints, profiles
from modelmon.ledger.contracts import suggest_contract
from modelmon.ledger.references import is_training_again, of_training
from modelmon.model import Endpoint
from modelmon.model_monitoring.reference_profiles import check_profile
from modelmon.wire import endpoint_name_of


def register(
    connection: Connection,
    wanted: Endpoint,
    now_us: int,
    files: str = "",
    profile: str = "",
    contract: str = "",
    performance: str = "",
) -> Endpoint:
    """Insert an endpoint, or bring the one of its id up to date.

    What `wanted` does not say (names, labels, policy, reference with its `profile` and `performance`) stays
    as it was. The `contract` that its model's training set suggests is that of the model, unless somebody has
    set another. Raises ConfigError when the id is that of another model, and for a damaged profile.
    """
    check_profile(profile)
    if contract:
        suggest_contract(connection, wanted.model_uri, contract, now_us)
    if wanted.feature_stats:
        hashes = [profiles.keep(connection, each, now_us) for each in (profile, performance)]
        wanted = replace(wanted, profile_hash=hashes[0], performance_hash=hashes[1])
    found = endpoints.get(connection, wanted.endpoint_id)
    if found is not None:
        if wanted.feature_stats and is_training_again(connection, found, wanted):
            wanted = replace(wanted, feature_stats={})
        wanted = _merged(found, wanted)
    endpoints.put(connection, wanted, now_us, files)
    stored = endpoints.get(connection, wanted.endpoint_id)
    assert stored is not None, "it has just been put"
    return stored


def check(found: Endpoint, wanted: Endpoint, profile: str = "") -> None:
    """Raises ConfigError as `register` would where `found` has the id of `wanted`."""
    check_profile(profile)
    if not found.discovered and (found.function_name, found.name) != (wanted.function_name, wanted.name):
        raise ConfigError(
            f"endpoint_id: {wanted.endpoint_id} is that of model {found.name!r} of function "
            f"{found.function_name!r} already; model {wanted.name!r} needs one of its own"
        )


def _merged(found: Endpoint, wanted: Endpoint) -> Endpoint:
    check(found, wanted)
    return replace(
        wanted,
        created=found.created,
        feature_names=wanted.feature_names or found.feature_names,
        label_names=wanted.label_names or found.label_names,
        feature_stats=wanted.feature_stats or found.feature_stats,
        profile_hash=(wanted if wanted.feature_stats else found).profile_hash,
        performance_hash=(wanted if wanted.feature_stats else found).performance_hash,
        labels={**found.labels, **wanted.labels},
        policy={**(of_training(found.policy) if wanted.feature_stats else found.policy), **wanted.policy},
        model_class=wanted.model_class or found.model_class,
        model_uri=wanted.model_uri or found.model_uri,
    )


def called(connection: Connection, name: str, function_name: str | None = None) -> Endpoint:
    """The endpoint of this id, or of this name and function. Raises ConfigError when there is none, or
    several have the name."""
    found = endpoints.meant(connection, name, function_name)
    if not found:
        names = [each.name for each in endpoints.find(connection)]
        raise no_such(f"endpoint: there is no {name!r}", name, names)
    if len(found) > 1:
        raise endpoints.several(found, name)
    return found[0]


def select(
    connection: Connection,
    *,
    names: Collection[str] | None = None,
    model_name: str | None = None,
    function_name: str | None = None,
    labels: Mapping[str, str | None] | None = None,
    uids: Collection[str] | None = None,
) -> list[Endpoint]:
    """The endpoints that meet every condition, by name; a label of value None need only be there."""
    if uids is None:
        found = endpoints.find(connection, function_name=function_name)
    else:
        by_id = endpoints.get_many(connection, uids)
        found = sorted(by_id.values(), key=lambda endpoint: (endpoint.name, endpoint.endpoint_id))
    return [
        endpoint
        for endpoint in found
        if (names is None or endpoint.name in names)
        and (model_name is None or _model_name(endpoint) == model_name)
        and (function_name is None or endpoint.function_name == function_name)
        and _has_labels(endpoint, labels or {})
    ]


def _model_name(endpoint: Endpoint) -> str:
    name = endpoint.name.removesuffix(f":{endpoint.version}") if endpoint.version else endpoint.name
    return name if endpoint_name_of(name, endpoint.version) == endpoint.name else endpoint.name


def _has_labels(endpoint: Endpoint, labels: Mapping[str, str | None]) -> bool:
    return all(
        name in endpoint.labels and (value is None or endpoint.labels[name] == value)
        for name, value in labels.items()
    )

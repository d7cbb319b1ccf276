"""A model is logged as the challenger of the one that an endpoint serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from sqlalchemy import Connection

from modelmon.errors import ConfigError
from modelmon.ledger import challengers
from modelmon.ledger.challengers import KeptChallenger
from modelmon.model import Endpoint, wall_clock_us
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.logged_models import URI_PREFIX, ModelArtifact, check_json, models_folder
from modelmon.model_monitoring.telling import tell
from modelmon.model_monitoring.whole_folders import folder_hash
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.stats.frames import Frame

UNITS_SECONDS = 86_400, 3_600, 60, 1


@dataclass(frozen=True, slots=True)
class Challenging:
    """Which endpoint's champion a model challenges, and what its class is made with beside the champion's."""

    endpoint: Endpoint
    class_args: Mapping[str, Any]
    run_id: str = ""


def challenging(
    settings: Settings, key: object, challenger_of: object, class_args: Mapping[str, Any] | None, run_id: str
) -> Challenging | None:
    """What `log_model` was told of it, checked before anything is kept; None: it is no challenger.

    Raises ConfigError for an endpoint that is not there, for the champion's own key, for one of a challenger
    that was decided on, and of a champion that can be rolled back to.
    """
    if challenger_of is None:
        if class_args:
            raise ConfigError("class_args: goes together with challenger_of")
        with opened(settings) as database, database.read() as connection:
            challengers.check_unused(connection, str(key))
            _check_no_champion(connection, settings, str(key))
        return None
    if not isinstance(challenger_of, str | Endpoint):
        raise ConfigError(f"challenger_of: must be an endpoint, its name or id, got {challenger_of!r}")
    name = challenger_of if isinstance(challenger_of, str) else challenger_of.endpoint_id
    check_json(f"model {key}: class_args", class_args or {})
    with opened(settings) as database, database.read() as connection:
        endpoint = called(connection, name)
        challengers.check_free(connection, str(key), endpoint.endpoint_id)
        _check_no_champion(connection, settings, str(key))
    if endpoint.model_uri == f"{URI_PREFIX}{settings.project}/{key}":
        raise ConfigError(f"key: {key!r} is the champion, which is kept to roll back to; give another key")
    return Challenging(endpoint, dict(class_args or {}), run_id)


def keep_challenger(
    settings: Settings, wanted: Challenging, model: ModelArtifact, trained_until_us: int | None
) -> int:
    """It waits for its review; returns its number. Raises ConfigError for other inputs."""
    endpoint = wanted.endpoint
    asked_with = set(endpoint.feature_names)
    if asked_with and asked_with != set(model.inputs):
        apart = sorted(asked_with ^ set(model.inputs))
        raise ConfigError(
            f"inputs: {model.key} is logged, and is no challenger: endpoint {endpoint.name!r} is asked "
            f"with other features; these are of one of the two only: {', '.join(apart)}"
        )
    args = msgspec.json.encode(wanted.class_args).decode()
    with opened(settings) as database, database.write() as connection:
        number = challengers.put_challenger(
            connection,
            endpoint.endpoint_id,
            model.key,
            args,
            trained_until_us,
            wall_clock_us(),
            wanted.run_id,
            folder_hash(model.folder),
        )
    tell(f"It is challenger {number} of {endpoint.name}: modelmon challenger show {number}")
    return number


def _check_no_champion(connection: Connection, settings: Settings, key: str) -> None:
    """Its files are what `roll_back` brings back, so they stay what they were."""
    for number, champion in challengers.kept_champions(connection):
        if msgspec.json.decode(champion)["model_path"] in (key, f"{URI_PREFIX}{settings.project}/{key}"):
            raise ConfigError(
                f"key: {key!r} is kept to roll back to, as the champion before challenger {number}; give "
                "another key"
            )


def check_files(settings: Settings, found: KeptChallenger) -> None:
    """Raises ConfigError where the files of a challenger are not those that were logged as it."""
    if found.model_hash and folder_hash(models_folder(settings) / found.model_key) != found.model_hash:
        raise ConfigError(
            f"challenger {found.number}: the files of {found.model_key} are not those that were logged "
            "as it; log it again, so that it is reviewed as it is"
        )


def newest_row_us(training_set: Frame | None, time_column: str | None, labels: tuple[str, ...]) -> int | None:
    """When the newest row of a training set was, at the latest; None where no column says it.

    Times in whole days say which day a row was of, so it may be of the end of that day; so with hours,
    minutes and seconds.
    """
    from modelmon.model_monitoring.reference_profiles import time_column_of
    from modelmon.stats.frames import as_frame, columns
    from modelmon.stats.time_columns import seconds_of

    if training_set is None:
        return None
    found = columns(as_frame(training_set))
    name = time_column_of(found, time_column, labels)
    if not name:
        return None
    seconds = seconds_of(found, name)
    known = seconds[np.isfinite(seconds)]
    unit = next((each for each in UNITS_SECONDS if not np.any(known % each)), 0)
    return int(known.max() * 1_000_000) + max(unit * 1_000_000 - 1, 0)

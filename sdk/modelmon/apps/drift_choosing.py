"""What was chosen for an endpoint's drift, as its profile has it: weights and floors by feature, in sigma."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from modelmon.checked_yaml.given import called, given_text
from modelmon.drift_choices.choices import DriftChoices, DriftFile, OwnFloor
from modelmon.errors import ConfigError
from modelmon.ledger.budget_settings import BudgetSettings

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats import FeatureProfile, Profile

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """What counts for the features of one profile.

    `floor` is that of features that have none of their own in `floors`; both are in sigma. `weights` are of
    features that do not weigh 1. `told` says by column what of the choices can't be followed.
    """

    choices: DriftChoices
    floor: float
    weights: Mapping[str, float] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)

    def but(self, otherwise: Sequence[str]) -> Chosen:
        """The same, where these are not judged in this window."""
        return replace(self, weights={**self.weights, **dict.fromkeys(otherwise, 0.0)})

    def judges(self, profile: Profile) -> bool:
        """Whether any feature is left."""
        return any(self.weights.get(name, 1.0) for name in profile.names)

    def packed(self, profile: Profile) -> bytes:
        """Weights and then floors of the profile's features, as sums carry them; empty: all are alike."""
        if not self.weights and not self.floors:
            return b""
        weights = [self.weights.get(name, 1.0) for name in profile.names]
        floors = [self.floors.get(name, self.floor) for name in profile.names]
        return np.array([*weights, *floors], dtype="<f8").tobytes()

    def shown(self) -> dict[str, Any]:
        """As a result says it; empty where nothing was chosen of its features."""
        choices = self.choices
        ignored = [name for name, weight in self.weights.items() if not weight]
        found: dict[str, Any] = {
            "ignored": ignored[:SHOWN],
            "ignored_features": len(ignored),
            "weights": _first({name: weight for name, weight in self.weights.items() if weight}),
            "floors": _first(
                {name: _words(choices.floors[name], sigma) for name, sigma in self.floors.items()}
            ),
            "told": _first(self.told),
        }
        kept = {name: value for name, value in found.items() if value}
        return {"version": choices.version, **kept} if kept or choices.version else {}


def chosen_for(
    context: MonitoringApplicationContext, profile: Profile, choices: DriftChoices, floor: float | None
) -> Chosen:
    """What of the choices this profile has features for. `floor` is the app's own: it goes before that of the
    drift file, and that before the setting."""
    given = choices.floor if floor is None else floor
    given = context.settings.of(BudgetSettings).alarm_floor if given is None else given
    features = {feature.name: feature for feature in profile.features}
    weights = {name: weight for name, weight in choices.each_weight.items() if name in features}
    floors, told = dict[str, float](), dict(_not_here(choices.named, features, profile))
    for name, wanted in choices.floors.items():
        if name in features and name not in choices.ignore:
            sigma = _sigma(features[name], wanted)
            if sigma is None:
                told[name] = f"{wanted} is no floor for it, for it is no number: write sigma"
            else:
                floors[name] = sigma
    return Chosen(choices, given, weights, floors, told)


def given_file(given: object) -> DriftFile:
    """The drift file that an app is given, as text or as a path. Raises ConfigError with its mistakes."""
    from modelmon.drift_choices.reading import read_drift_file

    text = given_text(given, "choices")
    try:
        return read_drift_file(text)
    except ConfigError as error:
        raise ConfigError(f"{called(given, 'drift file')}:\n{error}") from error


def _sigma(feature: FeatureProfile, wanted: float | OwnFloor) -> float | None:
    from modelmon.stats.own_floor import sigma_of_move

    return sigma_of_move(feature, wanted.amount) if isinstance(wanted, OwnFloor) else wanted


def _not_here(
    named: Sequence[str], features: Mapping[str, Any], profile: Profile
) -> Iterator[tuple[str, str]]:
    for name in named:
        if name not in features:
            yield name, profile.unjudged.get(name, "the training set has no such column")


def _words(wanted: float | OwnFloor, sigma: float) -> str:
    """A floor as it was written, with what it is in sigma.

    >>> _words(OwnFloor(1.5, "°C"), 0.4231), _words(0.2, 0.2)
    ('1.5 °C (0.42 sigma)', '0.2 sigma')
    """
    return f"{wanted} ({sigma:.2g} sigma)" if isinstance(wanted, OwnFloor) else f"{wanted:g} sigma"


def _first(named: Mapping[str, Any]) -> dict[str, Any]:
    return dict(list(named.items())[:SHOWN])

"""Which contract a window is judged by: the newest that was set, else what the training set suggests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmon.checked_yaml.given import called, given_text
from modelmon.contracts.contract import Contract
from modelmon.contracts.reading import read_contract
from modelmon.contracts.suggesting import as_judged, suggest
from modelmon.errors import ConfigError
from modelmon.ledger.held import Held
from modelmon.private_columns import is_private, private_patterns

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.ledger.contracts import KeptContract

DRIFT = "drift"
MOST_REMEMBERED = 256


@dataclass(frozen=True)
class ChosenContract:
    """A contract, where it is from, and which version of it; 0: it was not kept. `is_suggested`: its limits
    are those of a training set, not what somebody wants."""

    contract: Contract
    words: str
    of: str = ""
    version: int = 0
    is_suggested: bool = False

    @cached_property
    def judged(self) -> int:
        """Rules that may be broken, counted once."""
        return self.contract.judged

    def shown(self) -> dict[str, Any]:
        """As each result says it."""
        return {"version": self.version, "of": self.of, "words": self.words, "judged_rules": self.judged}


def given_contract(given: str | Path) -> ChosenContract:
    """A contract as text, or as the path of a file. Raises ConfigError for one with mistakes."""
    text, name = given_text(given, "contract"), called(given, "contract")
    words = (
        f"the contract in {Path(given).name}" if name != "contract" else "the contract that the app was given"
    )
    try:
        return ChosenContract(read_contract(text), words)
    except ConfigError as error:
        raise ConfigError(f"{name}:\n{error}") from error


class Contracts:
    """The contracts that an app has read and suggested: each version once, and once for each reference."""

    def __init__(self) -> None:
        self._held: Held[ChosenContract] = Held(MOST_REMEMBERED)

    def choose(self, context: MonitoringApplicationContext) -> ChosenContract | None:
        """The contract of the endpoint, that of its model, or a suggested one; None without a training set.

        Rules of private columns are never written into a contract that people read: they are suggested anew.
        """
        suggested, kept = self._suggest(context), context.kept_contract
        if kept is None:
            return suggested
        drift_judges = DRIFT in context.other_apps
        key = kept.subject, kept.version, drift_judges
        chosen = self._held.get(key, lambda: _chosen(kept, drift_judges))
        return chosen if chosen is None or suggested is None else _with_private(context, chosen, suggested)

    def _suggest(self, context: MonitoringApplicationContext) -> ChosenContract | None:
        stats, names = context.feature_stats, context.feature_names
        inputs = {name: stats[name] for name in names if name in stats}
        if not inputs:
            return None
        drift_judges, endpoint = DRIFT in context.other_apps, context.model_endpoint

        def make() -> ChosenContract:
            contract = suggest(inputs, drift_judges=drift_judges)
            return ChosenContract(
                contract, "the contract that its training set suggests", endpoint.name, is_suggested=True
            )

        key = endpoint.endpoint_id, endpoint.updated, drift_judges
        return make() if endpoint.updated is None else self._held.get(key, make)


def _chosen(kept: KeptContract, drift_judges: bool) -> ChosenContract:
    contract = read_contract(kept.text)
    if kept.is_suggested:  # of what somebody has written each rule is meant
        contract = as_judged(contract, drift_judges=drift_judges)
    return ChosenContract(contract, kept.told, kept.words, kept.version, kept.is_suggested)


def _with_private(
    context: MonitoringApplicationContext, chosen: ChosenContract, suggested: ChosenContract
) -> ChosenContract:
    if not private_patterns(context.settings):
        return chosen
    own: Mapping[str, Any] = {
        name: rules
        for name, rules in suggested.contract.columns.items()
        if name not in chosen.contract.columns and is_private(context.settings, name)
    }
    columns = {**chosen.contract.columns, **own}
    return replace(chosen, contract=replace(chosen.contract, columns=columns))

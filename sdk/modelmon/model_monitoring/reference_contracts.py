"""The contract that a training set suggests: made where its rows are, kept without private columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelmon.contracts.contract import Contract
from modelmon.contracts.reading import read_contract
from modelmon.contracts.suggesting import read_training_rows, suggest
from modelmon.contracts.writing import write_contract
from modelmon.errors import ConfigError
from modelmon.private_columns import is_private, without_private
from modelmon.settings import Settings
from modelmon.stats.frames import Frame


def suggested_contract(stats: Mapping[str, Any], training_set: Frame) -> str:
    """What a training set suggests for the columns that these are the statistics of, as YAML."""
    return write_contract(suggest(stats, read_training_rows(training_set, tuple(stats))))


def check_suggested(written: str) -> None:
    """Of a contract that was made elsewhere. Raises ConfigError for one that is damaged; "" is none."""
    if written:
        try:
            read_contract(written)
        except ConfigError as error:
            raise ConfigError(f"contract: {error}") from error


def contract_of_model(settings: Settings, key: str, written: str, rows: float) -> str:
    """The contract that was suggested, as it is kept with the model of this key; "" is none."""
    if not written:
        return ""
    contract = read_contract(written)
    return told(settings, contract, tuple(contract.columns), f"model {key}", rows)


def told(settings: Settings, contract: Contract, inputs: Sequence[str], words: str, rows: float) -> str:
    """A suggested contract as people read it: of whom in `words`, of all `inputs` but private ones."""
    shown = without_private(settings, contract.columns)
    left = sum(is_private(settings, name) for name in inputs)
    head = [
        f"The contract of {words}, as its training set of {rows:,.0f} rows suggests it.",
        "Change what is no rule of yours, or delete it. Each limit is what training shows, and what chance",
        "and a floor add to it. `modelmon contract check` finds mistakes, `modelmon contract set` sets it.",
    ]
    if left:
        head.append(f"Private columns are left out ({left}): they are judged by what training shows.")
    return write_contract(replace(contract, columns=shown), "\n".join(head))

"""Contracts of models and endpoints, for programs: suggested, listed by version, set and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.rest.bodies import read_body
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.model_monitoring.contracts import (
    ContractVersion,
    contract_versions,
    set_contract,
    suggested_text,
    take_back,
)

BASE = "/api/v1/projects/{project}/contracts/{of}"


class ContractGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A contract as YAML, as `modelmon contract suggest` writes one."""

    text: str


@dataclass(frozen=True, slots=True)
class SuggestedContract:
    """What the training set suggests, as YAML, without private columns."""

    text: str


@dataclass(frozen=True, slots=True)
class ContractVersions:
    """The newest first, at most a hundred; `text` is "" where a contract was taken back."""

    versions: tuple[ContractVersion, ...]


def listed(asked: Asked, parameters: Any) -> ContractVersions:
    return ContractVersions(contract_versions(asked.settings, asked.path["of"]))


def suggested(asked: Asked, parameters: Any) -> SuggestedContract:
    return SuggestedContract(suggested_text(asked.settings, asked.path["of"]))


def put(asked: Asked, parameters: Any) -> ContractVersion:
    given = read_body(asked, ContractGiven)
    return set_contract(asked.settings, asked.path["of"], given.text, asked.user.name)


def delete(asked: Asked, parameters: Any) -> ContractVersion:
    return take_back(asked.settings, asked.path["of"], asked.user.name)


ROUTES = (
    Route("GET", BASE, listed, "The versions of the contract of a model or an endpoint, the newest first."),
    Route("GET", f"{BASE}/suggested", suggested, "The contract that a training set suggests."),
    Route(
        "PUT", BASE, put, "Set the contract of a model or an endpoint.", body=ContractGiven,
        role=Role.OPERATOR, audits=True,
    ),
    Route("DELETE", BASE, delete, "Take back the contract that was set.", role=Role.OPERATOR, audits=True),
)  # fmt: skip

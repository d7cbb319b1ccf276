"""The drift file of a project, for programs: suggested, listed by version, set and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.rest.bodies import read_body
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.model_monitoring.drift_files import DriftFileVersion, file_versions, set_file, take_back
from modelmon.model_monitoring.suggested_drift_files import suggested_text

BASE = "/api/v1/projects/{project}/drift-file"


class DriftFileGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A drift file as YAML, as `modelmon drift suggest` writes one."""

    text: str


@dataclass(frozen=True, slots=True)
class SuggestedDriftFile:
    """A file to begin with, as YAML, without private columns."""

    text: str


@dataclass(frozen=True, slots=True)
class DriftFileVersions:
    """The newest first, at most a hundred; `text` is "" where it was taken back."""

    versions: tuple[DriftFileVersion, ...]


def listed(asked: Asked, parameters: Any) -> DriftFileVersions:
    return DriftFileVersions(file_versions(asked.settings))


def suggested(asked: Asked, parameters: Any) -> SuggestedDriftFile:
    return SuggestedDriftFile(suggested_text(asked.settings))


def put(asked: Asked, parameters: Any) -> DriftFileVersion:
    return set_file(asked.settings, read_body(asked, DriftFileGiven).text, asked.user.name)


def delete(asked: Asked, parameters: Any) -> DriftFileVersion:
    return take_back(asked.settings, asked.user.name)


ROUTES = (
    Route("GET", BASE, listed, "The versions of the project's drift file, the newest first."),
    Route("GET", f"{BASE}/suggested", suggested, "A drift file for the endpoints of the project."),
    Route(
        "PUT", BASE, put, "Set what drift is judged by.", body=DriftFileGiven,
        role=Role.OPERATOR, audits=True,
    ),
    Route("DELETE", BASE, delete, "Take back the drift file that was set.", role=Role.OPERATOR, audits=True),
)  # fmt: skip

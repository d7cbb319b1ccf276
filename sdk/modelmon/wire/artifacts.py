"""What an answer says of the files that an app kept of its window."""

from __future__ import annotations

from typing import Any

from modelmon.errors import RejectedError
from modelmon.model import Answer, ArtifactNote
from modelmon.wire.app_events import read_count
from modelmon.wire.identity import check_name, check_text, shown
from modelmon.wire.times import read_moment, write_moment
from modelmon.wire.window_sums import sums_fields

MOST_ARTIFACTS = 100
"""So many may be kept of a window."""
LONGEST_PATH = 2_000


def answer_fields(answer: Answer) -> dict[str, Any]:
    """The data of an answer; `artifacts` and `sums` only where there are some."""
    found: dict[str, Any] = {
        "outcome": answer.outcome, "error": answer.error, "envelopes": answer.envelopes, "rows": answer.rows,
    }  # fmt: skip
    if answer.artifacts:
        found["artifacts"] = [
            {
                "name": each.name, "path": each.path, "size_bytes": each.size_bytes,
                "written": write_moment(each.written_us), "tag": each.tag,
            }
            for each in answer.artifacts
        ]  # fmt: skip
    if answer.sums is not None:
        found["sums"] = sums_fields(answer.sums)
    return found


def read_artifacts(value: object) -> tuple[ArtifactNote, ...]:
    """Raises RejectedError, which names the field, for anything else than a list of them."""
    if not isinstance(value, list) or len(value) > MOST_ARTIFACTS:
        raise RejectedError(
            f"must be a list of at most {MOST_ARTIFACTS} artifacts, got {shown(value)}", "data.artifacts"
        )
    return tuple(map(_artifact, value))


def _artifact(value: object) -> ArtifactNote:
    if not isinstance(value, dict):
        raise RejectedError(f"an artifact is an object, got {shown(value)}", "data.artifacts")
    path, tag = value.get("path"), value.get("tag", "")
    if not isinstance(path, str) or not 0 < len(path) <= LONGEST_PATH:
        raise RejectedError(
            f"must be a text of at most {LONGEST_PATH} characters, got {shown(path)}", "data.artifacts.path"
        )
    if not isinstance(tag, str):
        raise RejectedError(f"must be a text, got {shown(tag)}", "data.artifacts.tag")
    return ArtifactNote(
        check_name(value.get("name"), "data.artifacts.name"), check_text(path, "data.artifacts.path"),
        read_count(value, "size_bytes"), read_moment(value.get("written"), "data.artifacts.written"),
        check_text(tag, "data.artifacts.tag"),
    )  # fmt: skip

"""What stands in the body of a request, as a struct with types."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.errors import uncapitalized

Body = TypeVar("Body", bound=msgspec.Struct)


def read_body(asked: Asked, kind: type[Body]) -> Body:
    """Raises Problem 400 that says what the body lacks."""
    try:
        return msgspec.json.decode(asked.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        said, _, place = str(error).partition(" - at `$.")
        field = place.rstrip("`").partition("[")[0]
        names = ", ".join(each.encode_name for each in msgspec.structs.fields(kind))
        raise Problem(
            400, f"the body must be a JSON object with {names}: {uncapitalized(said)}", field
        ) from None

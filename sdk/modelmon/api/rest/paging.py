"""Pages of lists: how long, and where they begin."""

from __future__ import annotations

from typing import Annotated

import msgspec

LONGEST = 500
LARGEST = 2**63 - 1
PageSize = Annotated[int, msgspec.Meta(ge=1, le=LONGEST)]


class Paged(msgspec.Struct, kw_only=True, frozen=True):
    """`page-token` is what the page before ended with: `after` of its answer."""

    page_size: PageSize = 100
    page_token: str = ""


def whole_number(text: str) -> int | None:
    """The number that a text is; None of one that no row can have."""
    is_one = text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST
    return int(text) if is_one else None

"""Pages of lists: how long, and where they begin."""

from __future__ import annotations

from typing import Annotated

import msgspec

LONGEST = 500
PageSize = Annotated[int, msgspec.Meta(ge=1, le=LONGEST)]


class Paged(msgspec.Struct, kw_only=True, frozen=True):
    """`page-token` is what the page before ended with: `after` of its answer."""

    page_size: PageSize = 100
    page_token: str = ""

"""The pages of a project that was made in bulk, and what a person reads on them."""

from __future__ import annotations

import html
import re
from pathlib import Path
from unittest.mock import patch

from api_client import ApiClient, addresses
from made_project import HOUR, Made, Shape, make
from modelmon.ledger.records import open_records
from modelmon.model import MINUTE_US, wall_clock_us

UNTIL_US = wall_clock_us() // HOUR * HOUR


def clock_us() -> int:
    """The time now, but before an hour without requests is over: tests may run on past it."""
    return min(wall_clock_us(), UNTIL_US + 55 * MINUTE_US)


WORST = f"{0:032x}"
"""The endpoint that drifts."""


class Pages:
    """The pages of a project."""

    def __init__(self, folder: Path, private: str = "", **shape: int) -> None:
        whole = Shape(UNTIL_US, **{"endpoints": 2, "days": 3, **shape})
        self.made: Made = make(folder, whole, private=private)
        self.client = ApiClient(self.made.settings)

    def get(self, path: str, status: int = 200) -> str:
        address = path if path.startswith("/") else f"/projects/made/endpoints/{WORST}/{path}"
        with patch("modelmon.api.serving.wall_clock_us", clock_us):
            answer = self.client.get(address)
        assert answer.status_code == status, answer.text
        return answer.text

    def link(self, page: str, part: str) -> str:
        return next(html.unescape(each) for each in addresses(page, ["href="]) if part in each)

    def change(self, statement: str) -> None:
        database = open_records(self.made.settings)
        with database.write() as connection:
            connection.exec_driver_sql(statement)
        database.close()


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<(svg|head)\b.*?</\1>|<[^>]*>", " ", page, flags=re.S)).split())


def rows_of(page: str) -> list[str]:
    return [text_of(row) for row in page.split("<tbody>")[1].split("</tr>")[:-1]]

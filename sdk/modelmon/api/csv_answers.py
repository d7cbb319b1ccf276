"""Tables as CSV, to be kept or opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from starlette.responses import Response

_FORMULA = ("=", "+", "@", "-", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[\d.]")


def csv_answer(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file of this name to download; None is an empty cell."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([plain(each) for each in heads])
    writer.writerows([plain(each) for each in row] for row in rows)
    file = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return Response(written.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def plain(value: object) -> object:
    """A value that no spreadsheet takes for a formula.

    >>> plain("=1+1"), plain("-3.5"), plain(-3.5), plain("wind")
    ("'=1+1", '-3.5', -3.5, 'wind')
    """
    is_formula = isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.match(value)
    return f"'{value}" if is_formula else value

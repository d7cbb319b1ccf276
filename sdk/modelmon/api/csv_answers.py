"""CSV as a file to download."""

from __future__ import annotations

import re

from starlette.responses import Response


def csv_answer(name: str, text: str) -> Response:
    """The text as a file of this name."""
    file = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return Response(text, headers=headers, media_type="text/csv; charset=utf-8")

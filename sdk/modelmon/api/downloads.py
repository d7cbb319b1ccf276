"""Files as downloads: a browser keeps them, and neither shows nor runs what is in them."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.responses import FileResponse, Response

HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'"}


def attachment(name: str, path: Path) -> Response:
    """A file on this machine, to be kept under this name."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", name) or "file"
    return FileResponse(path, filename=kept, media_type="application/octet-stream", headers=HEADERS)

"""Files as downloads: a browser keeps them, and neither shows nor runs what is in them."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.responses import FileResponse, Response

KIND = "application/octet-stream"
SANDBOX = "sandbox; default-src 'none'"


def attachment(name: str, content: Path | bytes) -> Response:
    """A file on this machine, or its content, to be kept under this name."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", name) or "file"
    headers = {
        "Content-Disposition": f'attachment; filename="{kept}"', "Content-Security-Policy": SANDBOX
    }  # fmt: skip
    if isinstance(content, Path):
        return FileResponse(content, media_type=KIND, headers=headers)
    return Response(content, media_type=KIND, headers=headers)

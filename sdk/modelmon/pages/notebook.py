"""What a notebook shows of an object: the same charts as the pages, in a box of its own, without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from markupsafe import Markup, escape

from modelmon.errors import ConfigError, UnavailableError
from modelmon.pages.assets import assets

BOX = "modelmon"
"""The class that all of it is inside of, and that its style stands under."""


def in_notebook(content: str) -> str:
    """Markup of ours as a notebook shows it: light or dark as the reader's system is."""
    return f'<div class="{BOX}"><style>{_style()}</style>{content}</div>'


def shown_or_why_not(show: Callable[[], str]) -> str:
    """What `show` gives; a sentence where a store does not answer, or something is not there."""
    try:
        return show()
    except (ConfigError, UnavailableError, ModuleNotFoundError) as error:
        return in_notebook(str(Markup("<p>{}</p>").format(escape(str(error)))))


@cache
def _style() -> str:
    """Our style sheet below the class of the box: it changes nothing else in the notebook. The class is said
    three times, so that the notebook's own rules for tables and lists do not win in the box."""
    sheet = re.sub(r"/\*.*?\*/", "", assets()["modelmon.css"].decode(), flags=re.S)
    inside = sheet.replace(":root", "&").replace("body { margin: 0;", "& { padding: 12px; overflow-x: auto;")
    inside = f"table {{ table-layout: auto; }} tbody tr {{ background: none; }}{inside}"
    return f"{3 * f'.{BOX}'} {{ {re.sub(chr(10) + '+', chr(10), inside)} }}"

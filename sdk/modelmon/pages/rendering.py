"""Templates, with everything that they may call."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from modelmon.charts import SIGNS
from modelmon.pages import words
from modelmon.pages.assets import assets_version

FILTERS = (
    "cell",
    "counted",
    "moment",
    "number",
    "share",
    "duration",
    "mark",
    "path",
    "quoting",
    "state_class",
    "stream_name",
    "verdict",
)


def render(template: str, **values: Any) -> str:
    """The template with these values. Everything is escaped but what is markup already.

    Raises jinja2.UndefinedError for a value that the template asks for and nobody gave.
    """
    return environment().get_template(template).render(**values)


@cache
def environment() -> Environment:
    """The one that all pages and reports share."""
    made = Environment(
        loader=PackageLoader("modelmon.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, extensions=["jinja2.ext.do"],
    )  # fmt: skip
    made.filters |= {name: getattr(words, name) for name in FILTERS}
    made.globals["assets_version"] = assets_version
    made.globals["signs"] = SIGNS
    return made

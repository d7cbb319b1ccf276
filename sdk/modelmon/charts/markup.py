"""Elements of SVG, escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Svg(str):
    """Markup that templates take as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def element(name: str, content: str = "", **attributes: object) -> str:
    """`class_` is class, `_` in a name is `-`; an attribute of None is left out. `content` is markup.

    >>> element("text", text("a < b"), x=1.25, class_="label")
    '<text x="1.25" class="label">a &lt; b</text>'
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_written(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{said}>{content}</{name}>" if content else f"<{name}{said}/>"


def text(words: object) -> str:
    """Words as markup."""
    return escape(str(words), quote=False)


def picture(
    label: str,
    size: tuple[float, float],
    parts: Iterable[str],
    *,
    kind: str,
    role: str = "img",
    **data: object,
) -> Svg:
    """A whole chart of this size in pixels, which says what it shows; it is as wide as its place.

    `data` are attributes of the whole, such as those of an axis of time.
    """
    width, height = size
    return Svg(
        element(
            "svg", element("title", text(label)) + "".join(parts), class_=f"chart {kind}", role=role,
            aria_label=None if role == "img" else label,
            viewBox=f"0 0 {_written(width)} {_written(height)}",
            preserveAspectRatio="none" if kind in ("spark", "heat") else None, width=width, height=height,
            **data,
        )
    )  # fmt: skip


def _written(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

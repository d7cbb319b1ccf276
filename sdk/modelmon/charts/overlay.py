"""Two histograms over each other: the reference and what came now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from modelmon.charts.markup import Svg, element, picture, text
from modelmon.charts.scales import Scale, finite, short

BIG, MINI = (520, 240), (140, 40)
LONGEST = 14
NAMED = 10
"""So many bins have their name under them, at most."""


def overlay(
    names: Sequence[str],
    reference: Sequence[float],
    current: Sequence[float],
    *,
    label: str,
    big: bool = False,
    hover: bool = True,
) -> Svg:
    """Shares of each bin or category, which are named. Either may be empty: then it is not drawn. Without
    `hover` the bars don't say their share, which halves the picture.

    The reference is a filled step, what came now an outline with bars, so that each shows through the other.

    >>> overlay(["a", "b"], [0.5, 0.5], [], label="sex").count("bar")
    0
    """
    width, height = BIG if big else MINI
    bottom = _bottom(names) if big else 2.0
    highest = max(finite([*reference, *current]), default=0) or 1
    up = Scale(0, highest, height - bottom, 6 if big else 2)
    count = max(len(names), 1)
    across = Scale(0, count, 4, width - (60 if big else 4))  # where the last name runs to
    parts = [
        *(element("path", d=_steps(shares, across, up), class_=name) for name, shares in
          (("reference", reference),) if shares),
        *_bars(current, across, up, names if hover else ()),
        *(_names(names, across, height - bottom + 10) if big else ()),
    ]  # fmt: skip
    return picture(_said(label, names, reference, current), (width, height), parts, kind="overlay")


def _steps(shares: Sequence[float], across: Scale, up: Scale) -> str:
    base = up(0)
    found = [f"M{across(0):.4g} {base:.4g}"]
    for place, share in enumerate(shares):
        found.append(f"V{up(share if finite([share]) else 0):.4g}H{across(place + 1):.4g}")
    return f"{''.join(found)}V{base:.4g}z"


def _bars(shares: Sequence[float], across: Scale, up: Scale, names: Sequence[str]) -> Iterator[str]:
    for place, share in enumerate(shares):
        if not finite([share]):
            continue
        first, last, y = across(place), across(place + 1), up(share)
        inset = (last - first) * 0.18
        title = element("title", text(f"{names[place]}: {100 * share:.1f} %")) if place < len(names) else ""
        yield element(
            "rect", title, x=first + inset, y=y, width=max(0.5, last - first - 2 * inset),
            height=max(0.0, up(0) - y), class_="bar",
        )  # fmt: skip


def _bottom(names: Sequence[str]) -> float:
    """Room for the names, which lie aslant."""
    return 16 + 4.2 * min(LONGEST, max(map(len, names), default=0))


def _names(names: Sequence[str], across: Scale, y: float) -> Iterator[str]:
    every = max(1, -(-len(names) // NAMED))
    for place, name in enumerate(names):
        if place % every:
            continue
        x = across(place + 0.5)
        shown = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        yield element(
            "text", text(shown), x=x, y=y, class_="tick name", transform=f"rotate(40 {x:.4g} {y:.4g})"
        )


def _said(label: str, names: Sequence[str], reference: Sequence[float], current: Sequence[float]) -> str:
    if not current:
        return f"{label}: the reference alone" if reference else f"{label}: nothing is known"
    most = max(range(len(current)), key=lambda place: current[place])
    found = f"{label}: most often {names[most]}, {100 * current[most]:.0f} % now"
    return f"{found}, {100 * reference[most]:.0f} % in the reference" if most < len(reference) else found


def bin_names(edges: Sequence[float]) -> list[str]:
    """Of the bins between these edges; the outer ones may be open.

    >>> bin_names([float("-inf"), 0, 10, float("inf")])
    ['< 0', '0 – 10', '≥ 10']
    """
    found = []
    for low, high in pairwise(edges):
        if low == float("-inf"):
            found.append(f"< {short(high)}")
        elif high == float("inf"):
            found.append(f"≥ {short(low)}")
        else:
            found.append(f"{short(low)} – {short(high)}")
    return found

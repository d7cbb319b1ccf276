"""One value against its thresholds, as a bar."""

from __future__ import annotations

from modelmon.charts.markup import Svg, element, picture
from modelmon.charts.scales import Scale, finite, short

WIDTH, HEIGHT = 120, 14


def bullet(
    value: float | None,
    *,
    label: str,
    suspected: float | None = None,
    detected: float | None = None,
    judged: bool = True,
) -> Svg:
    """The bar reaches to the value; two ticks are the thresholds. One that is not `judged` has no colour.

    >>> bullet(0.9, label="drift", suspected=0.5, detected=0.7).count("<line")
    2
    """
    known = finite([value])
    if not known:
        return picture(f"{label}: no value", (WIDTH, HEIGHT), [], kind="bullet")
    limits = finite([suspected, detected])
    end = max([*known, *(1.25 * each for each in limits), 1e-12])
    across = Scale(0, end, 0, WIDTH)
    state = _state(known[0], suspected, detected) if judged else "unjudged"
    parts = [
        element("rect", x=0, y=2, width=WIDTH, height=HEIGHT - 4, class_="ground"),
        element("rect", x=0, y=4, width=across(known[0]), height=HEIGHT - 8, class_=f"value {state}"),
        *(
            element("line", x1=across(each), x2=across(each), y1=0, y2=HEIGHT, class_="threshold")
            for each in limits
        ),
    ]
    said = ", ".join(f"{name} from {short(each)}" for name, each in _named(suspected, detected))
    return picture(
        f"{label}: {short(known[0])}{', ' * bool(said)}{said}", (WIDTH, HEIGHT), parts, kind="bullet"
    )


def _named(suspected: float | None, detected: float | None) -> list[tuple[str, float]]:
    return [(n, each) for n, each in (("suspected", suspected), ("detected", detected)) if each is not None]


def _state(value: float, suspected: float | None, detected: float | None) -> str:
    if detected is not None and value >= detected:
        return "detected"
    return "suspected" if suspected is not None and value >= suspected else "calm"

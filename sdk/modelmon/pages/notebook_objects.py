"""Endpoints, incidents and metrics as a notebook shows them: what views say, with the charts of the pages."""

from __future__ import annotations

from collections.abc import Sequence

from modelmon.charts import Sample, overlay, sparkline, timeline
from modelmon.charts.markup import Svg
from modelmon.pages.endpoint_pictures import pictures_of
from modelmon.pages.notebook import in_notebook
from modelmon.pages.rendering import render
from modelmon.views.bin_shares import bin_shares
from modelmon.views.endpoint_rows import EndpointRow
from modelmon.views.feature_page import FeaturePage
from modelmon.views.feature_words import in_words
from modelmon.views.features import FeatureView
from modelmon.views.incidents import Incident

MOST = 20
"""So many of a list are shown."""
WORST = 3


def endpoints_in_notebook(rows: Sequence[EndpointRow], total: int) -> str:
    """A table of these, the first of `total`."""
    lines = [(row, pictures_of(row)) for row in rows]
    return in_notebook(render("notebook_endpoints.html", lines=lines, total=total, more=total - len(rows)))


def endpoint_in_notebook(row: EndpointRow, page: FeaturePage | None) -> str:
    """How it stands, what its newest window said, and the features that changed most; without a `page` it has
    no such window yet."""
    worst = [each for each in page.features.features if each.score is not None][:WORST] if page else []
    return in_notebook(
        render(
            "notebook_endpoint.html", row=row, pictures=pictures_of(row), page=page,
            results=[each for each in page.results if each.kind is not None] if page else [],
            worst=[(each, *_pictures(each, page), in_words(each)) for each in worst] if page else [],
        )
    )  # fmt: skip


def incidents_in_notebook(found: Sequence[Incident], more: str) -> str:
    """A table of these; `more`: after which place the next page begins, "" on the last one."""
    shown = found[:MOST]
    return in_notebook(
        render("notebook_incidents.html", incidents=shown, left=len(found) - len(shown), more=more)
    )


def lines_in_notebook(found: Sequence[tuple[str, Sequence[Sample]]], total: int) -> str:
    """Each name with its values over time, the first of `total`."""
    lines = [
        (name, samples[-1].value if samples else None, len(samples), _line(name, samples))
        for name, samples in found
    ]
    return in_notebook(render("notebook_lines.html", lines=lines, total=total, more=total - len(found)))


def _line(name: str, samples: Sequence[Sample]) -> Svg | None:
    return timeline(samples, samples[0].start, samples[-1].end, label=name) if samples else None


def _pictures(feature: FeatureView, page: FeaturePage) -> tuple[Svg, Svg]:
    shares = bin_shares(feature.reference, feature.sample)
    line = page.lines.get(feature.feature, ())
    return (
        overlay(shares.names, shares.reference, shares.current, label=feature.feature),
        sparkline([each.score for each in line], label=f"score of {feature.feature}"),
    )

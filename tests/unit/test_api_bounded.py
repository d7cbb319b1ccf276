"""Pages of an endpoint make as many queries for much history and many features as for little and few."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_pages import WORST, Pages
from query_counter import Work, counted


@pytest.mark.parametrize("path", ["features", "feature?name=feature_03", "metrics", "rows"])
def test_a_long_history_and_many_features_make_no_more_queries(tmp_path: Path, path: str) -> None:
    few, many = (
        work_of(Pages(tmp_path / str(features), endpoints=1, features=features, days=days), path)
        for features, days in ((10, 3), (60, 9))
    )
    assert many.statements == few.statements <= 84


def work_of(pages: Pages, path: str) -> Work:
    """What the second look costs; the first loads what stays."""
    pages.get(path)
    project = pages.client.application.state.projects["made"]
    with counted(project.database, project.series._database) as work:
        pages.get(f"/projects/made/endpoints/{WORST}/{path}")
    pages.client.close()
    return work

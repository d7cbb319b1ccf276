"""`modelmon endpoint NAME --window TIME` and `--feature NAME`: features in any window, one in many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rich.markup import escape

from modelmon.cli.output import console, print_json
from modelmon.counting import count
from modelmon.model import from_us, wall_clock_us
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.views.feature_page import JudgedResult
    from modelmon.views.result_evidence import Evidence
    from modelmon.views.window_features import FeatureHistoryView, WindowFeaturesView


def show_window(settings: Settings, name: str, window: str, *, as_json: bool) -> None:
    """The features of the endpoint in the window that holds this time, and what apps said of it."""
    from modelmon.ledger.records import open_records
    from modelmon.model_monitoring.written_times import moment_us
    from modelmon.stores.series import open_series
    from modelmon.views.encoding import to_json
    from modelmon.views.feature_page import read_feature_page

    moment = from_us(moment_us(window, "--window", 0))
    with ExitStack() as stack:
        records, series = open_records(settings), open_series(settings)
        stack.callback(records.close)
        stack.callback(series.close)
        page = read_feature_page(records, series, settings, name, wall_clock_us(), moment)
    if as_json:
        print_json(to_json(page.features))
    else:
        _print_window(page.features)
        _print_found([*page.results, *page.beside])


def show_feature(settings: Settings, name: str, feature: str, windows: int, *, as_json: bool) -> None:
    """One feature over the newest windows."""
    from modelmon.ledger.records import open_records
    from modelmon.stores.series import open_series
    from modelmon.views.encoding import to_json
    from modelmon.views.window_features import read_one_feature

    with ExitStack() as stack:
        records, series = open_records(settings), open_series(settings)
        stack.callback(records.close)
        stack.callback(series.close)
        found = read_one_feature(records, series, settings, name, feature, wall_clock_us(), windows)
    if as_json:
        print_json(to_json(found))
    else:
        _print_feature(found)


def _print_window(found: WindowFeaturesView) -> None:
    from modelmon.cli.features import print_features

    window = found.window
    console.print(
        f"[bold]{escape(found.endpoint_name)}[/bold]: window {window.start_infer_time:%Y-%m-%d %H:%M} to "
        f"{window.end_infer_time:%Y-%m-%d %H:%M} UTC, {', '.join([window.state.value, *window.states])}, "
        f"{count(window.rows, 'row')}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    print_features(found.features)
    if not found.features:
        console.print("Nothing is known of its features.")
    elif not found.is_counted:
        console.print(
            "No histogram of this window can be counted: its samples are not there any more "
            "(`retention_days`). The numbers were kept.",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def _print_found(results: Sequence[JudgedResult]) -> None:
    """What each result of the window found and stands on, in the words of its app."""
    for each in results:
        for words in _told(each.evidence):
            console.print(
                f"[bold]{escape(each.name)}[/bold]: {escape(words)}", highlight=False, soft_wrap=True
            )


def _told(evidence: Evidence) -> Iterator[str]:
    """What was found; beside it what would have been seen, why the threshold is where it is, and what is
    next."""
    yield from evidence.found
    if evidence.power:
        yield f"would have seen: {'; '.join(evidence.power)}"
    if evidence.why:
        yield f"threshold: {evidence.why}"
    if evidence.next:
        yield f"next: {evidence.next}"


def _print_feature(found: FeatureHistoryView) -> None:
    from modelmon.cli.features import print_history

    console.print(f"[bold]{escape(found.feature)}[/bold] of {escape(found.endpoint_name)}", highlight=False)
    print_history(found.lines)
    if not found.lines:
        console.print("No window shown has statistics of it: an app has to report them.", highlight=False)

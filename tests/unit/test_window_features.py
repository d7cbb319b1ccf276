"""`modelmon endpoint --window` and `--feature`: features in any window, one feature in many."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from made_pages import text_of
from modelmon.cli import main, output
from modelmon.model import from_us
from modelmon.pages.report import make_report
from modelmon.stats import compare, describe
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.views.endpoint_facts import Looking
from sample_files import add_file
from unit.window_support import E1, Chain, at, done, result, stats

FOUND = "`a` moved by 18"
SEEN = "`a` 0.53 sigma (+5.3 or -5.31)"
CALM = {"found": "a as ever", "least_changes": {"a": {"sigma": 0.53, "words": SEEN}}, "next": "nothing"}
TRAINED = describe(pa.table({"a": [0.0, 1.0, 2.0, 3.0], "city": ["x", "x", "y", "y"]}))


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    (tmp_path / "modelmon.yaml").write_text("project: flights\n")
    (tmp_path / ".modelmon").mkdir()
    chain = Chain(tmp_path, records_url=f"sqlite:///{tmp_path}/.modelmon/records.db")
    chain.endpoint(E1, feature_stats=TRAINED, feature_names=("a", "city"), function_name="serving")
    yield chain
    chain.close()


@pytest.fixture
def shown(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output.console, "width", 100)

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["modelmon", "endpoint", f"{E1}-name", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert (ended.value.code or 0) == code, captured.err
        return captured.out if code == 0 else captured.err

    return run


def judge(chain: Chain, *, samples: bool = True) -> None:
    """Three windows of ten minutes with a row a minute; in the second one `a` is ten times as large."""
    minutes = range(30)
    rows = pa.table(
        {"a": [20.0 if 10 <= minute < 20 else 2.0 for minute in minutes], "city": ["x", "y"] * 15}
    )
    chain.serve(*map(at, minutes), now=at(30))
    if samples:
        for start in (0, 10, 20):
            some = rows.slice(start, 10)
            add_file(
                chain.database, open_samples(chain.settings), [at(start + each) for each in range(10)],
                {name: some[name] for name in some.column_names}, endpoint_id=E1, first=start,
            )  # fmt: skip
    chain.settle(at(45))
    for number, event in enumerate(chain.app_events()[:3]):
        found = compare(rows.slice(10 * number, 10), TRAINED)
        scores = dict(zip(found.features, found.scores.tolist(), strict=True))
        measures = {name: {"score": score} for name, score in scores.items()}
        told = json.dumps({"findings": [FOUND], "why": "1 is the least"} if number == 1 else CALM)
        chain.report(
            stats(event, found.sample_stats), stats(event, measures, "drift_measures"),
            result(event, extra_data=told), done(event),
        )  # fmt: skip


def test_histograms_of_an_older_window_are_counted_again(chain: Chain, shown: Callable[..., str]) -> None:
    judge(chain)
    found = json.loads(shown("--window", "2023-11-14 22:35", "--json"))
    assert found["window"]["start_infer_time"] == "2023-11-14 22:30:00.000000+00:00"
    (first, _) = found["features"]
    assert (first["feature"], first["sample"]["mean"], first["sample"]["hist"][0][-1]) == ("a", 20.0, 10)
    assert first["score"] == found["numbers"]["a"]["score"] > 0.9
    assert found["is_counted"]
    text = shown("--window", "2023-11-14T22:39:59Z")
    assert "window 2023-11-14 22:30 to 2023-11-14 22:40 UTC, done" in text
    assert "1.5 → 20" in text


def test_of_a_window_without_samples_the_numbers_are_shown(chain: Chain, shown: Callable[..., str]) -> None:
    judge(chain, samples=False)
    found = json.loads(shown("--window", "2023-11-14 22:35", "--json"))
    assert not found["is_counted"]
    assert found["features"][0]["sample"] == {"count": 10, "missing": 0, "mean": 20.0}
    text = shown("--window", "2023-11-14 22:35")
    assert "1.5 → 20" in text
    assert "its samples are not there any more" in text


def test_what_an_app_found_in_the_window_is_told_in_its_words(
    chain: Chain, shown: Callable[..., str]
) -> None:
    judge(chain)
    moved = shown("--window", "2023-11-14 22:35")
    assert f"drift: {FOUND}" in moved
    assert "drift: threshold: 1 is the least" in moved
    calm = shown("--window", "2023-11-14 22:25")
    assert FOUND not in calm
    assert f"drift: would have seen: {SEEN}" in calm
    assert "drift: next: nothing" in calm


def test_the_report_on_a_calm_window_says_what_would_have_been_seen(chain: Chain) -> None:
    judge(chain)
    series = open_series(chain.settings)
    told = text_of(
        make_report(chain.database, series, Looking(at(45), chain.settings), E1, from_us(at(25))).html
    )
    series.close()
    assert f"Would have seen {SEEN.replace('`', '')}" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--window", "2023-11-13"),
            "no window at 2023-11-13 00:00 UTC; they reach from 2023-11-14 22:20",
        ),
        (("--window", "yesterday"), "--window"),
        (("--feature", "b"), "has no feature 'b'"),
        (("--feature", "a", "--window", "2023-11-14"), "--window and --feature can't be given together"),
    ],
)
def test_what_is_not_there_is_said(
    chain: Chain, shown: Callable[..., str], arguments: tuple[str, ...], said: str
) -> None:
    judge(chain)
    assert said in shown(*arguments, code=2)


def test_an_endpoint_without_windows_says_so(shown: Callable[..., str]) -> None:
    assert "has no window at 2023-11-13 00:00 UTC; it has none yet" in shown("--window", "2023-11-13", code=2)


def test_one_feature_is_shown_over_the_windows(chain: Chain, shown: Callable[..., str]) -> None:
    judge(chain)
    lines = {each["name"]: each for each in json.loads(shown("--feature", "a", "--json"))["lines"]}
    assert [point["value"] for point in lines["mean"]["points"]] == [2.0, 20.0, 2.0]
    assert lines["rows"]["points"][0] == {
        "start": "2023-11-14 22:20:00.000000+00:00", "value": 10.0, "status": None
    }  # fmt: skip
    assert set(lines) == {"score", "mean", "missing", "rows"}
    (mean,) = [
        each
        for each in json.loads(shown("--feature", "a", "--windows", "1", "--json"))["lines"]
        if each["name"] == "mean"
    ]
    assert len(mean["points"]) == 1
    assert "mean     ▁█▁  2" in shown("--feature", "a")
    assert {each["name"] for each in json.loads(shown("--feature", "city", "--json"))["lines"]} == {
        "score", "share", "missing", "rows"
    }  # fmt: skip

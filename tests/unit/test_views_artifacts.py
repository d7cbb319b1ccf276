"""Files that apps keep of windows: told with the answer, listed once, as the newest revision gave them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelmon import wire
from modelmon.errors import ConfigError
from modelmon.model import Answer, ArtifactNote, Window, from_us
from modelmon.stores.artifacts import RECORD, ArtifactFiles
from modelmon.stores.samples import open_samples
from modelmon.upkeep.kept_files import prune_artifacts
from modelmon.views.artifacts import ArtifactQuery, ArtifactView, find_artifact, list_artifacts
from modelmon.wire.artifacts import MOST_ARTIFACTS
from sample_house import forget
from unit.window_support import E1, E2, Chain, at, done, envelope, result


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(tmp_path)
    for endpoint_id in (E1, E2):
        chain.endpoint(endpoint_id)
    yield chain
    chain.close()


def window(number: int = 0, revision: int = 1, endpoint_id: str = E1, app: str = "app") -> wire.AppEvent:
    span = Window(from_us(at(10 * number)), from_us(at(10 * number + 10)))
    return wire.AppEvent(endpoint_id, f"{endpoint_id}-name", app, span, revision)


def kept(event: wire.AppEvent, *names: str, path: str = "app/w/{}", outcome: str = "done") -> wire.Envelope:
    notes = tuple(ArtifactNote(name, path.format(name), 10, at(11)) for name in names)
    return envelope(event, Answer(outcome, rows=9, artifacts=notes))


def shown(chain: Chain, query: ArtifactQuery = ArtifactQuery()) -> list[ArtifactView]:  # noqa: B008 - frozen
    found: list[ArtifactView] = []
    while True:
        with chain.database.read() as connection:
            page = list_artifacts(connection, query)
        assert len(page.artifacts) <= query.limit
        found += page.artifacts
        if not page.after:
            return found
        query = replace(query, after=page.after)


def names(chain: Chain, query: ArtifactQuery = ArtifactQuery()) -> list[str]:  # noqa: B008
    return [each.name for each in shown(chain, query)]


def send(chain: Chain, count: int = 1) -> None:
    chain.serve(*[at(10 * number) for number in range(count + 1)], now=at(10 * count))
    chain.tick(at(10 * count + 1))


def test_what_was_kept_is_listed_once_however_often_it_is_told(chain: Chain) -> None:
    send(chain)
    for _ in range(3):
        chain.report(result(window(), 2, 0.9), kept(window(), "page.html", "scores.json"))
    first, _second = shown(chain)
    assert (first.name, first.media_type, first.size_bytes, first.revision) == (
        "page.html",
        "text/html",
        10,
        1,
    )
    assert (first.path, first.is_here, first.written) == ("app/w/page.html", True, from_us(at(11)))
    assert (first.endpoint_name, first.start_infer_time) == (f"{E1}-name", from_us(at(0)))
    assert names(chain) == ["page.html", "scores.json"]


def test_what_the_newest_revision_did_not_give_is_not_shown(chain: Chain) -> None:
    send(chain)
    chain.report(kept(window(revision=2), "page.html", "old.csv"))
    chain.report(kept(window(revision=3), "page.html"))
    chain.report(kept(window(revision=1), "page.html", "older.csv"))
    assert [(each.name, each.revision) for each in shown(chain)] == [("page.html", 3)]
    chain.report(done(window(revision=4)))
    assert shown(chain) == []


def test_a_try_that_failed_tells_of_what_it_kept_and_one_that_waits_of_nothing(chain: Chain) -> None:
    send(chain, 2)
    chain.report(kept(window(0), "page.html", outcome="failed"))
    assert names(chain) == ["page.html"]


def test_pages_follow_each_other_without_gap_or_repetition(chain: Chain) -> None:
    send(chain, 3)
    events = [
        window(number, 1, endpoint_id, app)
        for number in range(3) for endpoint_id in (E1, E2) for app in ("app", "b")
    ]  # fmt: skip
    for event in events:
        chain.report(kept(event, "a.csv", "b.csv"))
    every = shown(chain)
    assert len(every) == len({*every}) == 24
    for limit in (1, 5, 24):
        assert shown(chain, ArtifactQuery(limit=limit)) == every
    assert [each.start_infer_time for each in every] == sorted(
        (each.start_infer_time for each in every), reverse=True
    )
    of_one = ArtifactQuery(E1, "b", from_us(at(10)), limit=1)
    assert [(each.endpoint_id, each.application_name) for each in shown(chain, of_one)] == [(E1, "b")] * 2


def write(folder: Path, *paths: str) -> ArtifactFiles:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        for each in (path, f"{path}{RECORD}"):
            (folder / each).write_text("x")
    return ArtifactFiles(str(folder))


def files_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.rglob("*") if each.is_file() and RECORD not in each.name)


def test_what_was_kept_goes_with_the_retention_of_its_window(chain: Chain, tmp_path: Path) -> None:
    send(chain, 2)
    elsewhere = tmp_path / "mine.txt"
    elsewhere.write_text("mine")
    folder = tmp_path / "kept"
    files = write(folder, "app/w/old.html", "app/w/new.html")
    chain.report(kept(window(0), "old.html"), now=at(30))
    chain.report(kept(window(0, app="b"), "mine.txt", path=str(elsewhere)))
    chain.report(kept(window(1), "new.html"))
    assert prune_artifacts(chain.database, files, at(10) - 1, float("inf")) == 0
    assert prune_artifacts(chain.database, files, at(10), -1.0) == 0  # no time
    assert prune_artifacts(chain.database, files, at(10), float("inf")) == 1
    assert (files_in(folder), names(chain), elsewhere.read_text()) == (["new.html"], ["new.html"], "mine")
    assert sorted(each.name for each in (folder / "app/w").iterdir()) == ["new.html", f"new.html{RECORD}"]


def test_a_forgotten_endpoint_leaves_no_file_but_those_it_shares(chain: Chain, tmp_path: Path) -> None:
    send(chain)
    files = write(tmp_path / "kept", f"app/w/a-{E1}", f"app/w/a-{E2}", "app/w/shared")
    for endpoint_id in (E1, E2):
        event = window(endpoint_id=endpoint_id)
        notes = [("a", f"app/w/a-{endpoint_id}"), ("shared", "app/w/shared")]
        told = tuple(ArtifactNote(name, path, 1, at(11)) for name, path in notes)
        chain.report(envelope(event, Answer("done", rows=9, artifacts=told)))
    samples = open_samples(chain.settings)
    forget(chain.database, samples, chain.series, files, E1, at(12), chain.settings)
    assert files_in(tmp_path / "kept") == [f"a-{E2}", "shared"]
    forget(chain.database, samples, chain.series, files, E2, at(12), chain.settings)
    assert files_in(tmp_path / "kept") == []


def test_killed_between_a_file_and_its_row_the_next_run_ends_it(chain: Chain, tmp_path: Path) -> None:
    send(chain)
    chain.report(kept(window(), "gone.html"))
    assert prune_artifacts(chain.database, ArtifactFiles(str(tmp_path)), at(60), float("inf")) == 1
    assert shown(chain) == []


def test_one_is_found_by_its_window_and_name(chain: Chain) -> None:
    send(chain)
    chain.report(kept(window(), "sub/page.html"))
    with chain.database.read() as connection:
        assert find_artifact(connection, E1, "app", from_us(at(0)), "sub/page.html") == shown(chain)[0]
        assert find_artifact(connection, E1, "app", from_us(at(0)), "page.html") is None


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "app/../../passwd", "s3://bucket/key", "a//b", "./a", "a\\b"]
)
def test_a_file_elsewhere_is_told_apart_and_not_read(chain: Chain, tmp_path: Path, path: str) -> None:
    send(chain)
    chain.report(kept(window(), "page.html", path=path))
    (found,) = shown(chain)
    assert (found.path, found.is_here) == (path, False)
    files = ArtifactFiles(str(tmp_path))
    for touch in (lambda: files.read(path, 100), lambda: files.delete([path])):
        with pytest.raises(ConfigError, match="relative"):
            touch()


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    files = ArtifactFiles(str(tmp_path))
    assert files.read("a", 5) == b"12345"
    with pytest.raises(ConfigError, match="more than 4 bytes"):
        files.read("a", 4)
    with pytest.raises(FileNotFoundError):
        files.read("b", 4)


@pytest.mark.parametrize(
    ("artifacts", "words"),
    [
        ("x", "list of at most"),
        ([{}] * (MOST_ARTIFACTS + 1), "list of at most"),
        (["x"], "an object"),
        ([{"name": "a", "path": "", "size_bytes": 1}], "path"),
        ([{"name": "a", "path": "p", "size_bytes": -1}], "size_bytes"),
        ([{"name": "a", "path": "p", "size_bytes": 1}], "written"),
        ([{"name": "", "path": "p", "size_bytes": 1}], "name"),
    ],
)
def test_an_answer_with_artifacts_that_cannot_be_read_is_set_aside(artifacts: object, words: str) -> None:
    (body,) = json.loads(wire.write_report([done(window())]))
    body["data"] = json.dumps({**json.loads(body["data"]), "artifacts": artifacts})
    (item,) = wire.read_report(json.dumps([body]).encode())
    assert isinstance(item, wire.RejectedItem)
    assert words in f"{item.field} {item.reason}"


@pytest.mark.parametrize("after", ["x", "1~e~a", "1~e~a b~n"])
def test_a_place_that_no_page_ended_with_is_refused(after: str) -> None:
    with pytest.raises(ConfigError, match="not what a page"):
        ArtifactQuery(after=after)

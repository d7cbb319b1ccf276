"""Records from a backup that is older than the streams: a window without a verdict in them gets one again.

That events are read again is in `test_stream_stage_taking_over.py`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from modelmon import wire
from unit.window_support import Chain, at, done, result


def opened(folder: Path) -> Chain:
    return Chain(folder, stream_path=f"memory://{folder}")


def back_up(chain: Chain, folder: Path) -> Chain:
    """Stop, copy, start."""
    chain.close()
    shutil.copy(folder / "records.db", folder / "backup.db")
    return opened(folder)


def restore(chain: Chain, folder: Path) -> Chain:
    """Stop, put the copy back, start; the streams stay, with how far the apps and the writer have read."""
    chain.close()
    for name in ("records.db-wal", "records.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(folder / "backup.db", folder / "records.db")
    return opened(folder)


def judge(chain: Chain) -> wire.AppEvent:
    """The app judges the one window that it has not read yet, and the writer writes what it found."""
    (event,) = chain.app_events()
    chain.report(result(event, status=2, value=0.9), done(event))
    return event


def stands(chain: Chain) -> tuple[list[str], list[float], list[int]]:
    """Outcomes of windows, values of results, windows of incidents."""
    outcomes = [each.outcome for each in chain.windows() if each.start_us == at(0)]
    return outcomes, [each.value for each in chain.values()], [each.windows for each in chain.incidents()]


JUDGED = (["done"], [0.9], [1])


def test_a_window_that_was_judged_after_the_backup_is_sent_and_judged_again(tmp_path: Path) -> None:
    chain = opened(tmp_path)
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    chain = back_up(chain, tmp_path)
    event = judge(chain)
    assert stands(chain) == JUDGED
    chain = restore(chain, tmp_path)
    assert stands(chain) == ([""], [], [])
    chain.tick(at(13))  # the app and the writer have read everything, so no answer is on its way
    again = judge(chain)
    assert (again.key, again.window_revision) == (event.key, event.window_revision)
    assert stands(chain) == JUDGED
    chain.close()


def test_a_window_of_events_after_the_backup_is_made_sent_and_judged_again(tmp_path: Path) -> None:
    chain = back_up(opened(tmp_path), tmp_path)
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    event = judge(chain)
    assert stands(chain) == JUDGED
    chain = restore(chain, tmp_path)
    assert stands(chain) == ([], [], [])
    chain.serve(at(0), at(11), now=at(13))  # the stream function reads them again
    chain.tick(at(13))
    assert judge(chain).key == event.key
    assert stands(chain) == JUDGED
    chain.close()

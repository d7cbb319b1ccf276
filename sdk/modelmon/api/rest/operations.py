"""How monitoring itself is: functions, apps, what was set aside; and what an operator does about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem, refused
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.paging import LONGEST, Paged, PageSize
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.errors import ConfigError
from modelmon.ledger import registry
from modelmon.ledger.dead_letters import Chosen, remove
from modelmon.model import DeadLetter
from modelmon.model_monitoring.judging import Asked as AskedWindows
from modelmon.model_monitoring.judging import judge_windows
from modelmon.upkeep.resending import resend
from modelmon.views.app_runs import AppRun, newest_runs
from modelmon.views.app_windows import AppWindows, windows_by_state
from modelmon.views.dead_letters import (
    ShownLetter,
    find_dead_letter,
    letter_id,
    list_dead_letters,
    shown_letters,
    told,
)
from modelmon.views.health import FunctionHealth, every_health

BASE = "/api/v1/projects/{project}"


class LettersListed(Paged, kw_only=True, frozen=True):
    """Of a stream, of an endpoint (its id), with a text in the reason, sent again or not."""

    stream: str | None = None
    endpoint: str | None = None
    reason: str | None = None
    resent: bool | None = None


class Letters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of dead letters."""

    ids: tuple[str, ...]


class Rerun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The windows of an app that reach into the time from `start` to `end` (now), of all endpoints or of
    those of these names or ids."""

    application: str
    start: datetime
    end: datetime | None = None
    endpoints: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Functions:
    """How each function is, and what the apps have done."""

    functions: tuple[FunctionHealth, ...]
    apps: tuple[AppWindows, ...]


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some of the messages that were set aside, the newest first; `after` asks for the next page."""

    letters: tuple[ShownLetter, ...]
    total: int
    after: str


class RunsListed(msgspec.Struct, kw_only=True, frozen=True):
    """Of which app; with `failed` those alone that failed."""

    application: str
    failed: bool = False
    page_size: PageSize = 50


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many dead letters are gone for good."""

    deleted: int


@dataclass(frozen=True, slots=True)
class Resent:
    """The dead letters that were sent again."""

    ids: tuple[str, ...]


def functions(asked: Asked, parameters: object) -> Functions:
    with asked.database.read() as connection:
        known = registry.watched_functions(connection)
        apps = windows_by_state(connection, asked.settings)
    return Functions(tuple(every_health(asked.database, known, asked.now_us)), apps)


def dead_letters(asked: Asked, wanted: LettersListed) -> LetterPage:
    chosen = Chosen(wanted.stream, wanted.endpoint, wanted.reason, None, wanted.resent)
    with asked.database.read() as connection:
        after = find_dead_letter(connection, wanted.page_token) if wanted.page_token else None
        page = list_dead_letters(connection, chosen, wanted.page_size, after)
        shown = shown_letters(connection, asked.settings, page.letters)
    return LetterPage(tuple(shown), page.total, letter_id(page.after) if page.after else "")


def send_again(asked: Asked, parameters: object) -> Resent:
    ids = tuple(dict.fromkeys(read_body(asked, Letters).ids))
    if not 1 <= len(ids) <= LONGEST:
        raise Problem(400, f"ids: name 1 to {LONGEST} dead letters, got {len(ids)}", "ids")
    with asked.database.read() as connection:
        letters = [known_letter(connection, each) for each in ids]
    for letter in letters:
        if letter.not_kept:
            mend = "`modelmon deadletters resend` takes it with --body"
            raise Problem(
                409, f"{letter_id(letter)} is not kept whole: {told(asked.settings, letter)}; {mend}", "ids"
            )
    resend(asked.settings, asked.database, letters, asked.now_us)
    return Resent(ids)


def delete(asked: Asked, parameters: object) -> Deleted:
    ids = tuple(dict.fromkeys(read_body(asked, Letters).ids))
    if not 1 <= len(ids) <= LONGEST:
        raise Problem(400, f"ids: name 1 to {LONGEST} dead letters, got {len(ids)}", "ids")
    with asked.database.write() as connection:
        found = [known_letter(connection, each) for each in ids]
        return Deleted(sum(remove(connection, letter) for letter in found))


def known_letter(connection: Connection, name: str) -> DeadLetter:
    """The one of this id. Raises Problem 404 for one that is not there, or not any more."""
    try:
        return find_dead_letter(connection, name)
    except ConfigError as error:
        raise refused(error, 404, "id") from None


def runs(asked: Asked, wanted: RunsListed) -> tuple[AppRun, ...]:
    with asked.database.read() as connection:
        return newest_runs(
            connection, asked.settings, wanted.application, failed=wanted.failed, limit=wanted.page_size
        )


def rerun(asked: Asked, parameters: object) -> AskedWindows:
    wanted = read_body(asked, Rerun)
    return judge_windows(asked.settings, wanted.application, wanted.start, wanted.end, wanted.endpoints)


ROUTES = (
    Route("GET", f"{BASE}/functions", functions, "How the functions are, and what the apps have done."),
    Route("GET", f"{BASE}/dead-letters", dead_letters, "What was set aside, newest first.", LettersListed),
    Route(
        "POST", f"{BASE}/dead-letters/resend", send_again, "Send dead letters again.", body=Letters,
        role=Role.OPERATOR,
    ),
    Route(
        "POST", f"{BASE}/dead-letters/delete", delete, "Delete dead letters for good.", body=Letters,
        role=Role.OPERATOR,
    ),
    Route("GET", f"{BASE}/runs", runs, "What an app judged last, and how that ended.", RunsListed),
    Route(
        "POST", f"{BASE}/windows/rerun", rerun, "Ask an app for windows again.", body=Rerun,
        role=Role.OPERATOR,
    ),
)  # fmt: skip

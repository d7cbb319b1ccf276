"""Jobs and Workflows: the functions, the apps with their windows by state, and what was set aside."""

from __future__ import annotations

from contextlib import ExitStack

from starlette.responses import RedirectResponse, Response

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of
from modelmon.api.parameters import NoParameters
from modelmon.api.problems import Problem
from modelmon.api.rest.operations import known_letter
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.logged import shown_logged
from modelmon.api.time_range import Ranged
from modelmon.function_spec.project_streams import open_streams
from modelmon.ledger import dead_letters, registry
from modelmon.ledger.requirements import ACTUALS_OR_SCORES, requiring
from modelmon.upkeep.resending import resend
from modelmon.views.app_windows import windows_by_state
from modelmon.views.dead_letters import (
    letter_id,
    list_dead_letters,
    shown_letters,
    told,
)
from modelmon.views.health import every_health
from modelmon.views.lag import read_lag

LETTERS = 50


def functions(asked: Asked, ranged: Ranged) -> Page:
    """How the functions are, how far their groups are behind, what the apps have done."""
    database = asked.database
    with database.read() as connection:
        frame = frame_of(connection, asked, "functions", ranged)
        names = registry.watched_functions(connection)
        others = [each for each in registry.list_functions(connection) if each.name not in names]
        apps = windows_by_state(connection, asked.settings)
        sleeping = requiring(connection, ACTUALS_OR_SCORES)
        letters = list_dead_letters(connection, limit=LETTERS)
        shown = shown_letters(connection, asked.settings, letters.letters)
    with ExitStack() as stack:
        streams, unopened = stack.enter_context(open_streams(asked.settings))
        lags, unknown = read_lag(streams, asked.settings)
    values = {
        "frame": frame, "functions": every_health(database, names, asked.now_us),
        "others": others, "apps": apps, "sleeping": sleeping, "lags": lags,
        "unknown": [*((each.stream, each.reason) for each in unknown), *unopened.items()],
        "letters": shown, "total_letters": letters.total,
        "delete": lambda each: address(asked, "dead-letters", each.id, "delete"),
        "app_of": lambda each: address(asked, "apps", each.name),
        "resend": lambda each: address(asked, "dead-letters", each.id, "resend"),
        "may_act": asked.user.role >= Role.OPERATOR, "form_token": asked.form_token,
        "logged": shown_logged(asked),
        "failed": lambda app: address(asked, "endpoints", app=app, state="failed"),
    }  # fmt: skip
    return Page("functions.html", values)


def delete_letter(asked: Asked, parameters: NoParameters) -> Response:
    """One dead letter is deleted for good, and back to the list."""
    with asked.database.write() as connection:
        dead_letters.remove(connection, known_letter(connection, asked.path["letter"]))
    return RedirectResponse(f"{address(asked, 'functions')}#dead-letters", 303)


def resend_letter(asked: Asked, parameters: NoParameters) -> Response:
    """One dead letter back on its stream, and back to the list."""
    with asked.database.read() as connection:
        letter = known_letter(connection, asked.path["letter"])
    if letter.resent is not None:  # by somebody whose page had the same button
        raise Problem(
            409, f"{letter_id(letter)} was sent again at {letter.resent:%Y-%m-%d %H:%M:%S} UTC; "
            "`modelmon deadletters resend` sends it once more"
        )  # fmt: skip
    if letter.not_kept:
        mend = "`modelmon deadletters resend` takes it with --body"
        raise Problem(409, f"{letter_id(letter)} is not kept whole: {told(asked.settings, letter)}; {mend}")
    resend(asked.settings, asked.database, [letter], asked.now_us)
    return RedirectResponse(f"{address(asked, 'functions')}#dead-letters", 303)


ROUTES = (
    Route(
        "GET", "/projects/{project}/functions", functions,
        "The functions, the apps with their windows by state, and what was set aside.", Ranged,
        kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/dead-letters/{letter}/resend", resend_letter,
        "Send a dead letter again.", role=Role.OPERATOR, kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/dead-letters/{letter}/delete", delete_letter,
        "Delete a dead letter for good.", role=Role.OPERATOR, kind=Kind.PAGE,
    ),
)  # fmt: skip

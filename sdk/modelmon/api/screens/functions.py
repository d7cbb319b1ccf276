"""Jobs and Workflows: the functions, the apps with their windows by state, and what was set aside."""

from __future__ import annotations

from contextlib import ExitStack

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.time_range import Ranged
from modelmon.function_spec.project_streams import open_streams
from modelmon.ledger import registry
from modelmon.views.app_windows import windows_by_state
from modelmon.views.dead_letters import list_dead_letters, shown_letters
from modelmon.views.health import every_health
from modelmon.views.lag import read_lag

LETTERS = 50


def functions(asked: Asked, ranged: Ranged) -> Page:
    """How the functions are, how far their groups are behind, what the apps have done."""
    database = asked.database
    with database.read() as connection:
        frame = frame_of(connection, asked, "functions", ranged)
        known = registry.list_functions(connection)
        apps = windows_by_state(connection, asked.settings)
        letters = list_dead_letters(connection, limit=LETTERS)
        shown = shown_letters(connection, letters.letters)
    names = [each.name for each in known if each.kind != "serving"]
    with ExitStack() as stack:
        streams, unopened = stack.enter_context(open_streams(asked.settings))
        lags, unknown = read_lag(streams, asked.settings)
    values = {
        "frame": frame, "functions": every_health(database, names, asked.now_us),
        "serving": [each for each in known if each.kind == "serving"], "apps": apps, "lags": lags,
        "unknown": [*((each.stream, each.reason) for each in unknown), *unopened.items()],
        "letters": shown, "total_letters": letters.total,
        "failed": lambda app: address(asked, "endpoints", app=app, state="failed"),
    }  # fmt: skip
    return Page("functions.html", values)


ROUTES = (
    Route(
        "GET", "/projects/{project}/functions", functions,
        "The functions, the apps with their windows by state, and what was set aside.", Ranged,
        kind=Kind.PAGE,
    ),
)  # fmt: skip

"""What apps ask for beside the sample of a window: each says so itself when it starts."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, select

from modelmon.errors import ConfigError, no_such
from modelmon.ledger.actuals_schema import app_requirements
from modelmon.sql.statements import insert_missing

ACTUALS = "actuals"
ACTUALS_OR_SCORES = "actuals or scores"
"""No windows of an endpoint of which nothing tells how right it is (`waking`)."""
EMPTY_WINDOWS = "empty windows"
"""Windows without rows too, of endpoints that are expected in them (`expected_windows`)."""
REQUIREMENTS = (ACTUALS, ACTUALS_OR_SCORES, EMPTY_WINDOWS)
"""Everything that an app can ask for."""


def checked_requirements(wanted: object, application_name: str) -> frozenset[str]:
    """What an app says that it requires. Raises ConfigError for anything else than a set of what there is."""
    if isinstance(wanted, str) or not isinstance(wanted, Collection):
        raise ConfigError(
            f"app {application_name}: requires is a set of texts, as {{{ACTUALS!r}}}, got {wanted!r}"
        )
    for each in wanted:
        if each not in REQUIREMENTS:
            said = f"app {application_name}: requires {each!r}, which there is not"
            raise no_such(said, str(each), REQUIREMENTS)
    return frozenset(wanted)


def note_requirements(connection: Connection, application_name: str, wanted: Collection[str]) -> None:
    """Remember what an app asks for from now on."""
    mine = app_requirements.c.application_name == application_name
    connection.execute(delete(app_requirements).where(mine, app_requirements.c.requirement.not_in(wanted)))
    rows = [{"application_name": application_name, "requirement": each} for each in wanted]
    insert_missing(connection, app_requirements, rows)


def requirements_of(connection: Connection, application_name: str) -> frozenset[str]:
    """What an app asks for."""
    mine = app_requirements.c.application_name == application_name
    return frozenset(connection.scalars(select(app_requirements.c.requirement).where(mine)))


def requiring(connection: Connection, requirement: str) -> frozenset[str]:
    """The apps that ask for this."""
    query = select(app_requirements.c.application_name).where(app_requirements.c.requirement == requirement)
    return frozenset(connection.scalars(query))

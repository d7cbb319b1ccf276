"""`modelmon token`: who may see the page and the API from elsewhere."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.records import opened_records
from modelmon.errors import ConfigError
from modelmon.model import DAY_US, from_us, wall_clock_us

if TYPE_CHECKING:
    from modelmon.ledger.access import Token

app = typer.Typer(
    no_args_is_help=True,
    help="""Tokens, by which people and programs show who they are where `auth: token` is set.

A viewer looks, an operator acts on what there is, an admin brings code. A token is shown
once, when it is made; only a hash of it is kept.
""",
)
_LASTING = re.compile(r"([1-9][0-9]{0,5})([dh])")


@app.command("create")
def create(
    role: Annotated[
        Literal["viewer", "operator", "admin"], typer.Option(help="What its holder may do.")
    ] = "viewer",
    name: Annotated[
        str, typer.Option(help="Whose it is: stands beside what is done with it.", show_default="the role")
    ] = "",
    expires: Annotated[str, typer.Option(help="After so long: 90d, 12h; or never.")] = "90d",
    project_dir: ProjectDir = None,
) -> None:
    """Make a token and print it, this once.

    Examples:

      modelmon token create --role viewer --name grafana

      modelmon token create --role operator --name ann --expires 30d
    """
    from modelmon.ledger import access

    now_us = wall_clock_us()
    with opened_records(load_settings(project_dir)) as records, records.write() as connection:
        token = access.create_token(connection, name or role, role, now_us, _expiry_us(expires, now_us))
    print(token)


@app.command("list")
def list_all(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """List the tokens, the newest first; of none of them itself."""
    from modelmon.ledger import access

    with opened_records(load_settings(project_dir)) as records, records.read() as connection:
        tokens = access.list_tokens(connection)
    now_us = wall_clock_us()
    shown = [_shown(token, now_us) for token in tokens]
    if as_json:
        print_json({"tokens": shown})
    else:
        columns = ["Name", "Role", "State", "Created", "Expires"]
        print_table("Tokens", columns, [list(each.values()) for each in shown])


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="As `modelmon token list` shows it.")],
    project_dir: ProjectDir = None,
) -> None:
    """End a token: what is asked with it, or with a login by it, is refused from now on."""
    from modelmon.ledger import access

    with opened_records(load_settings(project_dir)) as records, records.write() as connection:
        access.revoke_token(connection, name, wall_clock_us())
    console.print(f"revoked {name}", highlight=False, markup=False)


def _shown(token: Token, now_us: int) -> dict[str, str]:
    from modelmon.ledger.access import is_living

    ended = "revoked" if token.revoked_us is not None else "expired"
    return {
        "name": token.name, "role": token.role, "state": "good" if is_living(token, now_us) else ended,
        "created": _minute(token.created_us),
        "expires": "never" if token.expires_us is None else _minute(token.expires_us),
    }  # fmt: skip


def _minute(moment_us: int) -> str:
    moment: datetime = from_us(moment_us)
    return f"{moment:%Y-%m-%d %H:%M}"


def _expiry_us(text: str, now_us: int) -> int | None:
    if text == "never":
        return None
    found = _LASTING.fullmatch(text)
    if found is None:
        raise ConfigError(f"expires: {text!r}; write 90d, 12h or never")
    return now_us + int(found[1]) * (DAY_US if found[2] == "d" else DAY_US // 24)

"""Contracts of models and endpoints: every version is kept, the newest counts.

One subject has one row of versions: a logged model by its uri, an endpoint by its id. What the training set
suggests is kept when an endpoint of the model is registered, as long as nobody has set a contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Integer, Row, Table, select

from modelmon.ledger.access import Deed, note
from modelmon.ledger.metadata import NAME, metadata
from modelmon.model import Endpoint
from modelmon.sql.statements import insert_missing
from modelmon.sql.types import BIG, LongText, Name

SUGGESTED = "log_model"
"""Who a contract is set by that the training set suggests."""
MODEL_PREFIX = "store://models/"
_ENDPOINT = "endpoint/"

contracts = Table(  # written by the SDK, the command line and the page
    "contracts", metadata,
    Column("endpoint_id", Name(64), primary_key=True),  # "": of a model
    Column("model_uri", Name(NAME), primary_key=True),  # "": of an endpoint
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", LongText, nullable=False),
    Column("who", Name(NAME), nullable=False),
    Column("set_us", BIG, nullable=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeptContract:
    """One version of a contract, "" as text where it was taken back; `who` set it."""

    subject: str
    version: int
    text: str
    who: str
    set_us: int

    @property
    def is_suggested(self) -> bool:
        return self.who == SUGGESTED

    @property
    def words(self) -> str:
        """Whose it is, as it is said."""
        if self.subject.startswith(_ENDPOINT):
            return f"endpoint {self.subject.removeprefix(_ENDPOINT)}"
        return f"model {self.subject.rpartition('/')[2]}"

    @property
    def told(self) -> str:
        """Which version of whose contract it is, and whose work."""
        by = "suggested by its training set" if self.is_suggested else f"set by {self.who}"
        return f"version {self.version} of the contract of {self.words}, {by}"


def subject_of_endpoint(endpoint_id: str) -> str:
    return f"{_ENDPOINT}{endpoint_id}"


def subjects_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Whose contracts count for an endpoint: its own before that of its model."""
    own = subject_of_endpoint(endpoint.endpoint_id)
    is_logged = endpoint.model_uri.startswith(MODEL_PREFIX) and len(endpoint.model_uri) <= NAME
    return (own, endpoint.model_uri) if is_logged else (own,)


def newest(connection: Connection, subject: str) -> KeptContract | None:
    """The newest version of a contract; None where there is none."""
    row = connection.execute(_of(subject).limit(1)).first()
    return None if row is None else _kept(row)


def contract_for(connection: Connection, endpoint: Endpoint) -> KeptContract | None:
    """The contract that counts for an endpoint; None where none was set, or it was taken back."""
    found = (newest(connection, subject) for subject in subjects_of(endpoint))
    return next((each for each in found if each is not None and each.text), None)


def versions(connection: Connection, subject: str, limit: int) -> Sequence[KeptContract]:
    """The newest `limit` versions, the newest first."""
    return [_kept(row) for row in connection.execute(_of(subject).limit(limit))]


def version(connection: Connection, subject: str, number: int) -> KeptContract | None:
    """One version."""
    row = connection.execute(_of(subject).where(contracts.c.version == number)).first()
    return None if row is None else _kept(row)


def set_contract(connection: Connection, subject: str, text: str, who: str, now_us: int) -> KeptContract:
    """Keep a new version, and in the audit who set it; the same text again is the version that is there."""
    while True:  # somebody else may take the number meanwhile: then the next one is ours
        before = newest(connection, subject)
        if before is not None and before.text == text and before.who == who:
            return before
        made = KeptContract(subject, 1 + (before.version if before else 0), text, who, now_us)
        row = {**_key(subject), "version": made.version, "text": text, "who": who, "set_us": now_us}
        insert_missing(connection, contracts, [row])
        if version(connection, subject, made.version) == made:
            break
    what = "set a contract" if text else "took a contract back"
    note(connection, Deed(now_us, who, what, made.words, f"version {made.version}"))
    return made


def suggest_contract(connection: Connection, subject: str, text: str, now_us: int) -> KeptContract:
    """Keep what the training set suggests, unless somebody has set a contract, which stays."""
    before = newest(connection, subject)
    if before is not None and not before.is_suggested and before.text:
        return before
    return set_contract(connection, subject, text, SUGGESTED, now_us)


def _key(subject: str) -> dict[str, str]:
    if subject.startswith(_ENDPOINT):
        return {"endpoint_id": subject.removeprefix(_ENDPOINT), "model_uri": ""}
    return {"endpoint_id": "", "model_uri": subject}


def _of(subject: str) -> Any:
    mine = (contracts.c[name] == value for name, value in _key(subject).items())
    return select(contracts).where(*mine).order_by(contracts.c.version.desc())


def _kept(row: Row[Any]) -> KeptContract:
    subject = subject_of_endpoint(row.endpoint_id) if row.endpoint_id else row.model_uri
    return KeptContract(subject, row.version, row.text, row.who, row.set_us)

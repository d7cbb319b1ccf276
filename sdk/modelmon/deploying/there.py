"""What is on Nuclio, from nuctl's answer: whose a function is, in which state, and where it answers.

Names in a namespace are shared by all its projects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROJECT_LABEL = "nuclio.io/project-name"
NOT_THERE = re.compile(r"(?<!command )(?<!file )(?<!docker: )not found|no functions found", re.IGNORECASE)
"""In what nuctl says; where docker itself is not found, nothing is known of a function."""
BUILDING = ("building", "waitingForBuild")
"""States that a deployment which was interrupted leaves behind."""
PROVISIONED = ("ready", "error", "unhealthy", "scaledToZero", "imported")
"""States in which Nuclio takes a deployment and a deletion; it refuses both in every other one."""
FAILED = ("error", "imported")


@dataclass(frozen=True, slots=True)
class FunctionThere:
    """A function on Nuclio. `project` is None when it can't be read, `state` then "".

    `addresses` are host:port or hosts with a path, as Nuclio names them for callers from outside.
    """

    project: str | None = None
    state: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def is_provisioned(self) -> bool:
        """Whether Nuclio takes a deployment; a state that can't be read is for Nuclio to judge."""
        return not self.state or self.state in PROVISIONED

    def is_of(self, project: str) -> bool:
        """Whether it is this project's; one whose project can't be read is taken for ours."""
        return self.project in (None, project)

    @property
    def address(self) -> str:
        """Where it answers callers from outside, "" when it does not. Nuclio names the address that is most
        likely to be right last, and a machine's own as 0.0.0.0."""
        return self.addresses[-1].replace("0.0.0.0:", "127.0.0.1:") if self.addresses else ""

    @property
    def works(self) -> bool:
        """Whether a deployment of it has come to its end and succeeded."""
        return self.is_provisioned and self.state not in FAILED


def is_not_there(said: str) -> bool:
    """Whether nuctl says that there is no such function."""
    return NOT_THERE.search(said) is not None


def read_functions(answer: str) -> Mapping[str, FunctionThere] | None:
    """Name to function in what `nuctl get functions --output json` prints: one document, or a list of
    them, log lines before it allowed. None when it can't be read.

    >>> read_functions('{"metadata": {"name": "a", "labels": {"nuclio.io/project-name": "flights"}}}')
    {'a': FunctionThere(project='flights', state='', addresses=())}
    """
    document = _document(answer)
    if document is None:
        return None
    functions = document if isinstance(document, list) else [document]
    return {str(_at(each, "metadata", "name")): _function(each) for each in functions}


def _document(answer: str) -> Any:
    start = 0
    for line in answer.splitlines(keepends=True):
        if line.startswith(("{", "[")):
            try:
                return json.JSONDecoder().raw_decode(answer[start:])[0]
            except (ValueError, RecursionError):
                pass  # a line of the log
        start += len(line)
    return None


def _function(document: Any) -> FunctionThere:
    project, state = _at(document, "metadata", "labels", PROJECT_LABEL), _at(document, "status", "state")
    addresses = _at(document, "status", "externalInvocationUrls")
    return FunctionThere(
        project if isinstance(project, str) else None,
        state if isinstance(state, str) else "",
        tuple(each for each in addresses if isinstance(each, str)) if isinstance(addresses, list) else (),
    )


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document

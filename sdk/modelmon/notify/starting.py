"""An action is asked for over HTTP: by a webhook, or in the words of a CI system."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from modelmon.alerting.actions import HOSTS, Action, ActionKind
from modelmon.notify.posting import post
from modelmon.notify.seam import LookUp, with_secrets
from modelmon.notify.webhook import post_signed

TYPE = "modelmon.action"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def start(action: Action, run_id: str, body: Mapping[str, Any]) -> str:
    """Ask once; returns where the other side says that it runs, or "".

    Raises LaterError where it may be taken if it is asked again, RefusedError where it won't. No reason shows
    a secret.
    """
    return with_secrets(lambda look_up: _BY_KIND[action.kind](action, run_id, body, look_up))


def _webhook(action: Action, run_id: str, body: Mapping[str, Any], look_up: LookUp) -> str:
    secrets = [look_up(action.secret)] if action.secret else []
    headers = {name: look_up(value) for name, value in action.headers.items()}
    content = msgspec.json.encode({"type": TYPE, "data": {"run_id": run_id, "action": action.name, **body}})
    return post_signed(look_up(action.url), content, run_id, secrets, headers)


def _github(action: Action, run_id: str, body: Mapping[str, Any], look_up: LookUp) -> str:
    """GitHub takes at most ten keys in what it hands on: all is below one."""
    address = f"{_host(action, look_up)}/repos/{action.repository}/dispatches"
    content = {"event_type": action.event, "client_payload": {"modelmon": {"run_id": run_id, **body}}}
    headers = {
        "Authorization": f"Bearer {look_up(action.token)}", "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28", "Content-Type": JSON,
    }  # fmt: skip
    return post(address, msgspec.json.encode(content), headers)


def _gitlab(action: Action, run_id: str, body: Mapping[str, Any], look_up: LookUp) -> str:
    project = quote(action.project, safe="")
    address = f"{_host(action, look_up)}/api/v4/projects/{project}/trigger/pipeline"
    variables = {f"variables[{name}]": value for name, value in _variables(run_id, body).items()}
    form = {"token": look_up(action.token), "ref": action.ref, **variables}
    return post(address, urlencode(form).encode(), {"Content-Type": FORM})


def _jenkins(action: Action, run_id: str, body: Mapping[str, Any], look_up: LookUp) -> str:
    job = "/job/".join(quote(part, safe="") for part in action.job.split("/"))
    address = f"{look_up(action.url).rstrip('/')}/job/{job}/buildWithParameters"
    headers = {"Content-Type": FORM}
    if action.user or action.token:
        login = f"{look_up(action.user)}:{look_up(action.token)}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    return post(address, urlencode(_variables(run_id, body)).encode(), headers)


def _retrain(action: Action, run_id: str, body: Mapping[str, Any], look_up: LookUp) -> str:
    """The run stands in the ledger: the job is only woken, where it is known how to reach it."""
    if not action.url:
        return ""
    return post(look_up(action.url), msgspec.json.encode({"run_id": run_id}), {"Content-Type": JSON})


def _host(action: Action, look_up: LookUp) -> str:
    return (look_up(action.url) if action.url else HOSTS[action.kind]).rstrip("/")


def _variables(run_id: str, body: Mapping[str, Any]) -> dict[str, str]:
    """What a pipeline gets: each a text, none with a line break, which some of them cut."""
    told = {"run_id": run_id, **body}
    return {
        f"MODELMON_{name.upper()}": " ".join(str(value).split())
        for name, value in told.items()
        if value is not None
    }


_BY_KIND: Mapping[ActionKind, Callable[[Action, str, Mapping[str, Any], LookUp], str]] = {
    ActionKind.WEBHOOK: _webhook,
    ActionKind.GITHUB: _github,
    ActionKind.GITLAB: _gitlab,
    ActionKind.JENKINS: _jenkins,
    ActionKind.RETRAIN: _retrain,
}

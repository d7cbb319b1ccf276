"""The table of routes as an OpenAPI 3.1 document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from modelmon.api.routes import Kind, Route

VERSION = "3.1.0"
_NAMED = re.compile(r"{([a-z_]+)(?::[a-z]+)?}")
_TYPES = {Kind.JSON: "application/json", Kind.PAGE: "text/html", Kind.RAW: "application/octet-stream"}
_PROBLEM = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "type": "object",
            "required": ["reason"],
            "properties": {"reason": {"type": "string"}, "field": {"type": "string"}},
        }
    },
}
_REFUSALS = {
    "400": "What was asked is wrong: the reason, and the parameter.",
    "401": "Nobody is known to ask.",
    "403": "The role is not enough.",
    "404": "What was asked for is not there.",
    "503": "A store does not answer now: ask again.",
}


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """Of these routes; pages are left out of none."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_NAMED.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": VERSION,
        "info": {"title": "ModelMon", "version": "1", "description": "What is monitored, and how it is."},
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM}},
    }


def _operation(route: Route) -> dict[str, Any]:
    refusals = {status: _refusal(words, route) for status, words in _REFUSALS.items()}
    found: dict[str, Any] = {
        "summary": route.words,
        "description": f"Role: {route.role.name.lower()}.",
        "operationId": re.sub(r"[^a-z0-9]+", "-", f"{route.method} {route.path}".lower()).strip("-"),
        "parameters": [*_of_path(route), *_of_query(route)],
        "responses": {"200": {"description": "As asked.", "content": {_TYPES[route.kind]: {}}}, **refusals},
    }
    if route.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(route.body)}},
        }
    return found


def _refusal(words: str, route: Route) -> dict[str, Any]:
    content = {"text/html": {}} if route.kind is Kind.PAGE else {
        "application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }  # fmt: skip
    return {"description": words, "content": content}


def _of_path(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _NAMED.findall(route.path)
    ]


def _of_query(route: Route) -> list[dict[str, Any]]:
    properties = _schema(route.parameters).get("properties", {})
    return [
        {"name": name.replace("_", "-"), "in": "query", "schema": schema}
        for name, schema in properties.items()
    ]


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """With every part of it in place: no reference leads out of it."""
    schema = msgspec.json.schema(kind)
    parts = schema.pop("$defs", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = parts.get(name, schema)
    return found

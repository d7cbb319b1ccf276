"""The table of routes as an OpenAPI 3.1 document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, get_type_hints

import msgspec

from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Route

VERSION = "3.1.0"
_NAMED = re.compile(r"{([a-z_]+)(?::[a-z]+)?}")
_TYPES = {Kind.JSON: "application/json", Kind.PAGE: "text/html", Kind.RAW: "application/octet-stream"}
_REFERENCE = "#/components/schemas/{name}"
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
_UNCHANGED = {"description": "What `If-None-Match` names still holds."}
_REFUSALS = {
    "400": "What was asked is wrong: the reason, and the parameter.",
    "401": "Nobody is known to ask.",
    "403": "The role is not enough.",
    "404": "What was asked for is not there.",
    "503": "A store does not answer now: ask again.",
}


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """Of these routes; pages are left out of none."""
    table = list(routes)
    schemas = _Schemas(table)
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        operations = paths.setdefault(_NAMED.sub(r"{\1}", route.path), {})
        operations[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": VERSION,
        "info": {"title": "ModelMon", "version": "1", "description": "What is monitored, and how it is."},
        "paths": paths,
        "components": {"schemas": {**schemas.named, "Problem": _PROBLEM}},
    }


class _Schemas:
    """Of everything that goes in and out, by its type; `named` are those that others refer to."""

    def __init__(self, routes: Iterable[Route]) -> None:
        kinds = {kind for route in routes for kind in (route.parameters, route.body, answered(route)) if kind}
        ordered = sorted(kinds, key=str)
        schemas, self.named = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
        self._of = dict(zip(ordered, schemas, strict=True))

    def of(self, kind: Any) -> dict[str, Any]:
        return self._of[kind]

    def fields(self, kind: type[msgspec.Struct]) -> dict[str, Any]:
        """The fields of a struct, by name, each with every part of it in place."""
        name = self._of[kind]["$ref"].rpartition("/")[2]
        found: dict[str, Any] = self._whole(self.named[name].get("properties", {}))
        return found

    def _whole(self, part: Any) -> Any:
        if isinstance(part, dict):
            name = str(part.get("$ref", "")).rpartition("/")[2]
            return self._whole(self.named[name]) if name else {k: self._whole(v) for k, v in part.items()}
        return [self._whole(each) for each in part] if isinstance(part, list) else part


def answered(route: Route) -> Any:
    """The type of a route's answer; None of a page and of a response that the route makes itself."""
    return get_type_hints(route.answer)["return"] if route.kind is Kind.JSON else None


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    others = {status: _refusal(words, route) for status, words in _REFUSALS.items()}
    if route.takes_archive:
        others["413"] = _refusal("The body is longer than the settings allow.", route)
    if route.role is Role.ADMIN and route.method != "GET":
        others["501"] = _refusal("It can't be done from here: the command that does it.", route)
    if route.method == "GET" and route.kind is Kind.JSON:
        others["304"] = _UNCHANGED
    found: dict[str, Any] = {
        "summary": route.words,
        "description": f"Role: {route.role.name.lower()}.",
        "operationId": re.sub(r"[^a-z0-9]+", "-", f"{route.method} {route.path}".lower()).strip("-"),
        "parameters": [*_of_path(route), *_of_query(route, schemas)],
        "responses": {"200": {"description": "As asked.", "content": _answer(route, schemas)}, **others},
    }
    if route.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas.of(route.body)}},
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


def _of_query(route: Route, schemas: _Schemas) -> list[dict[str, Any]]:
    return [
        {"name": name.replace("_", "-"), "in": "query", "schema": schema}
        for name, schema in schemas.fields(route.parameters).items()
    ]


def _answer(route: Route, schemas: _Schemas) -> dict[str, Any]:
    kind = answered(route)
    return {_TYPES[route.kind]: {"schema": schemas.of(kind)} if kind else {}}

"""Requests drawn from the OpenAPI document: each route with values that fit and with odd ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

ODD = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "0", "-1", "9" * 25, "²", "a,b", "~%", "true", "\x00"]),
    st.integers().map(str), st.datetimes().map(str),
)  # fmt: skip
MOMENTS = st.one_of(st.datetimes().map(str), st.integers(-(10**18), 10**18).map(str))


def fitting(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema takes."""
    if "anyOf" in schema:
        return st.one_of(*(fitting(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return st.lists(fitting(schema["items"]), max_size=3)
    if kind == "integer":
        return st.integers(schema.get("minimum", -(2**70)), schema.get("maximum", 2**70))
    return {"boolean": st.booleans(), "null": st.none()}.get(kind, st.one_of(st.text(max_size=20), MOMENTS))


def requests(document: Mapping[str, Any], known: Mapping[str, Iterable[str]]) -> st.SearchStrategy[Any]:
    """(method, path, parameters, body) of the routes under /api/v1; `known`: values that names in paths, and
    parameters, have in the project."""
    routes = [
        (method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/api/v1/")
    ]
    schemas = document["components"]["schemas"]
    return st.sampled_from(routes).flatmap(lambda route: _request(*route, known, schemas))


def _request(
    method: str,
    path: str,
    operation: Mapping[str, Any],
    known: Mapping[str, Iterable[str]],
    schemas: Mapping[str, Any],
) -> st.SearchStrategy[Any]:
    def value(each: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        if each["name"] not in known:
            return fitting(each["schema"])
        real = st.sampled_from([*known[each["name"]]])
        return real if each["in"] == "path" else st.one_of(real, real, fitting(each["schema"]))

    places, queries = (
        {each["name"]: value(each) for each in operation["parameters"] if each["in"] == where}
        for where in ("path", "query")
    )
    odd = st.sampled_from([None, None, *places, *queries])
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {"$ref": ""})["$ref"].rpartition("/")[2]
    fields = schemas.get(name, {}).get("properties", {})
    body = st.fixed_dictionaries({}, optional={name: fitting(each) for name, each in fields.items()})
    drawn = st.tuples(
        st.just(method), st.just(path), st.fixed_dictionaries(places), _some(queries), body, odd, ODD
    )
    return drawn.map(_with_odd)


def _some(queries: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """At most three of them: of many one would be refused nearly always."""
    names = st.lists(st.sampled_from([*queries]), max_size=3, unique=True) if queries else st.just([])
    return names.flatmap(lambda some: st.fixed_dictionaries({name: queries[name] for name in some}))


def _with_odd(drawn: tuple[Any, ...]) -> tuple[Any, ...]:
    """One value, where one was chosen, becomes odd."""
    method, path, places, queries, body, name, odd = drawn
    if name in places:
        places = places | {name: odd}
    elif name is not None:
        queries = queries | {name: odd}
    return method, path, places, queries, body

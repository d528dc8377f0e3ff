"""The OpenAPI document of what really runs, made of the endpoints' own declarations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from app.kernel.http import JSON, PROBLEM, Access, Endpoint

_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "code"],
}


def document(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """All endpoints as an OpenAPI 3.1 document."""
    endpoints = list(endpoints)
    types = [t for e in endpoints for t in (e.query, e.body) if t]
    types += [t for e in endpoints for _, t in e.answers.values() if t]
    _, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Билеттер API", "version": version},
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM_SCHEMA},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": (endpoint.view.__doc__ or "").strip(),
        "tags": [endpoint.path.split("/")[2] if endpoint.path.startswith("/api/") else "system"],
        "responses": {str(s): _response(text, t) for s, (text, t) in endpoint.answers.items()},
    }
    operation["responses"]["default"] = {
        "description": "Отказ",
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if endpoint.access is not Access.PUBLIC:
        operation["security"] = [{"basic": []}]
        if endpoint.access is Access.RECOGNISED:
            operation["security"].append({})
    if endpoint.query:
        operation["parameters"] = _parameters(endpoint.query)
    if endpoint.body:
        (schema,), _ = msgspec.json.schema_components(
            [endpoint.body], ref_template="#/components/schemas/{name}"
        )
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return operation


def _response(text: str, answer: Any) -> dict[str, Any]:
    if answer is None:
        return {"description": text}
    (schema,), _ = msgspec.json.schema_components(
        [answer], ref_template="#/components/schemas/{name}"
    )
    return {"description": text, "content": {JSON: {"schema": schema}}}


def _parameters(query: type[msgspec.Struct]) -> list[dict[str, Any]]:
    _, components = msgspec.json.schema_components(
        [query], ref_template="#/components/schemas/{name}"
    )
    schema = components[query.__name__]
    required = schema.get("required", [])
    return [
        {"in": "query", "name": name, "required": name in required, "schema": property_schema}
        for name, property_schema in schema["properties"].items()
    ]

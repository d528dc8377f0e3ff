"""What the service says of itself: it contains the contract, and renders without the internet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.conftest import Caller
from tests.contract.document import DOCUMENT, Operation, operations

CALLS = [pytest.param(one, id=f"{one.method} {one.path}") for one in operations()]
LOADED = re.compile(r"""(?:src|href)\s*=\s*["']([^"']+)["']""")
OF_STYLE = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


@pytest.fixture
def ours(anybody: Caller) -> dict[str, Any]:
    answer = anybody.get("/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return answer.json


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed, and without the null of what may be left out."""
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    if "anyOf" in schema:
        (schema,) = [one for one in schema["anyOf"] if one != {"type": "null"}]
        return resolved(document, schema)
    return schema


def assert_compatible(
    ours: dict[str, Any], schema: dict[str, Any], theirs: dict[str, Any], where: str
) -> None:
    """Our schema says at least what the contract's says."""
    schema, theirs = resolved(ours, schema), resolved(DOCUMENT, theirs)
    if "type" in schema or "enum" not in theirs:
        # A schema without a type stands for any JSON, as the contract's free-form objects do.
        wanted = theirs["type"]
        assert schema.get("type", wanted) == wanted, where
    if theirs.get("format") == "date":
        assert schema["format"] == "date", where
    for bound in ("minimum", "maximum"):
        if bound in theirs:
            assert schema[bound] == theirs[bound], where
    if "enum" in theirs:
        assert set(schema["enum"]) == set(theirs["enum"]), where
    if "items" in theirs:
        assert_compatible(ours, schema["items"], theirs["items"], f"{where}[]")
    for name, part in theirs.get("properties", {}).items():
        assert_compatible(ours, schema["properties"][name], part, f"{where}.{name}")
        if name in theirs.get("required", []):
            assert name in schema["required"], f"{where}.{name}"


@pytest.mark.parametrize("call", CALLS)
def test_each_call_of_the_contract_is_documented_with_its_parameters(
    ours: dict[str, Any], call: Operation
) -> None:
    mine = ours["paths"][call.path][call.method.lower()]
    parameters = {(one["in"], one["name"]): one for one in mine.get("parameters", [])}
    for theirs in call.description.get("parameters", []):
        found = parameters[theirs["in"], theirs["name"]]
        assert found["required"] == theirs.get("required", False)
        assert_compatible(ours, found["schema"], theirs["schema"], theirs["name"])
    required = {one["name"] for one in parameters.values() if one["required"]}
    assert required == {
        one["name"] for one in call.description.get("parameters", []) if one.get("required")
    }


@pytest.mark.parametrize("call", CALLS)
def test_each_call_of_the_contract_is_documented_with_its_answers(
    ours: dict[str, Any], call: Operation
) -> None:
    responses = ours["paths"][call.path][call.method.lower()]["responses"]
    for status, theirs in call.description["responses"].items():
        if int(status) >= 400 and status not in responses:
            assert "default" in responses
            continue
        for kind, content in theirs.get("content", {}).items():
            mine = responses[status]["content"][kind]["schema"]
            assert_compatible(ours, mine, content["schema"], f"{call.path} {status}")


@pytest.mark.parametrize(
    "call", [one for one in CALLS if "requestBody" in one.values[0].description]
)
def test_each_call_of_the_contract_is_documented_with_its_body(
    ours: dict[str, Any], call: Operation
) -> None:
    mine = ours["paths"][call.path][call.method.lower()]["requestBody"]
    theirs = call.description["requestBody"]
    assert mine["required"] == theirs["required"]
    for kind, content in theirs["content"].items():
        assert_compatible(ours, mine["content"][kind]["schema"], content["schema"], call.path)


def test_every_reference_of_our_document_leads_somewhere(ours: dict[str, Any]) -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    found = list(references(ours))
    assert found
    for reference in found:
        assert resolved(ours, {"$ref": reference})


def test_operation_ids_are_unique_and_every_operation_has_a_summary(ours: dict[str, Any]) -> None:
    all_of_them = [one for methods in ours["paths"].values() for one in methods.values()]
    ids = [one["operationId"] for one in all_of_them]
    assert len(ids) == len(set(ids))
    assert all(one["summary"] for one in all_of_them)


def test_the_page_of_the_documentation_loads_only_what_this_service_serves(
    anybody: Caller,
) -> None:
    moved = anybody.get("/docs")
    assert moved.status_code == 308
    page = anybody.get("/docs/")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert '"/openapi.json"' in page.text
    assert '"validatorUrl": "none"' in page.text, "the badge of a foreign validator is off"
    assert not re.search(r"""["'(]\s*(https?:)?//(?!localhost)""", page.text)
    assets = LOADED.findall(page.text)
    assert any(name.endswith(".js") for name in assets)
    assert any(name.endswith(".css") for name in assets)
    for name in assets:
        assert_local(anybody, urljoin("/docs/", name))


def assert_local(anybody: Caller, address: str) -> None:
    assert address.startswith("/docs/"), f"{address} is elsewhere"
    answer = anybody("GET", address, buffered=True)
    assert answer.status_code == 200
    if answer.mimetype == "text/css":
        for parts in OF_STYLE.findall(answer.text):
            part = "".join(parts)
            if not part.startswith(("data:", "#")):
                assert_local(anybody, urljoin(address, part))


def test_an_unknown_page_beside_the_documentation_is_a_problem(anybody: Caller) -> None:
    for path in ("/docs/nothing.js", "/docs/../app/kernel/config.py", "/docs/%2e%2e/__init__.py"):
        answer = anybody.get(path)
        assert answer.status_code == 404
        assert answer.content_type == "application/problem+json"

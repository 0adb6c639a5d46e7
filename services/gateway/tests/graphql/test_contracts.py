"""The table of commands against the services as they are: each path, each field, each field that must be given."""

import asyncio
import json
import os
import re
import sys
from typing import Any

import pytest
from strawberry.types.base import StrawberryOptional

from schakel_gateway.access import OWNED
from schakel_gateway.commands import COMMANDS, Command
from schakel_gateway.keys import camel

NOWHERE = {"SCHAKEL_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "SCHAKEL_ISSUER": "http://127.0.0.1:1"}


async def document_of(service: str) -> dict[str, Any]:
    """The OpenAPI document that a service prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"schakel_{service}",
        "openapi",
        env=os.environ | NOWHERE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    found: dict[str, Any] = json.loads(printed)
    return found


@pytest.fixture(scope="module")
async def documents() -> dict[str, dict[str, Any]]:
    services = ("registry", "matching", "events")
    return dict(zip(services, await asyncio.gather(*map(document_of, services)), strict=True))


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """The operation at a path, whatever the names of its parameters."""
    wanted = re.sub(r"\{\w+\}", "{}", path.removeprefix("/v1"))
    for known, operations in document["paths"].items():
        if re.sub(r"\{\w+\}", "{}", known.removeprefix("/v1")) == wanted and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    raise AssertionError(f"no {method} {path}")


def body_schema(document: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = found["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_service_knows_every_field_and_gets_every_field_it_needs(
    documents: dict[str, dict[str, Any]], command: Command
) -> None:
    document = documents[command.service]
    method, path = command.request.split(" ")
    schema = body_schema(document, operation(document, method, path))
    in_path = {part[1:-1] for part in path.split("/") if part.startswith("{")}
    fields = command.input.__strawberry_definition__.fields  # type: ignore[attr-defined] # set by Strawberry
    ours = {camel(field.name) for field in fields} - in_path - {"ifVersion", command.secret_field}
    always = {camel(field.name) for field in fields if not isinstance(field.type, StrawberryOptional)}
    assert ours <= set(schema.get("properties", {})), "the service does not know it"
    assert set(schema.get("required", [])) <= always, "the service needs it"


def test_every_owner_answers_batches_of_private_fields(documents: dict[str, dict[str, Any]]) -> None:
    for name, owned in OWNED.items():
        method = "GET" if name == "HubDesk" else "POST"
        assert operation(documents[owned.service], method, owned.path)

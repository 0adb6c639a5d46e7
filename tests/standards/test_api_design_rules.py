"""The NL API Design Rules on every service's application: the official linter, and the technical rules at run time."""

import importlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from schakel_common.testing import api_client

SERVICES: Final = ("registry", "matching", "events")
LINTER: Final = "@stoplight/spectral-cli@6.16.3"
RULES: Final = "nl-api-design-rules.spectral.yaml"
UNREACHABLE: Final = "postgresql://nobody:nothing@127.0.0.1:9/none"
SECURITY: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}


@pytest.fixture(params=SERVICES)
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("SCHAKEL_DATABASE_URL", UNREACHABLE)
    definition = importlib.import_module(f"schakel_{request.param}.app").DEFINITION
    made: FastAPI = definition.build(definition.settings()).app
    return made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app) as found:
        yield found


def linter() -> tuple[list[str], Path]:
    """Return the linter's command and the rules, or skip and say what is missing."""
    folder = os.environ.get("SCHAKEL_STANDARDS")
    if not folder:
        pytest.skip(
            f"set SCHAKEL_STANDARDS to a folder with {RULES} (developer.overheid.nl, linter of the API Design Rules)"
        )
    given = os.environ.get("SCHAKEL_SPECTRAL")
    if given is None and shutil.which("npx") is None:
        pytest.skip("Node is missing: install it, or set SCHAKEL_SPECTRAL to the linter Spectral")
    return ([given] if given else ["npx", "--yes", LINTER]), Path(folder) / RULES


@pytest.mark.timeout(180)
def test_the_official_linter_finds_no_error(app: FastAPI, tmp_path: Path) -> None:
    command, rules = linter()
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(app.openapi()))

    done = subprocess.run(
        [*command, "lint", "--ruleset", str(rules), "--format", "json", "--quiet", str(document)],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    found = json.loads(done.stdout or "[]")
    assert [(each["code"], ".".join(map(str, each["path"]))) for each in found] == []
    assert done.returncode == 0, done.stderr


def requests_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (method.upper(), "/v1" + path.replace("{", "").replace("}", ""))
        for path, item in document["paths"].items()
        for method in item
    ]


async def test_every_route_answers_as_the_rules_want(app: FastAPI, client: httpx.AsyncClient) -> None:
    document = app.openapi()
    for method, path in requests_of(document):
        for address in (path, f"{path}/"):
            reply = await client.request(method, address)

            assert reply.headers["api-version"] == document["info"]["version"], address
            assert {name: reply.headers[name] for name in SECURITY} == SECURITY, address
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"], address
            assert reply.status_code >= 400, address  # nobody has signed in and there is no database
            assert reply.headers["content-type"] == "application/problem+json", address
            assert {"status", "title", "detail"} <= set(reply.json()), address
            assert reply.status_code in {400, 401, 404, 503}, address
        assert reply.status_code == 404, f"{path}/ must not exist"


async def test_every_command_is_refused_without_a_token_unless_it_is_on_the_closed_list(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    anonymous = set()
    for method, path in requests_of(app.openapi()):
        if method != "GET":
            reply = await client.request(method, path, json={}, headers={"Idempotency-Key": str(UUID(int=1))})
            if reply.status_code != 401:
                anonymous.add(f"{method} {path}")

    assert anonymous <= {"POST /v1/drafts", "POST /v1/drafts/draft_id/corrections", "POST /v1/call-backs"}


def test_names_and_forms_are_as_the_rules_want(app: FastAPI) -> None:
    document = app.openapi()
    operations = [operation for item in document["paths"].values() for operation in item.values()]

    assert document["openapi"].startswith("3.")
    assert document["servers"][0]["url"] == "/v1"
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert "422" not in operation["responses"]
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                assert "_" not in parameter["name"]

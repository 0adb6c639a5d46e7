"""The OpenAPI document as the NL API Design Rules want it: made from the routes, then completed in one place.

Rules (Spectral, ruleset of the Kennisplatform API's): errors are problem+json and 400 for invalid input,
``API-Version`` on every success, servers with the major version, contact data, and a ``format`` on every date.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schakel_common.problems import PROBLEM_MEDIA_TYPE

BASE: Final = "/v1"
CONTACT: Final = {
    "name": "Schakel, Smart Industry",
    "url": "https://schakel.smartindustry.nl",
    "email": "schakel@smartindustry.nl",
}
LICENCE: Final = {"name": "EUPL-1.2", "identifier": "EUPL-1.2"}

_FIELD_ERROR: Final = {
    "type": "object",
    "required": ["field", "message", "code"],
    "properties": {
        "field": {"type": "string", "description": "The field, with dots between levels; empty for the whole body."},
        "message": {"type": "string", "description": "What to do, in plain English."},
        "code": {"type": "string", "description": "Stable name of the rule."},
    },
}
_PROBLEM: Final = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        "traceId": {"type": "string", "description": "Quote this when you ask for help."},
    },
}
_REASONS: Final[Mapping[str, str]] = {
    "400": "Some fields are not right.",
    "401": "Sign in first.",
    "403": "The caller may not do this.",
    "404": "There is no such thing here.",
    "406": "Only application/json can be sent back.",
    "409": "It does not fit the present state.",
    "412": "Somebody changed this meanwhile.",
    "413": "The request is too large.",
    "415": "Send application/json.",
    "428": "Send If-Match with the version you saw.",
    "500": "Something went wrong here.",
    "503": "This part is not available just now.",
}


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """Return the document of all routes below ``/v1``; the others are for machines of ours and are not published."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        license_info=LICENCE,
        servers=[{"url": BASE, "description": "This installation."}],
    )
    document["info"]["contact"] = CONTACT  # given above it would only be warned about: a validator is not installed
    paths = document["paths"]
    document["paths"] = {path.removeprefix(BASE): paths[path] for path in paths if path.startswith(f"{BASE}/")}
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"], schemas["FieldError"] = _PROBLEM, _FIELD_ERROR
    components["headers"] = {
        "API-Version": {"description": "Version of this API (semver).", "schema": {"type": "string"}}
    }
    components["responses"] = {
        f"Problem{status}": {
            "description": reason,
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, reason in _REASONS.items()
    }
    for item in document["paths"].values():
        for method, operation in item.items():
            _complete(method, operation)
    return {
        **document,
        "components": _without_null_unions(components),
        "paths": _without_null_unions(document["paths"]),
    }


def _complete(method: str, operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    responses.pop("422", None)
    for response in responses.values():
        response["headers"] = {
            **response.get("headers", {}),
            "API-Version": {"$ref": "#/components/headers/API-Version"},
        }
    names = {parameter["name"].lower() for parameter in operation.get("parameters", [])}
    statuses = {"404", "406", "500", "503"}
    if names or method != "get":
        statuses.add("400")
    if operation.get("security"):
        statuses |= {"401", "403"}
    if method in {"post", "put", "patch", "delete"}:
        statuses |= {"409", "413", "415"}
    if "if-match" in names:
        statuses |= {"412", "428"}
    for status in sorted(statuses):
        responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})


def _without_null_unions(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Write "a date or nothing" as one schema of two types, so that its ``format`` stands where readers look for it."""
    if isinstance(node, list):
        return [_without_null_unions(part) for part in node]
    if not isinstance(node, dict):
        return node
    found = {name: _without_null_unions(part) for name, part in node.items()}
    choices = found.get("anyOf")
    if isinstance(choices, list) and len(choices) == 2 and {"type": "null"} in choices:  # noqa: PLR2004 - X or null
        other: dict[str, Any] = next((choice for choice in choices if choice != {"type": "null"}), {})
        if isinstance(other.get("type"), str):
            del found["anyOf"]
            found = {**other, **found, "type": [other["type"], "null"]}
    return found

"""Which route is which processing of personal data (`docs/privacy/register.md`); None is none."""

from collections.abc import Mapping
from typing import Final

_REGISTRATIONS: Final = "aanmeldingen"

PROCESSINGS: Final[Mapping[str, str | None]] = {
    "POST /v1/activities/{activity_id}/registrations": _REGISTRATIONS,
    "POST /v1/registrations/{registration_id}/cancellation": _REGISTRATIONS,
    "POST /v1/private/registrations": _REGISTRATIONS,
    "GET /v1/activities": None,
    "GET /v1/activities/{activity_id}": None,
    "POST /v1/activities": None,
    "PATCH /v1/activities/{activity_id}": None,
    "POST /v1/activities/{activity_id}/cancellation": None,
    "GET /v1/cases": None,
    "GET /v1/cases/{case_id}": None,
    "POST /v1/cases": None,
    "PATCH /v1/cases/{case_id}": None,
    "POST /v1/cases/{case_id}/withdrawal": None,
}

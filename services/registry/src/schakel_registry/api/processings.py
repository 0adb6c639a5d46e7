"""Which route is which processing of personal data (`docs/privacy/register.md`); None is none."""

from collections.abc import Mapping
from typing import Final

_MANAGED: Final = "bedrijven-beheren"
_SEEN: Final = "bedrijven-inzien"

PROCESSINGS: Final[Mapping[str, str | None]] = {
    "POST /v1/companies": _MANAGED,
    "POST /v1/company-join-requests": _MANAGED,
    "PATCH /v1/companies/{company_id}": _MANAGED,
    "POST /v1/companies/{company_id}/establishments": _MANAGED,
    "POST /v1/companies/{company_id}/move": _MANAGED,
    "POST /v1/companies/{company_id}/verification": _MANAGED,
    "POST /v1/companies/{company_id}/merge": _MANAGED,
    "POST /v1/companies/{company_id}/erasure": _MANAGED,
    "POST /v1/companies/{company_id}/members/{sub}/acceptance": _MANAGED,
    "POST /v1/companies/{company_id}/members/{sub}/removal": _MANAGED,
    "GET /v1/companies/{company_id}": _SEEN,
    "POST /v1/private/companies": _SEEN,
    "GET /v1/fieldlabs": None,
    "GET /v1/fieldlabs/{slug}": None,
    "GET /v1/hubs": None,
    "GET /v1/figures": None,
    "POST /v1/fieldlabs": None,
    "PATCH /v1/fieldlabs/{slug}": None,
    "POST /v1/fieldlabs/{slug}/confirmation": None,
    "POST /v1/fieldlabs/{slug}/recognition": None,
    "POST /v1/fieldlabs/{slug}/recognition-withdrawal": None,
    "POST /v1/fieldlabs/{slug}/activation": None,
    "POST /v1/fieldlabs/{slug}/pause": None,
    "POST /v1/fieldlabs/{slug}/ending": None,
    "POST /v1/figures": None,
    "PATCH /v1/figures/{key}": None,
}

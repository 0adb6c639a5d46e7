"""Regions: a hub's region is its provinces, and every fact of a place is counted through this one table."""

from typing import Final

NATIONAL: Final = "national"
UNASSIGNED: Final = "unassigned"

HUB_OF_PROVINCE: Final[dict[str, str]] = {
    "NL-GR": "noord",
    "NL-FR": "noord",
    "NL-DR": "noord",
    "NL-OV": "oost",
    "NL-GE": "oost",
    "NL-ZE": "zuid",
    "NL-NB": "zuid",
    "NL-LI": "zuid",
    "NL-ZH": "zuid-holland",
    "NL-NH": "noordwest",
    "NL-FL": "noordwest",
    "NL-UT": "noordwest",
}
"""ISO 3166-2 province code to the slug of the hub whose region it is in."""

HUBS: Final[tuple[str, ...]] = ("noord", "oost", "noordwest", "zuid-holland", "zuid")
"""Slugs of the five regional hubs, north to south."""

PROVINCE_OF_CBS: Final[dict[str, str]] = {
    "PV20": "NL-GR",
    "PV21": "NL-FR",
    "PV22": "NL-DR",
    "PV23": "NL-OV",
    "PV24": "NL-FL",
    "PV25": "NL-GE",
    "PV26": "NL-UT",
    "PV27": "NL-NH",
    "PV28": "NL-ZH",
    "PV29": "NL-ZE",
    "PV30": "NL-NB",
    "PV31": "NL-LI",
}
"""Province code of Statistics Netherlands (CBS) to ISO 3166-2."""


def hub_of_province(province: str | None) -> str:
    """Return the slug of the hub that serves a province, or ``unassigned`` where the province is not known."""
    return HUB_OF_PROVINCE.get(province or "", UNASSIGNED)

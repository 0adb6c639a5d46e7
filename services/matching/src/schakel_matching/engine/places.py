"""Four-digit postcodes: the centre of each, its municipality, its province and so its hub."""

import re
from collections.abc import Mapping
from math import asin, cos, radians, sin, sqrt
from typing import Final

import msgspec

from schakel_contracts.places import hub_of_province

_POSTCODE: Final = re.compile(r"^([1-9]\d{3})\s?(?:[A-Za-z]{2})?$")
EARTH_KM: Final = 6371.0


class Place(msgspec.Struct, frozen=True):
    """A four-digit postcode area; ``province`` is ISO 3166-2, latitude and longitude are degrees of its centre."""

    postcode4: str
    name: str
    municipality_code: str
    province: str
    latitude: float
    longitude: float

    @property
    def hub(self) -> str:
        """Slug of the hub whose region this is."""
        return hub_of_province(self.province)


Places = Mapping[str, Place]
"""Places by four-digit postcode."""


def place_of(places: Places, postcode: str | None) -> Place | None:
    """Return the place of a postcode as people write it ("2628 CN", "2628cn", "2628"), or None if there is none."""
    match = _POSTCODE.match((postcode or "").strip())
    return places.get(match.group(1)) if match else None


def on_globe(latitude: float, longitude: float) -> tuple[float, float, float]:
    """Return where a point in degrees lies on a globe of radius 1: half a straight line between two is a haversine."""
    north, east = radians(latitude), radians(longitude)
    return cos(north) * cos(east), cos(north) * sin(east), sin(north)


def kilometres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the distance as the crow flies between two points in degrees (haversine)."""
    north = radians(other_latitude - latitude)
    east = radians(other_longitude - longitude)
    chord = sin(north / 2) ** 2 + cos(radians(latitude)) * cos(radians(other_latitude)) * sin(east / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(chord))

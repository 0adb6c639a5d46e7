"""A company without anything that identifies a person: no name, no KvK number, no address, no contact."""

from typing import Literal
from uuid import UUID

import msgspec

CompanyStatus = Literal["unverified", "verified", "merged", "erased"]
MemberStatus = Literal["active", "asking", "removed"]
SizeClass = Literal["micro", "small", "medium", "large", "unknown"]


class Member(msgspec.Struct, frozen=True):
    """A person of the company, known only by the identity provider's random subject."""

    sub: str
    status: MemberStatus


class Establishment(msgspec.Struct, frozen=True):
    """A place where the company works; ``hub`` is the slug of the hub of its province."""

    id: UUID
    hub: str
    primary: bool
    province: str | None = None
    municipality_code: str | None = None
    postcode4: str | None = None


class CompanyState(msgspec.Struct, frozen=True):
    """The whole public state of a company.

    Attributes:
        home_hub: hub of the primary establishment: the company counts there, once.
        sbi: SBI 2008 codes; of micro firms and sole traders only the division (two digits).
        postcode4: of micro firms and sole traders always None.
        merged_into: the company that it went on in, when ``status`` is ``merged``.
    """

    id: UUID
    status: CompanyStatus
    home_hub: str
    size_class: SizeClass = "unknown"
    province: str | None = None
    municipality_code: str | None = None
    postcode4: str | None = None
    sbi: list[str] = []
    establishments: list[Establishment] = []
    members: list[Member] = []
    merged_into: UUID | None = None

"""Companies, for who may see them, and the person who asks."""

import strawberry

from schakel_gateway.schema.enums import CompanyStatus, MemberStatus, PrivateState, SizeClass
from schakel_gateway.schema.types.shared import private, private_state


@strawberry.type
class Establishment:
    """A place where the company works."""

    id: strawberry.ID
    hub: str
    primary: bool
    province: str | None
    municipality_code: str | None
    postcode4: str | None


@strawberry.type
class Member:
    """A person of the company, known only by the identity provider's random subject."""

    sub: str
    status: MemberStatus


@strawberry.type
class Contact:
    """Whom to call."""

    name: str | None
    phone: str | None


@strawberry.type
class Company:
    """A company; its name, number and contacts stay in the registry."""

    id: strawberry.ID
    version: int
    status: CompanyStatus
    home_hub: str = strawberry.field(description="Where it counts: the hub of its primary establishment.")
    size_class: SizeClass
    province: str | None
    municipality_code: str | None
    postcode4: str | None
    sbi: list[str]
    establishments: list[Establishment]
    members: list[Member]
    merged_into: strawberry.ID | None
    private_state: PrivateState = private_state()
    name: str | None = private()
    kvk_number: str | None = private()
    place: str | None = private()
    contacts: list[Contact] | None = private()


@strawberry.type
class Me:
    """Who is signed in."""

    subject: str
    scopes: list[str] = strawberry.field(description="Such as `national`, `hub:oost`, `fieldlab:robohouse`.")
    companies: list[Company] = strawberry.field(description="Of which you are an active member.")

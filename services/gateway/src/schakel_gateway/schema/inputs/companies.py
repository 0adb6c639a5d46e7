"""Inputs about companies."""

import strawberry

from schakel_gateway.schema.enums import SizeClass

IF_VERSION = "The version you saw; refused with `stale-version` when somebody changed it meanwhile."


@strawberry.input
class ContactInput:
    """Whom to call."""

    name: str
    phone: str | None = strawberry.UNSET


@strawberry.input
class RegisterCompanyInput:
    """A new company; the first person of a KvK number stays unverified until its hub confirms."""

    kvk_number: str
    name: str
    postcode: str
    size_class: SizeClass
    contact: ContactInput
    house_number: str | None = strawberry.UNSET
    sbi: list[str] | None = strawberry.UNSET
    sole_trader: bool | None = strawberry.UNSET


@strawberry.input
class AskToJoinCompanyInput:
    """Ask the members of a known company to let you in."""

    kvk_number: str
    contact: ContactInput


@strawberry.input
class AcceptMemberInput:
    """Let somebody in who asked."""

    company_id: strawberry.ID
    sub: str
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class RemoveMemberInput:
    """Remove a member, or turn down somebody who asked."""

    company_id: strawberry.ID
    sub: str
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class ChangeCompanyInput:
    """Change what the company says about itself; what is left out stays as it is."""

    company_id: strawberry.ID
    name: str | None = strawberry.UNSET
    size_class: SizeClass | None = strawberry.UNSET
    sbi: list[str] | None = strawberry.UNSET
    sole_trader: bool | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class AddEstablishmentInput:
    """Another place where the company works."""

    company_id: strawberry.ID
    postcode: str
    house_number: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class VerifyCompanyInput:
    """Confirm that a company is who it says."""

    company_id: strawberry.ID
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class MoveCompanyInput:
    """The company works elsewhere from a day on."""

    company_id: strawberry.ID
    postcode: str
    effective_on: str
    house_number: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class MergeCompanyInput:
    """The company goes on in another one."""

    company_id: strawberry.ID
    into: strawberry.ID
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class EraseCompanyInput:
    """Erase what identifies the company and its people."""

    company_id: strawberry.ID
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)

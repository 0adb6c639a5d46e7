"""Inputs about activities and cases."""

import strawberry

from schakel_gateway.schema.enums import ActivityMode
from schakel_gateway.schema.inputs.companies import IF_VERSION


@strawberry.input
class PlanActivityInput:
    """A new activity; ``organiser`` is one of your scopes."""

    title_nl: str
    title_en: str
    summary_nl: str
    summary_en: str
    starts_at: str
    mode: ActivityMode
    organiser: str
    ends_at: str | None = strawberry.UNSET
    place: str | None = strawberry.UNSET
    postcode: str | None = strawberry.UNSET
    capacity: int | None = strawberry.UNSET
    themes: list[str] | None = strawberry.UNSET
    fieldlabs: list[str] | None = strawberry.UNSET
    website: str | None = strawberry.UNSET


@strawberry.input
class ChangeActivityInput:
    """Change an activity; what is left out stays as it is."""

    activity_id: strawberry.ID
    title_nl: str | None = strawberry.UNSET
    title_en: str | None = strawberry.UNSET
    summary_nl: str | None = strawberry.UNSET
    summary_en: str | None = strawberry.UNSET
    starts_at: str | None = strawberry.UNSET
    ends_at: str | None = strawberry.UNSET
    mode: ActivityMode | None = strawberry.UNSET
    place: str | None = strawberry.UNSET
    postcode: str | None = strawberry.UNSET
    capacity: int | None = strawberry.UNSET
    themes: list[str] | None = strawberry.UNSET
    fieldlabs: list[str] | None = strawberry.UNSET
    website: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class CancelActivityInput:
    """It does not take place."""

    activity_id: strawberry.ID
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class RegistrationContactInput:
    """Who comes, and where to write."""

    name: str
    email: str


@strawberry.input
class RegisterForActivityInput:
    """Take a seat, or a place on the waiting list."""

    activity_id: strawberry.ID
    contact: RegistrationContactInput
    company_id: strawberry.ID | None = strawberry.UNSET


@strawberry.input
class CancelRegistrationInput:
    """Give the seat back."""

    registration_id: strawberry.ID
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class EffectInput:
    """What it brought; ``measured`` only for a count or a test result in a source."""

    text_nl: str
    text_en: str
    measured: bool


@strawberry.input
class PublishCaseInput:
    """A new story; ``owner`` is one of your scopes."""

    title_nl: str
    title_en: str
    summary_nl: str
    summary_en: str
    owner: str
    date: str | None = strawberry.UNSET
    fieldlab: str | None = strawberry.UNSET
    place: str | None = strawberry.UNSET
    province: str | None = strawberry.UNSET
    themes: list[str] | None = strawberry.UNSET
    transformations: list[str] | None = strawberry.UNSET
    sectors: list[str] | None = strawberry.UNSET
    company_names: list[str] | None = strawberry.UNSET
    company_size: str | None = strawberry.UNSET
    effect: EffectInput | None = strawberry.UNSET
    sources: list[str] | None = strawberry.UNSET


@strawberry.input
class ChangeCaseInput:
    """Change a story; what is left out stays as it is."""

    case_id: strawberry.ID
    title_nl: str | None = strawberry.UNSET
    title_en: str | None = strawberry.UNSET
    summary_nl: str | None = strawberry.UNSET
    summary_en: str | None = strawberry.UNSET
    date: str | None = strawberry.UNSET
    fieldlab: str | None = strawberry.UNSET
    place: str | None = strawberry.UNSET
    province: str | None = strawberry.UNSET
    themes: list[str] | None = strawberry.UNSET
    transformations: list[str] | None = strawberry.UNSET
    sectors: list[str] | None = strawberry.UNSET
    company_names: list[str] | None = strawberry.UNSET
    company_size: str | None = strawberry.UNSET
    effect: EffectInput | None = strawberry.UNSET
    sources: list[str] | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class WithdrawCaseInput:
    """Take a story back."""

    case_id: strawberry.ID
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)

"""Inputs about fieldlabs."""

import strawberry

from schakel_gateway.schema.enums import Capacity, SizeClass
from schakel_gateway.schema.inputs.companies import IF_VERSION


@strawberry.input
class RegisterFieldlabInput:
    """A new fieldlab; the slug is fixed for ever."""

    slug: str
    name: str
    kind: str
    hub: str
    description_nl: str
    description_en: str
    province: str | None = strawberry.UNSET
    municipality_code: str | None = strawberry.UNSET
    place: str | None = strawberry.UNSET
    postcode4: str | None = strawberry.UNSET
    themes: list[str] | None = strawberry.UNSET
    transformations: list[str] | None = strawberry.UNSET
    services: list[str] | None = strawberry.UNSET
    sectors: list[str] | None = strawberry.UNSET
    partners: list[str] | None = strawberry.UNSET
    facilities: list[str] | None = strawberry.UNSET
    languages: list[str] | None = strawberry.UNSET
    trl_min: int | None = strawberry.UNSET
    trl_max: int | None = strawberry.UNSET
    company_sizes: list[SizeClass] | None = strawberry.UNSET
    capacity: Capacity | None = strawberry.UNSET
    website: str | None = strawberry.UNSET
    published: bool | None = strawberry.UNSET


@strawberry.input
class ChangeFieldlabInput:
    """Change the profile or the capacity; what is left out stays as it is."""

    slug: str
    name: str | None = strawberry.UNSET
    description_nl: str | None = strawberry.UNSET
    description_en: str | None = strawberry.UNSET
    province: str | None = strawberry.UNSET
    municipality_code: str | None = strawberry.UNSET
    place: str | None = strawberry.UNSET
    postcode4: str | None = strawberry.UNSET
    themes: list[str] | None = strawberry.UNSET
    transformations: list[str] | None = strawberry.UNSET
    services: list[str] | None = strawberry.UNSET
    sectors: list[str] | None = strawberry.UNSET
    partners: list[str] | None = strawberry.UNSET
    facilities: list[str] | None = strawberry.UNSET
    languages: list[str] | None = strawberry.UNSET
    trl_min: int | None = strawberry.UNSET
    trl_max: int | None = strawberry.UNSET
    company_sizes: list[SizeClass] | None = strawberry.UNSET
    capacity: Capacity | None = strawberry.UNSET
    website: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class ConfirmFieldlabInput:
    """Say that the record is right as it stands today."""

    slug: str
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class RecogniseFieldlabInput:
    """Record the steering group's decision."""

    slug: str
    on: str | None = strawberry.UNSET
    until: str | None = strawberry.UNSET
    basis: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class WithdrawRecognitionInput:
    """Record that the steering group took the recognition back."""

    slug: str
    on: str | None = strawberry.UNSET
    basis: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class ActivateFieldlabInput:
    """It works (again)."""

    slug: str
    on: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class PauseFieldlabInput:
    """It takes nobody for the time being."""

    slug: str
    on: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)


@strawberry.input
class EndFieldlabInput:
    """It stops; name the successor where there is one."""

    slug: str
    on: str | None = strawberry.UNSET
    succeeded_by: str | None = strawberry.UNSET
    if_version: int | None = strawberry.field(default=strawberry.UNSET, description=IF_VERSION)

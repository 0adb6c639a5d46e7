"""What lists can be narrowed by; a filter that is left out or null does not narrow."""

import strawberry

from schakel_gateway.schema.enums import FieldlabStatus


@strawberry.input
class FieldlabFilter:
    """Narrows `fieldlabs`."""

    hub: str | None = None
    theme: str | None = None
    kind: str | None = None
    status: FieldlabStatus | None = None
    recognised: bool | None = None
    text: str | None = strawberry.field(default=None, description="Words of its name, place or descriptions.")
    province: str | None = None


@strawberry.input
class ActivityFilter:
    """Narrows `activities`."""

    hub: str | None = None
    theme: str | None = None
    fieldlab: str | None = None
    upcoming: bool | None = None
    organiser: str | None = None


@strawberry.input
class CaseFilter:
    """Narrows `cases`."""

    hub: str | None = None
    theme: str | None = None
    fieldlab: str | None = None
    sector: str | None = None
    text: str | None = None

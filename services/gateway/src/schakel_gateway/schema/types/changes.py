"""What a mutation says about the thing it changed: enough to show and to go on; read the rest with the token."""

import strawberry

from schakel_gateway.schema.enums import (
    ActivityStatus,
    CaseStatus,
    ChallengeStatus,
    CompanyStatus,
    FieldlabStatus,
    ReferralStatus,
    RegistrationStatus,
)
from schakel_gateway.schema.types.matching import Match


@strawberry.type
class NewDraft:
    """The draft with its secret; keep the secret, it is shown once."""

    id: strawberry.ID
    secret: str
    no_fit: bool
    matches: list[Match]


@strawberry.type
class CorrectedDraft:
    """The draft was corrected; read it anew with its secret."""

    id: strawberry.ID


@strawberry.type
class Accepted:
    """It was taken in. The answer is the same for everyone, so that it tells nothing about others."""

    accepted: bool


@strawberry.type
class CompanyChange:
    """A company after the command."""

    id: strawberry.ID
    version: int | None
    status: CompanyStatus | None
    home_hub: str | None


@strawberry.type
class ChallengeChange:
    """A challenge after the command."""

    id: strawberry.ID
    version: int | None
    status: ChallengeStatus | None


@strawberry.type
class ReferralChange:
    """An introduction after the command."""

    id: strawberry.ID
    version: int | None
    status: ReferralStatus | None


@strawberry.type
class ActivityChange:
    """An activity after the command."""

    id: strawberry.ID
    version: int | None
    slug: str | None
    status: ActivityStatus | None


@strawberry.type
class RegistrationChange:
    """A registration after the command; WAITING when the activity was full."""

    id: strawberry.ID
    version: int | None
    status: RegistrationStatus | None


@strawberry.type
class CaseChange:
    """A case after the command."""

    id: strawberry.ID
    version: int | None
    slug: str | None
    status: CaseStatus | None


@strawberry.type
class FieldlabChange:
    """A fieldlab after the command."""

    id: strawberry.ID
    version: int | None
    slug: str | None
    status: FieldlabStatus | None

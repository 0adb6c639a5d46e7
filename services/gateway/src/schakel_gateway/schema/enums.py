"""Closed sets of words; the value is the word the services use, the name is the one GraphQL clients see."""

from enum import Enum

import strawberry


@strawberry.enum
class PrivateState(Enum):
    """Whether the private fields of an object could be read from their owner, and if not, why they are null."""

    OK = "ok"
    ERASED = "erased"
    FORBIDDEN = "forbidden"
    UNAVAILABLE = "unavailable"


@strawberry.enum
class Level(Enum):
    """The three levels of the network."""

    NATIONAL = "national"
    HUB = "hub"
    FIELDLAB = "fieldlab"


@strawberry.enum
class IndicatorKind(Enum):
    """ADDITIVE: each fact has exactly one leaf. UNIQUE: a company counts once, however many facts it has."""

    ADDITIVE = "additive"
    UNIQUE = "unique"


@strawberry.enum
class Language(Enum):
    """The language somebody writes in."""

    NL = "nl"
    EN = "en"


@strawberry.enum
class FieldlabStatus(Enum):
    """Whether it works, as far as is known; recognition is another axis."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    UNKNOWN = "unknown"


@strawberry.enum
class RecognitionStatus(Enum):
    """The steering group's decision, as far as is known."""

    RECOGNISED = "recognised"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


@strawberry.enum
class Capacity(Enum):
    """How much room a fieldlab says it has."""

    FREE = "free"
    LIMITED = "limited"
    FULL = "full"
    UNKNOWN = "unknown"


@strawberry.enum
class CompanyStatus(Enum):
    """UNVERIFIED until its hub has confirmed that it is who it says."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    MERGED = "merged"
    ERASED = "erased"


@strawberry.enum
class MemberStatus(Enum):
    """ASKING until a member or the hub has accepted the person."""

    ACTIVE = "active"
    ASKING = "asking"
    REMOVED = "removed"


@strawberry.enum
class SizeClass(Enum):
    """Size of a company."""

    MICRO = "micro"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    UNKNOWN = "unknown"


@strawberry.enum
class ChallengeStatus(Enum):
    """Where a challenge stands."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    ERASED = "erased"


@strawberry.enum
class ReferralStatus(Enum):
    """Where an introduction stands."""

    REQUESTED = "requested"
    QUESTION = "question"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    COMPLETED = "completed"
    ERASED = "erased"


@strawberry.enum
class Party(Enum):
    """Who wrote, or whose turn it is."""

    FIELDLAB = "fieldlab"
    COMPANY = "company"
    HUB = "hub"


@strawberry.enum
class DeclineReason(Enum):
    """Why a fieldlab does not take a request."""

    NO_CAPACITY = "no_capacity"
    NOT_OUR_FIELD = "not_our_field"
    TOO_EARLY = "too_early"
    DUPLICATE = "duplicate"
    OTHER = "other"


@strawberry.enum
class Judging(Enum):
    """What an adviser says of a fieldlab: it belongs in the slate, on top of it, or not in it."""

    ADD = "add"
    PIN = "pin"
    DROP = "drop"


@strawberry.enum
class JudgingStep(Enum):
    """What an adviser can do: say one of three things of a fieldlab, or take it back."""

    ADD = "add"
    PIN = "pin"
    DROP = "drop"
    TAKE_BACK = "take_back"


@strawberry.enum
class EndingKind(Enum):
    """Where a need can be served other than by a fieldlab."""

    PROGRAMME = "programme"
    TRAINING = "training"
    HUB = "hub"


@strawberry.enum
class KeptOut(Enum):
    """What keeps a fieldlab out: it ended, lies abroad, two of its campus are shown, or it does not answer the need."""

    ENDED = "ended"
    ABROAD = "abroad"
    CAMPUS = "campus"
    NO_FIT = "no_fit"


@strawberry.enum
class SlateNews(Enum):
    """What became of a fieldlab in a slate: it came among the first three, left them, or has ended."""

    ENTERED = "entered"
    LEFT = "left"
    ENDED = "ended"


@strawberry.enum
class Outcome(Enum):
    """What came of an introduction."""

    VISITED = "visited"
    TESTED = "tested"
    TRAINED = "trained"
    INVESTED = "invested"
    NOTHING = "nothing"


@strawberry.enum
class ActivityStatus(Enum):
    """Where an activity stands."""

    PLANNED = "planned"
    HELD = "held"
    CANCELLED = "cancelled"


@strawberry.enum
class ActivityMode(Enum):
    """Where one takes part."""

    ON_SITE = "on_site"
    ONLINE = "online"
    HYBRID = "hybrid"
    UNKNOWN = "unknown"


@strawberry.enum
class DatePrecision(Enum):
    """How precisely the source knows when it starts."""

    INSTANT = "instant"
    DAY = "day"
    MONTH = "month"


@strawberry.enum
class RegistrationStatus(Enum):
    """Where a registration stands."""

    REGISTERED = "registered"
    WAITING = "waiting"
    CANCELLED = "cancelled"
    ATTENDED = "attended"
    ERASED = "erased"


@strawberry.enum
class CaseStatus(Enum):
    """Whether a case can be read."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"

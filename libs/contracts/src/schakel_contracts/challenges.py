"""A company's need, without its words: the text stays with its owner."""

from typing import Literal
from uuid import UUID

import msgspec


class RankedFieldlab(msgspec.Struct, frozen=True):
    """A place in the slate that the company was shown; the reasons stay with their owner, because they quote it."""

    fieldlab: str
    rank: int
    score: float


Judging = Literal["add", "pin", "drop"]
"""What an adviser of the company's hub says of a fieldlab: it belongs in the slate, on top of it, or not in it."""


class Judgement(msgspec.Struct, frozen=True):
    """What an adviser says of a fieldlab now; the reason stays with its owner, and no score is changed by it."""

    fieldlab: str
    action: Judging
    hub: str


class FieldlabNews(msgspec.Struct, frozen=True):
    """What became of one fieldlab in a slate: it came among the first three, left them, or has ended."""

    fieldlab: str
    what: Literal["entered", "left", "ended"]


class ChallengeNews(msgspec.Struct, frozen=True):
    """What a company should hear of its slate, and since which day (YYYY-MM-DD)."""

    on: str
    fieldlabs: list[FieldlabNews]


class ChallengeState(msgspec.Struct, frozen=True):
    """The whole public state of a challenge.

    Attributes:
        home_hub: where the company counts.
        routed_hub: hub of the establishment that has the need: it is routed there.
        concepts: keys of the technology vocabulary found in the text.
        sbi_division: two digits, or None.
        matches: best first.
        model: version of the matching model that made the slate.
        shared: the company agreed that fieldlabs and hubs it may suit see the need, without name.
        judgements: what advisers say now, beside ``matches`` and never in them; by fieldlab.
        news: the last change of the slate by itself that matters to the company; none after its own change.
    """

    id: UUID
    company_id: UUID
    status: Literal["open", "withdrawn", "closed", "erased"]
    home_hub: str
    routed_hub: str
    submitted_on: str
    language: Literal["nl", "en"]
    province: str | None = None
    municipality_code: str | None = None
    sbi_division: str | None = None
    concepts: list[str] = []
    matches: list[RankedFieldlab] = []
    model: str = ""
    shared: bool = False
    judgements: list[Judgement] = []
    news: ChallengeNews | None = None

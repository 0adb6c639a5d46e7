"""What was so in the world at each time, as far as is known: the steps of an aggregate.

The state at (asOf, knownAt) is that of the highest (epoch, version) with both times at or before. So, of the versions
known, one counts from its effective time until the effective time of a higher one; a version with a lower one's
effective time or an earlier one overrules it altogether.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, cast
from uuid import UUID

import msgspec

from schakel_contracts.activities import ActivityState, RegistrationState
from schakel_contracts.cases import CaseState
from schakel_contracts.challenges import ChallengeState
from schakel_contracts.companies import CompanyState
from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.figures import FigureState
from schakel_contracts.hubs import HubState
from schakel_contracts.referrals import ReferralState
from schakel_contracts.topics import TOPIC_OF_KIND

State = (
    HubState
    | FieldlabState
    | CompanyState
    | FigureState
    | ChallengeState
    | ReferralState
    | ActivityState
    | RegistrationState
    | CaseState
)


DECODERS: Final[Mapping[str, msgspec.json.Decoder[State]]] = MappingProxyType(
    {
        kind: cast("msgspec.json.Decoder[State]", msgspec.json.Decoder(topic.state))
        for kind, topic in TOPIC_OF_KIND.items()
    }
)
"""By kind; made once, because making one costs more than decoding with it."""


class Version(msgspec.Struct, frozen=True):
    """One version of one aggregate; times are aware UTC."""

    kind: str
    id: UUID
    epoch: int
    version: int
    effective_at: datetime
    recorded_at: datetime
    state: State

    @property
    def rank(self) -> tuple[int, int]:
        """What decides between two versions of one aggregate."""
        return (self.epoch, self.version)


def by_recording(versions: Iterable[Version]) -> list[Version]:
    """Return the versions in the order in which they became known; the same list whatever order they came in."""
    return sorted(versions, key=lambda each: (each.recorded_at, each.kind, each.id, each.epoch, each.version))


def learn(steps: Sequence[Version], version: Version) -> list[Version]:
    """Return the steps after one more version became known.

    Args:
        steps: by effective time; their ranks rise too.
        version: of the same aggregate.
    """
    place = bisect_right(steps, version.effective_at, key=lambda step: step.effective_at)
    if place and steps[place - 1].rank > version.rank:
        return list(steps)
    before = [step for step in steps[:place] if step.effective_at < version.effective_at]
    return [*before, version, *(step for step in steps[place:] if step.rank > version.rank)]


def step_at(steps: Sequence[Version], instant: datetime) -> Version | None:
    """Return the step that counts at an instant, None before the first."""
    place = bisect_right(steps, instant, key=lambda step: step.effective_at)
    return steps[place - 1] if place else None

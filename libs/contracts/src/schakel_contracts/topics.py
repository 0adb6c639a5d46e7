"""Every topic: who owns it, what its state is, and which things may happen to its aggregate."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Generic, Literal

import msgspec
from typing_extensions import TypeVar

from schakel_contracts.activities import ActivityState, RegistrationState
from schakel_contracts.cases import CaseState
from schakel_contracts.challenges import ChallengeState
from schakel_contracts.companies import CompanyState
from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.figures import FigureState
from schakel_contracts.hubs import HubState
from schakel_contracts.referrals import ReferralState

PARTITIONS: Final = 12
"""The same everywhere and for ever: a key's partition must not change."""

TYPE_PREFIX: Final = "nl.smartindustry"

Service = Literal["registry", "matching", "events"]


StateT_co = TypeVar("StateT_co", bound=msgspec.Struct, covariant=True, default=msgspec.Struct)


class Topic(msgspec.Struct, Generic[StateT_co], frozen=True):
    """A stream of all versions of all aggregates of one kind.

    Attributes:
        name: kebab-case, without dots, with its major version.
        kind: the aggregate in the singular; the kind of a `Reference`.
        owner: the only service that writes it.
        plural: the middle part of its event types.
        state: the struct that each of its events carries.
        happenings: past tense, kebab-case; ``type_of`` makes the event type of one.
    """

    name: str
    kind: str
    owner: Service
    plural: str
    state: type[StateT_co]
    happenings: tuple[str, ...]

    def type_of(self, happening: str) -> str:
        """Return the event type of a happening; ValueError if this topic does not know it."""
        if happening not in self.happenings:
            raise ValueError(f"{happening} does not happen to a {self.kind}; known: {', '.join(self.happenings)}")
        return f"{TYPE_PREFIX}.{self.plural}.{happening}.v1"

    @property
    def types(self) -> tuple[str, ...]:
        """All event types that this topic carries."""
        return tuple(self.type_of(happening) for happening in self.happenings)

    @property
    def dataschema(self) -> str:
        """URI of the JSON Schema of the state; it changes only with an incompatible change."""
        return f"https://schakel.smartindustry.nl/schemas/{self.name}.schema.json"


FIELDLABS: Final = Topic(
    name="registry-fieldlabs-v1",
    kind="fieldlab",
    owner="registry",
    plural="fieldlabs",
    state=FieldlabState,
    happenings=(
        "registered",
        "described",
        "confirmed",
        "recognised",
        "recognition-withdrawn",
        "activated",
        "paused",
        "ended",
        "capacity-changed",
    ),
)
HUBS: Final = Topic(
    name="registry-hubs-v1",
    kind="hub",
    owner="registry",
    plural="hubs",
    state=HubState,
    happenings=("registered", "described"),
)
COMPANIES: Final = Topic(
    name="registry-companies-v1",
    kind="company",
    owner="registry",
    plural="companies",
    state=CompanyState,
    happenings=(
        "registered",
        "verified",
        "described",
        "moved",
        "establishment-added",
        "membership-asked",
        "member-joined",
        "member-removed",
        "merged",
        "erased",
    ),
)
FIGURES: Final = Topic(
    name="registry-figures-v1",
    kind="figure",
    owner="registry",
    plural="figures",
    state=FigureState,
    happenings=("published", "corrected"),
)
CHALLENGES: Final = Topic(
    name="matching-challenges-v1",
    kind="challenge",
    owner="matching",
    plural="challenges",
    state=ChallengeState,
    happenings=("submitted", "rematched", "withdrawn", "closed", "erased", "judged", "consent-changed"),
)
REFERRALS: Final = Topic(
    name="matching-referrals-v1",
    kind="referral",
    owner="matching",
    plural="referrals",
    state=ReferralState,
    happenings=(
        "requested",
        "question-asked",
        "question-answered",
        "accepted",
        "declined",
        "withdrawn",
        "outcome-recorded",
        "erased",
    ),
)
ACTIVITIES: Final = Topic(
    name="events-activities-v1",
    kind="activity",
    owner="events",
    plural="activities",
    state=ActivityState,
    happenings=("planned", "described", "cancelled", "held", "seats-changed"),
)
REGISTRATIONS: Final = Topic(
    name="events-registrations-v1",
    kind="registration",
    owner="events",
    plural="registrations",
    state=RegistrationState,
    happenings=("made", "waitlisted", "seat-given", "cancelled", "attended", "erased"),
)
CASES: Final = Topic(
    name="events-cases-v1",
    kind="case",
    owner="events",
    plural="cases",
    state=CaseState,
    happenings=("published", "described", "withdrawn"),
)

TOPICS: Final[Mapping[str, Topic]] = MappingProxyType(
    {
        topic.name: topic
        for topic in (
            HUBS,
            FIELDLABS,
            COMPANIES,
            FIGURES,
            CHALLENGES,
            REFERRALS,
            ACTIVITIES,
            REGISTRATIONS,
            CASES,
        )
    }
)
TOPIC_OF_KIND: Final[Mapping[str, Topic]] = MappingProxyType({topic.kind: topic for topic in TOPICS.values()})


def topics_of(owner: Service) -> tuple[Topic, ...]:
    """Return the topics that a service owns."""
    return tuple(topic for topic in TOPICS.values() if topic.owner == owner)


def heartbeat_topic(owner: Service) -> str:
    """Return the name of the topic on which a service's relay says up to when its topics are complete."""
    return f"{owner}-heartbeats-v1"


def dead_letter_topic(topic: str, consumer: str) -> str:
    """Return the name of the topic that takes what a consumer cannot handle."""
    return f"{topic}-dlq-{consumer}"

"""One believable state per topic, and how each happening changes it: the source of the published examples."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from schakel_contracts.activities import ActivityState, RegistrationState
from schakel_contracts.cases import CaseState, Effect
from schakel_contracts.challenges import ChallengeState, Judgement, RankedFieldlab
from schakel_contracts.companies import CompanyState, Establishment, Member
from schakel_contracts.fieldlabs import Confirmation, FieldlabState, Recognition
from schakel_contracts.figures import FigureState
from schakel_contracts.hubs import HubState
from schakel_contracts.ids import REGISTER_NAMESPACE, register_id
from schakel_contracts.referrals import ReferralState
from schakel_contracts.topics import (
    ACTIVITIES,
    CASES,
    CHALLENGES,
    COMPANIES,
    FIELDLABS,
    FIGURES,
    HUBS,
    REFERRALS,
    REGISTRATIONS,
    Topic,
)


def _id(name: str) -> UUID:
    return uuid5(REGISTER_NAMESPACE, f"example:{name}")


EFFECTIVE_AT: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RECORDED_AT: Final = datetime(2026, 3, 2, 9, 30, 0, 125000, tzinfo=UTC)

_HUB: Final = HubState(
    id=register_id("hub", "zuid-holland"),
    slug="zuid-holland",
    kind="hub",
    name_nl="Smart Industry Hub Zuid-Holland",
    name_en="Smart Industry Hub South Holland",
    description_nl="Het loket voor de maakindustrie in Zuid-Holland.",
    description_en="The desk for manufacturers in South Holland.",
    provinces=["NL-ZH"],
)
_FIELDLAB: Final = FieldlabState(
    id=register_id("fieldlab", "example-robotics"),
    slug="example-robotics",
    name="Example Robotics Lab",
    kind="fieldlab",
    hub="zuid-holland",
    status="active",
    recognition=Recognition(status="recognised", on="2019"),
    published=True,
    description_nl="Robots op de werkvloer proberen.",
    description_en="Try robots on the shop floor.",
    province="NL-ZH",
    municipality_code="GM0503",
    postcode4="2628",
    latitude=51.99,
    longitude=4.37,
    themes=["robotics"],
    sectors=["25"],
    languages=["nl", "en"],
    trl_min=4,
    trl_max=7,
    confirmed=Confirmation(on="2026-01-15", by="fieldlab"),
)
_COMPANY: Final = CompanyState(
    id=_id("company"),
    status="unverified",
    home_hub="oost",
    size_class="small",
    province="NL-OV",
    municipality_code="GM0153",
    postcode4="7511",
    sbi=["25620"],
    establishments=[Establishment(id=_id("establishment"), hub="oost", primary=True, province="NL-OV")],
    members=[Member(sub="0b5f8a0e-6a51-4e0e-9a58-0d3a1c2b7f10", status="active")],
)
_FIGURE: Final = FigureState(
    id=register_id("figure", "companies-reached-2024"),
    key="companies_reached",
    level="national",
    subject="national",
    label_nl="Bereikte bedrijven",
    label_en="Companies reached",
    value=680,
    unit="companies",
    qualifier="about",
    kind="reached",
    source="letter-29826-128",
    as_of="2024",
)
_CHALLENGE: Final = ChallengeState(
    id=_id("challenge"),
    company_id=_COMPANY.id,
    status="open",
    home_hub="oost",
    routed_hub="oost",
    submitted_on="2026-03-02",
    language="nl",
    province="NL-OV",
    sbi_division="25",
    concepts=["robotics"],
    matches=[RankedFieldlab(fieldlab="example-robotics", rank=1, score=0.71)],
    model="1",
)
_REFERRAL: Final = ReferralState(
    id=_id("referral"),
    challenge_id=_CHALLENGE.id,
    company_id=_COMPANY.id,
    fieldlab_id=_FIELDLAB.id,
    fieldlab="example-robotics",
    fieldlab_hub="zuid-holland",
    home_hub="oost",
    routed_hub="oost",
    status="requested",
    requested_at="2026-03-02T09:30:00Z",
    province="NL-OV",
    waiting_on="fieldlab",
    due_on="2026-03-09",
)
_ACTIVITY: Final = ActivityState(
    id=_id("activity"),
    slug="open-dag-2026",
    organiser="hub:zuid-holland",
    hub="zuid-holland",
    status="planned",
    title_nl="Open dag",
    title_en="Open day",
    summary_nl="Kom kijken.",
    summary_en="Come and see.",
    starts_at="2026-05-12T11:00:00Z",
    date_precision="instant",
    capacity=30,
    seats_taken=0,
    waiting=0,
)
_REGISTRATION: Final = RegistrationState(
    id=_id("registration"),
    activity_id=_ACTIVITY.id,
    activity_hub="zuid-holland",
    sub="0b5f8a0e-6a51-4e0e-9a58-0d3a1c2b7f10",
    status="registered",
    registered_at="2026-03-02T09:30:00Z",
    home_hub="oost",
    company_id=_COMPANY.id,
)
_CASE: Final = CaseState(
    id=_id("case"),
    slug="minder-uitval",
    owner="hub:zuid-holland",
    hub="zuid-holland",
    status="published",
    title_nl="Minder uitval",
    title_en="Less scrap",
    summary_nl="Een robot die meet.",
    summary_en="A robot that measures.",
    fieldlab="example-robotics",
    effect=Effect(text_nl="30 % minder uitval", text_en="30 % less scrap", measured=True),
)
_FORGOTTEN: Final[dict[str, Any]] = {"province": None}

_SAMPLES: Final[Mapping[str, tuple[msgspec.Struct, Mapping[str, dict[str, Any]]]]] = MappingProxyType(
    {
        HUBS.name: (_HUB, {}),
        FIELDLABS.name: (
            _FIELDLAB,
            {
                "recognition-withdrawn": {"recognition": Recognition(status="withdrawn", on="2019", until="2026-03")},
                "paused": {"status": "paused"},
                "ended": {"status": "ended", "ended": "2026-03", "succeeded_by": "zuid-holland"},
                "capacity-changed": {"capacity": "limited"},
            },
        ),
        COMPANIES.name: (
            _COMPANY,
            {
                "verified": {"status": "verified"},
                "moved": {"home_hub": "oost", "postcode4": "7521"},
                "membership-asked": {"members": [*_COMPANY.members, Member(sub="another", status="asking")]},
                "member-joined": {"members": [*_COMPANY.members, Member(sub="another", status="active")]},
                "member-removed": {"members": [*_COMPANY.members, Member(sub="another", status="removed")]},
                "merged": {"status": "merged", "merged_into": _id("other company")},
                "erased": {
                    **_FORGOTTEN,
                    "status": "erased",
                    "size_class": "unknown",
                    "municipality_code": None,
                    "postcode4": None,
                    "sbi": [],
                    "establishments": [],
                    "members": [],
                },
            },
        ),
        FIGURES.name: (_FIGURE, {"corrected": {"value": 683, "qualifier": "exact", "note": "counted again"}}),
        CHALLENGES.name: (
            _CHALLENGE,
            {
                "withdrawn": {"status": "withdrawn"},
                "closed": {"status": "closed"},
                "erased": {**_FORGOTTEN, "status": "erased", "sbi_division": None, "concepts": [], "matches": []},
                "judged": {"judgements": [Judgement(fieldlab="example-welding", action="add", hub="oost")]},
                "consent-changed": {"shared": True},
            },
        ),
        REFERRALS.name: (
            _REFERRAL,
            {
                "question-asked": {"status": "question", "waiting_on": "company"},
                "accepted": {"status": "accepted", "waiting_on": None, "due_on": None},
                "declined": {"status": "declined", "waiting_on": None, "decline_reason": "no_capacity"},
                "withdrawn": {"status": "withdrawn", "waiting_on": None},
                "outcome-recorded": {
                    "status": "completed",
                    "waiting_on": None,
                    "outcome": "tested",
                    "outcome_on": "2026-04-20",
                },
                "erased": {**_FORGOTTEN, "status": "erased", "waiting_on": None, "due_on": None},
            },
        ),
        ACTIVITIES.name: (
            _ACTIVITY,
            {
                "cancelled": {"status": "cancelled"},
                "held": {"status": "held", "attendance": 24},
                "seats-changed": {"seats_taken": 1},
            },
        ),
        REGISTRATIONS.name: (
            _REGISTRATION,
            {
                "waitlisted": {"status": "waiting"},
                "cancelled": {"status": "cancelled"},
                "attended": {"status": "attended"},
                "erased": {"status": "erased", "sub": None, "company_id": None},
            },
        ),
        CASES.name: (_CASE, {"withdrawn": {"status": "withdrawn"}}),
    }
)


def sample_of(topic: Topic[Any], happening: str) -> msgspec.Struct:
    """Return the state after a happening."""
    base, changes = _SAMPLES[topic.name]
    return msgspec.structs.replace(base, **changes.get(happening, {}))


def event_id_of(topic: Topic[Any], happening: str) -> UUID:
    """Return the id of the example event; the same in every export."""
    return _id(f"event:{topic.name}:{happening}")

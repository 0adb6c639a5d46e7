"""Networks made up for tests and benchmarks: states, versions, records. Never imported by production code."""

import hashlib
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from schakel_contracts.activities import ActivityState, RegistrationState
from schakel_contracts.cases import CaseState
from schakel_contracts.challenges import ChallengeState
from schakel_contracts.companies import CompanyState, CompanyStatus, Establishment, Member
from schakel_contracts.envelope import Envelope, instant_text, value_of
from schakel_contracts.fieldlabs import FieldlabState, FieldlabStatus, Recognition
from schakel_contracts.places import HUBS
from schakel_contracts.referrals import Outcome, ReferralState, ReferralStatus
from schakel_contracts.topics import TOPIC_OF_KIND
from schakel_gateway.ledger.steps import State, Version
from schakel_gateway.projections.incoming import Incoming, Record

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_FIELDLABS: Final = ("robohouse", "smart-welding", "fabriek-van-de-toekomst", "dutch-optics")


def day(number: float) -> datetime:
    """Return an instant so many days after the beginning of the made-up world."""
    return BEGIN + timedelta(days=number)


def identifier(*parts: object) -> UUID:
    """Return a version 4 UUID that is the same for the same parts."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return UUID(bytes=digest[:16], version=4)


def company(
    number: int,
    hub: str = "oost",
    *,
    status: CompanyStatus = "verified",
    merged_into: int | None = None,
    members: Iterable[tuple[str, str]] = (),
    hubs: Iterable[str] = (),
) -> CompanyState:
    """Return a company; `members` are pairs of subject and status, `hubs` those of further establishments."""
    places = [Establishment(identifier("place", number, each), each, primary=each == hub) for each in (hub, *hubs)]
    return CompanyState(
        id=identifier("company", number),
        status=status,
        home_hub=hub,
        establishments=places,
        members=[msgspec.convert({"sub": sub, "status": each}, Member) for sub, each in members],
        merged_into=None if merged_into is None else identifier("company", merged_into),
    )


def referral(
    number: int,
    of_company: int,
    fieldlab: str = "robohouse",
    *,
    status: ReferralStatus = "requested",
    home_hub: str = "oost",
    routed_hub: str = "oost",
    fieldlab_hub: str = "zuid-holland",
    outcome: Outcome | None = None,
    outcome_on: str | None = None,
) -> ReferralState:
    """Return a referral of a company to a fieldlab."""
    return ReferralState(
        id=identifier("referral", number),
        challenge_id=identifier("challenge", number),
        company_id=identifier("company", of_company),
        fieldlab_id=identifier("fieldlab", fieldlab),
        fieldlab=fieldlab,
        fieldlab_hub=fieldlab_hub,
        home_hub=home_hub,
        routed_hub=routed_hub,
        status=status,
        requested_at=instant_text(BEGIN),
        outcome=outcome,
        outcome_on=outcome_on,
    )


def challenge(
    number: int,
    of_company: int,
    *,
    home_hub: str = "oost",
    routed_hub: str = "oost",
    province: str | None = None,
    concepts: Iterable[str] = (),
) -> ChallengeState:
    """Return an open challenge of a company."""
    return ChallengeState(
        id=identifier("challenge", number),
        company_id=identifier("company", of_company),
        status="open",
        home_hub=home_hub,
        routed_hub=routed_hub,
        submitted_on="2026-01-01",
        language="nl",
        province=province,
        concepts=list(concepts),
    )


def fieldlab(
    slug: str,
    hub: str = "zuid-holland",
    *,
    status: FieldlabStatus = "active",
    kind: str = "fieldlab",
    published: bool = True,
    recognised: bool = True,
) -> FieldlabState:
    """Return a fieldlab, recognised unless said otherwise."""
    return FieldlabState(
        id=identifier("fieldlab", slug),
        slug=slug,
        name=slug.capitalize(),
        kind=kind,
        hub=hub,
        status=status,
        recognition=Recognition("recognised" if recognised else "unknown"),
        published=published,
        description_nl="",
        description_en="",
    )


def activity(
    number: int, starts_at: str, hub: str = "oost", *, cancelled: bool = False, organiser: str = ""
) -> ActivityState:
    """Return an activity, organised by its hub unless said otherwise."""
    return ActivityState(
        id=identifier("activity", number),
        slug=f"activity-{number}",
        organiser=organiser or f"hub:{hub}",
        hub=hub,
        status="cancelled" if cancelled else "planned",
        title_nl="",
        title_en="",
        summary_nl="",
        summary_en="",
        starts_at=starts_at,
        date_precision="instant" if "T" in starts_at else "day",
    )


def registration(number: int, of_activity: int, sub: str | None, *, activity_hub: str = "oost") -> RegistrationState:
    """Return a registration with a seat."""
    return RegistrationState(
        id=identifier("registration", number),
        activity_id=identifier("activity", of_activity),
        activity_hub=activity_hub,
        sub=sub,
        status="registered",
        registered_at=instant_text(BEGIN),
    )


def case(number: int, hub: str = "oost", *, withdrawn: bool = False) -> CaseState:
    """Return a case of a hub."""
    return CaseState(
        id=identifier("case", number),
        slug=f"case-{number}",
        owner=f"hub:{hub}",
        hub=hub,
        status="withdrawn" if withdrawn else "published",
        title_nl="",
        title_en="",
        summary_nl="",
        summary_en="",
    )


_KINDS: Final = {topic.state: kind for kind, topic in TOPIC_OF_KIND.items()}


def version(state: State, number: int, effective: float, recorded: float | None = None, *, epoch: int = 1) -> Version:
    """Return a version of a state's aggregate; times in days after the beginning, recorded when effective."""
    return Version(
        kind=_KINDS[type(state)],
        id=state.id,
        epoch=epoch,
        version=number,
        effective_at=day(effective),
        recorded_at=day(effective if recorded is None else recorded),
        state=state,
    )


def envelope(of: Version) -> Envelope:
    """Return the envelope of a version's event."""
    topic = TOPIC_OF_KIND[of.kind]
    return Envelope(
        id=identifier("event", of.kind, of.id, of.version),
        source="urn:nld:oin:00000000000000000000:systeem:schakel-test",
        type=topic.types[0],
        subject=of.id,
        epoch=of.epoch,
        version=of.version,
        effective_at=of.effective_at,
        recorded_at=of.recorded_at,
        dataschema=topic.dataschema,
        digest=hashlib.sha256(value_of(of.state)).hexdigest(),
    )


def record(of: Version, offset: int = 0, partition: int = 0) -> Record:
    """Return the record in Kafka of a version's event."""
    return Record(
        topic=TOPIC_OF_KIND[of.kind],
        partition=partition,
        offset=offset,
        key=str(of.id).encode(),
        value=value_of(of.state),
        headers=envelope(of).headers(),
    )


def incoming(of: Version) -> Incoming:
    """Return a version as the projector reads it."""
    said = envelope(of)
    return Incoming(
        kind=of.kind,
        id=of.id,
        epoch=of.epoch,
        version=of.version,
        type=said.type,
        effective_at=of.effective_at,
        recorded_at=of.recorded_at,
        digest=said.digest,
        text=value_of(of.state).decode(),
        state=of.state,
        traceparent=None,
    )


def network(
    seed: int, companies: int = 12, days: int = 60, *, mixing: float = 1.0, backdated: float = 1 / 3
) -> list[Version]:
    """Return the history of a made-up network, in order of recording.

    Args:
        seed: the same seed gives the same network.
        companies: how many.
        days: over how long.
        mixing: how often companies merge and referrals change hands; at 1 so often that nearly all hang together.
        backdated: the part of the versions that were effective before they were recorded.

    Companies move, merge and are erased; referrals are answered, corrected and change hands; some versions are
    backdated, and some are said again in a second epoch. `recorded_at` rises per aggregate and is unique.
    """
    chance = random.Random(seed)
    tick = iter(range(1_000_000))
    made: list[Version] = []
    for number in range(companies):
        hub = chance.choice(HUBS)
        made += _lived(chance, tick, days, backdated, _company_states(chance, number, companies, hub, mixing))
        for of_company in range(chance.randint(0, 3)):
            referral_number = number * 10 + of_company
            asked = _referral_states(
                chance, referral(referral_number, number, home_hub=hub, routed_hub=hub), companies, mixing
            )
            made += _lived(chance, tick, days, backdated, asked)
            made += _lived(
                chance, tick, days, backdated, [challenge(referral_number, number, home_hub=hub, routed_hub=hub)]
            )
    for slug in _FIELDLABS:
        made += _lived(
            chance, tick, days, backdated, [_any_fieldlab(chance, slug) for _ in range(chance.randint(1, 4))]
        )
    for number in range(companies // 2):
        starts = [f"2026-0{chance.randint(1, 3)}-{chance.randint(1, 28):02}" for _ in range(chance.randint(1, 3))]
        hub = chance.choice(HUBS)
        states = [activity(number, each, hub, cancelled=chance.random() < 0.2) for each in starts]  # noqa: PLR2004
        made += _lived(chance, tick, days, backdated, states)
        made += _lived(
            chance, tick, days, backdated, [registration(number, number, f"person-{number}", activity_hub=hub)]
        )
        made += _lived(
            chance,
            tick,
            days,
            backdated,
            [case(number, hub), case(number, hub, withdrawn=True)][: chance.randint(1, 2)],
        )
    return sorted(made, key=lambda each: each.recorded_at)


def _lived(
    chance: random.Random, tick: Iterator[int], days: int, backdated: float, states: Iterable[State]
) -> list[Version]:
    """Give states their times: a life begins somewhere, goes on in steps, and is corrected afterwards now and then."""
    result: list[Version] = []
    recorded = chance.uniform(0, days / 2)
    for number, state in enumerate(states, start=1):
        recorded += chance.uniform(0.1, days / 6) + next(tick) * 1e-7
        late = chance.random() < backdated
        effective = recorded - chance.uniform(0, days / 3) if late else recorded
        result.append(version(state, number, effective, recorded))
    if result and chance.random() < 0.1:  # noqa: PLR2004 - one in ten is said again
        last = result[-1]
        result.append(msgspec.structs.replace(last, epoch=2))
    return result


def _company_states(chance: random.Random, number: int, companies: int, hub: str, mixing: float) -> list[CompanyState]:
    states = [company(number, hub, status="unverified")]
    for _ in range(chance.randint(0, 3)):
        what = chance.choice(("verified", "moved", "merged", "erased"))
        if what == "merged" and chance.random() > mixing:
            what = "moved"
        if what == "merged":
            states.append(company(number, hub, status="merged", merged_into=chance.randrange(companies)))
        elif what == "erased":
            states.append(company(number, "unassigned", status="erased"))
        else:
            hub = chance.choice(HUBS) if what == "moved" else hub
            states.append(company(number, hub))
    return states


def _referral_states(chance: random.Random, first: ReferralState, companies: int, mixing: float) -> list[ReferralState]:
    states = [msgspec.structs.replace(first, fieldlab=chance.choice(_FIELDLABS))]
    for _ in range(chance.randint(0, 4)):
        what = chance.choice(("accepted", "declined", "withdrawn", "outcome", "nothing", "erased", "company"))
        if what == "company" and chance.random() > mixing:
            what = "accepted"
        last = states[-1]
        if what == "company":
            states.append(msgspec.structs.replace(last, company_id=identifier("company", chance.randrange(companies))))
        elif what in {"outcome", "nothing"}:
            on = f"2026-0{chance.randint(1, 2)}-{chance.randint(1, 28):02}"
            outcome: Outcome = "tested" if what == "outcome" else "nothing"
            states.append(msgspec.structs.replace(last, status="completed", outcome=outcome, outcome_on=on))
        else:
            states.append(msgspec.convert({**msgspec.to_builtins(last), "status": what}, ReferralState))
    return states


def _any_fieldlab(chance: random.Random, slug: str) -> FieldlabState:
    return fieldlab(
        slug,
        chance.choice((*HUBS, "national")),
        status=chance.choice(("active", "paused", "ended", "unknown")),
        kind=chance.choice(("fieldlab", "fieldlab", "skillslab")),
        published=chance.random() < 0.8,  # noqa: PLR2004
        recognised=chance.random() < 0.5,  # noqa: PLR2004
    )

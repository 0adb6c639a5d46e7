"""The indicators: what each figure counts, where it counts, and since when it means the same.

An indicator never reads anything but the states of its own subject. An *additive* one gives each fact exactly one
leaf; a *unique* one counts a company once, at the home hub of its primary establishment, from its first fact on: who
was reached stays reached, also after a withdrawal or an erasure. A *stock* is a sum at a moment; a *flow* counts dated
facts whose attribution is fixed when they happen.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from schakel_contracts.activities import ActivityState, RegistrationState
from schakel_contracts.cases import CaseState
from schakel_contracts.challenges import ChallengeState
from schakel_contracts.companies import CompanyState
from schakel_contracts.fieldlabs import FieldlabState
from schakel_contracts.places import HUBS, NATIONAL, UNASSIGNED
from schakel_contracts.referrals import ReferralState
from schakel_gateway.ledger.steps import State, Version

LEAVES: Final = (*HUBS, NATIONAL, UNASSIGNED)
"""Every fact counts at exactly one of these."""

AMSTERDAM: Final = ZoneInfo("Europe/Amsterdam")
_LEAVES: Final = frozenset(LEAVES)

Split = Literal["leaf", "fieldlab"]


class Cell(NamedTuple):
    """Where a line counts. Additive indicators have lines of split ``leaf`` only, with a fieldlab if they have one."""

    split: Split
    leaf: str
    fieldlab: str | None


class Fact(NamedTuple):
    """A dated fact of a flow."""

    at: datetime
    cell: Cell


class Indicator(msgspec.Struct, frozen=True):
    """What stands beside a number.

    Attributes:
        key: stable name; a changed meaning is a higher ``version`` of the same key.
        source: kind of the aggregate whose facts it counts.
        about_companies: its cells could show a single company, so the public sees them suppressed, at month ends.
        by_fieldlab: whether it can be split by fieldlab too.
        stock: the cell in which a state counts 1, or None; of a stock.
        fact: the dated fact that a step shows, or None; of a flow and of a unique indicator.
        decided_by: ``first``: the first step that shows the fact fixes its date and place; ``last``: the plan as it
            stands, for what lies in the future.
    """

    key: str
    kind: Literal["additive", "unique"]
    measure: Literal["stock", "flow"]
    source: str
    about_companies: bool
    by_fieldlab: bool
    definition_nl: str
    definition_en: str
    version: int = 1
    stock: Callable[[State], Cell | None] | None = None
    fact: Callable[[Version], Fact | None] | None = None
    decided_by: Literal["first", "last"] = "first"


def leaf_of(slug: str) -> str:
    """Return the leaf of a slug; a hub that this code does not know counts as ``unassigned``, so that totals add up."""
    return slug if slug in _LEAVES else UNASSIGNED


@cache
def day_begin(text: str) -> datetime | None:
    """Return when a date in the precision of its source begins, in Amsterdam; an instant is itself; None: no date.

    ``2026`` is the first of January, ``2026-03`` the first of March.
    """
    try:
        if "T" in text:
            instant = datetime.fromisoformat(text)
            return instant.astimezone(UTC) if instant.tzinfo else None
        parts = [int(part) for part in text.split("-")]
        year, month, day = (*parts, 1, 1)[:3]
        return datetime(year, month, day, tzinfo=AMSTERDAM).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _place(hub: str, fieldlab: str | None = None) -> Cell:
    return Cell("leaf", leaf_of(hub), fieldlab)


def _counted_fieldlab(state: State) -> FieldlabState | None:
    """Only kind ``fieldlab`` counts, and only what everyone can see, so that everyone can count again."""
    found = isinstance(state, FieldlabState) and state.kind == "fieldlab" and state.published
    return state if found and isinstance(state, FieldlabState) else None


def _active_fieldlab(state: State) -> Cell | None:
    lab = _counted_fieldlab(state)
    return _place(lab.hub, lab.slug) if lab and lab.status == "active" else None


def _recognised_fieldlab(state: State) -> Cell | None:
    lab = _counted_fieldlab(state)
    return _place(lab.hub, lab.slug) if lab and lab.recognition.status == "recognised" else None


def _registered_company(state: State) -> Cell | None:
    counts = isinstance(state, CompanyState) and state.status in {"unverified", "verified"}
    return _place(state.home_hub) if counts and isinstance(state, CompanyState) else None


def _published_case(state: State) -> Cell | None:
    counts = isinstance(state, CaseState) and state.status == "published"
    return _place(state.hub) if counts and isinstance(state, CaseState) else None


def _submitted_challenge(step: Version) -> Fact | None:
    state = step.state
    if not isinstance(state, ChallengeState) or state.status == "erased":
        return None
    return Fact(step.effective_at, _place(state.home_hub))


def _requested_referral(step: Version) -> Fact | None:
    state = step.state
    if not isinstance(state, ReferralState) or state.status == "erased":
        return None
    return Fact(step.effective_at, _place(state.routed_hub, state.fieldlab))


def _accepted_referral(step: Version) -> Fact | None:
    state = step.state
    if not isinstance(state, ReferralState) or state.status not in {"accepted", "completed"}:
        return None
    return Fact(step.effective_at, _place(state.fieldlab_hub, state.fieldlab))


def _recorded_outcome(step: Version) -> Fact | None:
    state = step.state
    if not isinstance(state, ReferralState) or state.outcome is None or state.status == "erased":
        return None
    day = day_begin(state.outcome_on) if state.outcome_on else None
    return Fact(day or step.effective_at, _place(state.fieldlab_hub, state.fieldlab))


def _useful_outcome(step: Version) -> Fact | None:
    state = step.state
    return None if isinstance(state, ReferralState) and state.outcome == "nothing" else _recorded_outcome(step)


def _planned_activity(step: Version) -> Fact | None:
    state = step.state
    if not isinstance(state, ActivityState) or state.status == "cancelled":
        return None
    return Fact(day_begin(state.starts_at) or step.effective_at, _place(state.hub))


def _made_registration(step: Version) -> Fact | None:
    state = step.state
    if not isinstance(state, RegistrationState) or state.status not in {"registered", "attended"}:
        return None
    return Fact(step.effective_at, _place(state.activity_hub))


_ALL: Final = (
    Indicator(
        key="fieldlabs_active",
        kind="additive",
        measure="stock",
        source="fieldlab",
        about_companies=False,
        by_fieldlab=True,
        definition_nl="Fieldlabs die nu werken, geteld bij de hub van hun regio. Alleen de soort fieldlab telt.",
        definition_en="Fieldlabs at work now, counted at the hub of their region. Only the kind fieldlab counts.",
        stock=_active_fieldlab,
    ),
    Indicator(
        key="fieldlabs_recognised",
        kind="additive",
        measure="stock",
        source="fieldlab",
        about_companies=False,
        by_fieldlab=True,
        definition_nl="Fieldlabs die door de stuurgroep zijn erkend, ook als ze niet meer werken.",
        definition_en="Fieldlabs recognised by the steering group, also when no longer at work.",
        stock=_recognised_fieldlab,
    ),
    Indicator(
        key="companies_registered",
        kind="additive",
        measure="stock",
        source="company",
        about_companies=True,
        by_fieldlab=False,
        definition_nl="Bedrijven die zich hebben aangemeld, geteld bij de hub van hun hoofdvestiging.",
        definition_en="Companies that signed up, counted at the hub of their primary establishment.",
        stock=_registered_company,
    ),
    Indicator(
        key="challenges_submitted",
        kind="additive",
        measure="flow",
        source="challenge",
        about_companies=True,
        by_fieldlab=False,
        definition_nl="Vragen die bedrijven hebben ingediend, geteld bij de hub van het bedrijf op dat moment.",
        definition_en="Needs that companies submitted, counted at the company's hub at that moment.",
        fact=_submitted_challenge,
    ),
    Indicator(
        key="referrals_requested",
        kind="additive",
        measure="flow",
        source="referral",
        about_companies=True,
        by_fieldlab=True,
        definition_nl="Gevraagde kennismakingen, geteld bij de hub van de vestiging die de vraag heeft.",
        definition_en="Introductions asked for, counted at the hub of the establishment that has the need.",
        fact=_requested_referral,
    ),
    Indicator(
        key="referrals_accepted",
        kind="additive",
        measure="flow",
        source="referral",
        about_companies=True,
        by_fieldlab=True,
        definition_nl="Kennismakingen die het fieldlab heeft aangenomen, geteld bij de hub van het fieldlab.",
        definition_en="Introductions that the fieldlab accepted, counted at the fieldlab's hub.",
        fact=_accepted_referral,
    ),
    Indicator(
        key="outcomes_recorded",
        kind="additive",
        measure="flow",
        source="referral",
        about_companies=True,
        by_fieldlab=True,
        definition_nl="Vastgelegde uitkomsten van kennismakingen, geteld bij de hub van het fieldlab op de dag ervan.",
        definition_en="Outcomes recorded of introductions, counted at the fieldlab's hub on the day they happened.",
        fact=_recorded_outcome,
    ),
    Indicator(
        key="activities_held_or_planned",
        kind="additive",
        measure="flow",
        source="activity",
        about_companies=False,
        by_fieldlab=False,
        definition_nl="Activiteiten op hun begindag, behalve afgelaste, geteld bij de hub van de organisator.",
        definition_en="Activities on the day they begin, without what was cancelled, counted at the organiser's hub.",
        fact=_planned_activity,
        decided_by="last",
    ),
    Indicator(
        key="registrations_made",
        kind="additive",
        measure="flow",
        source="registration",
        about_companies=True,
        by_fieldlab=False,
        definition_nl="Aanmeldingen met een plaats bij een activiteit, geteld bij de hub van de activiteit.",
        definition_en="Registrations with a seat at an activity, counted at the activity's hub.",
        fact=_made_registration,
    ),
    Indicator(
        key="cases_published",
        kind="additive",
        measure="stock",
        source="case",
        about_companies=False,
        by_fieldlab=False,
        definition_nl="Verhalen van bedrijven die te lezen zijn, geteld bij de hub die ze uitgaf.",
        definition_en="Stories of firms that can be read, counted at the hub that published them.",
        stock=_published_case,
    ),
    Indicator(
        key="companies_asking",
        kind="unique",
        measure="flow",
        source="referral",
        about_companies=True,
        by_fieldlab=True,
        definition_nl="Bedrijven die minstens één kennismaking hebben gevraagd; elk bedrijf telt één keer.",
        definition_en="Companies that asked for at least one introduction; each company counts once.",
        fact=_requested_referral,
    ),
    Indicator(
        key="companies_served",
        kind="unique",
        measure="flow",
        source="referral",
        about_companies=True,
        by_fieldlab=True,
        definition_nl="Bedrijven die door minstens één fieldlab zijn aangenomen; elk bedrijf telt één keer.",
        definition_en="Companies that at least one fieldlab accepted; each company counts once.",
        fact=_accepted_referral,
    ),
    Indicator(
        key="companies_with_outcome",
        kind="unique",
        measure="flow",
        source="referral",
        about_companies=True,
        by_fieldlab=True,
        definition_nl="Bedrijven met minstens één uitkomst die iets opleverde; elk bedrijf telt één keer.",
        definition_en="Companies with at least one outcome that brought something; each company counts once.",
        fact=_useful_outcome,
    ),
)

INDICATORS: Final[Mapping[str, Indicator]] = MappingProxyType({each.key: each for each in _ALL})
"""By key, in the order in which they are shown."""

ADDITIVE_OF_KIND: Final[Mapping[str, tuple[Indicator, ...]]] = MappingProxyType(
    {
        kind: tuple(each for each in _ALL if each.kind == "additive" and each.source == kind)
        for kind in ("fieldlab", "company", "challenge", "referral", "activity", "registration", "case")
    }
)

UNIQUE: Final = tuple(each for each in _ALL if each.kind == "unique")

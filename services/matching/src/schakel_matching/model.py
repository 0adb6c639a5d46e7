"""The rules of a need and of an introduction: plain Python, no input or output.

An introduction (`Referral` in code) goes from a company's challenge to one fieldlab and back, until its outcome.
"""

from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from schakel_common.problems import FieldError, Problem
from schakel_contracts.referrals import ReferralStatus

TEXT_CHARACTERS_MIN: Final = 10
TEXT_CHARACTERS_MAX: Final = 5_000
DRAFT_KEPT: Final = timedelta(days=30)
"""How long anonymous drafts and call-backs are kept; then they are deleted, whatever became of them."""
ANSWER_WORKING_DAYS: Final = 5
"""Monday to Friday; public holidays are not known here, so an answer may be due on one."""
AMSTERDAM: Final = ZoneInfo("Europe/Amsterdam")

Turn = Literal["fieldlab", "company", "hub"]
Action = Literal["accept", "decline", "ask", "answer", "withdraw", "record_outcome"]


class Transition(msgspec.Struct, frozen=True):
    """What an action does to an introduction.

    Attributes:
        action: what somebody does.
        sources: the states in which it can be done.
        target: the state after it.
        turn: whose turn it is then.
        happening: of the event.
    """

    action: Action
    sources: tuple[ReferralStatus, ...]
    target: ReferralStatus
    turn: Turn | None
    happening: str


# fmt: off
TRANSITIONS: Final[dict[Action, Transition]] = {
    row.action: row
    for row in (
        #          action            from                         to           turn        happening
        Transition("accept",         ("requested", "question"),   "accepted",  None,       "accepted"),
        Transition("decline",        ("requested", "question"),   "declined",  None,       "declined"),
        Transition("ask",            ("requested",),              "question",  "company",  "question-asked"),
        Transition("answer",         ("question",),               "requested", "fieldlab", "question-answered"),
        Transition("withdraw",       ("requested", "question"),   "withdrawn", None,       "withdrawn"),
        Transition("record_outcome", ("accepted", "completed"),   "completed", None,       "outcome-recorded"),
    )
}
# fmt: on
"""The whole life of an introduction after it was requested. ``erased`` comes from the company's erasure alone."""

_ANSWERED: Final[frozenset[ReferralStatus]] = frozenset({"accepted", "declined", "completed"})
_WHEN_ANSWERED: Final[frozenset[Action]] = frozenset({"accept", "decline", "ask", "withdraw"})
LIVE: Final[frozenset[ReferralStatus]] = frozenset({"requested", "question", "accepted", "completed"})
"""While an introduction is one of these, its fieldlab may read the need."""


def transition(action: Action, status: ReferralStatus) -> Transition:
    """Return what an action does in a state.

    Raises:
        Problem: ``already-answered`` when the fieldlab or the company answered before, ``conflict`` when the action
            does not fit for another reason, such as a withdrawn introduction.
    """
    row = TRANSITIONS[action]
    if status in row.sources:
        return row
    if (action in _WHEN_ANSWERED and status in _ANSWERED) or (
        action == "answer" and status in {"requested", "accepted"}
    ):
        raise Problem("already-answered")
    if action == "ask" and status == "question":
        raise Problem("already-answered", "A question was asked before; wait for the company's answer.")
    raise Problem("conflict", f"This introduction is {status}; that cannot be done now.")


def text_errors(text: str) -> list[FieldError]:
    """Return what is wrong with the length of a need, counted without the space around it."""
    length = len(text.strip())
    if length < TEXT_CHARACTERS_MIN:
        return [
            FieldError(
                "text",
                f"Tell a little more: at least {TEXT_CHARACTERS_MIN} characters. Name the machine, the product or the"
                " work it is about.",
                "too-short",
            )
        ]
    if length > TEXT_CHARACTERS_MAX:
        return [
            FieldError(
                "text",
                f"Shorten it to {TEXT_CHARACTERS_MAX} characters; it has {length}. The first lines matter most, details"
                " can follow when you talk.",
                "too-long",
            )
        ]
    return []


def due_on(now: datetime) -> date:
    """Return the day by which an answer is due: five working days after today in Amsterdam."""
    day = now.astimezone(AMSTERDAM).date()
    remaining = ANSWER_WORKING_DAYS
    while remaining:
        day += timedelta(days=1)
        remaining -= day.isoweekday() <= 5  # noqa: PLR2004  Friday is the fifth day
    return day


def outcome_effective_at(on: date, requested_at: datetime, now: datetime) -> datetime:
    """Return the instant from which an outcome holds: the start of its day, not before the introduction existed.

    Args:
        on: the day it happened in the world, which may be past.
        requested_at: when the introduction was requested.
        now: the present instant.

    Raises:
        Problem: ``invalid-input`` at ``on``: in the future, or before the day of the request.
    """
    if on > now.astimezone(AMSTERDAM).date():
        error = FieldError("on", "Give a day that has come.", "outcome-on-future")
    elif on < requested_at.astimezone(AMSTERDAM).date():
        error = FieldError("on", "Give the day of the request or a later one.", "outcome-on-before-request")
    else:
        return max(datetime.combine(on, time(), AMSTERDAM), requested_at)
    raise Problem("invalid-input", errors=[error])


JUDGEMENTS_MAX: Final = 10
"""Fieldlabs of one need that advisers have judged at the same time; beyond it the slate is not what is wrong."""


class Standing(msgspec.Struct, frozen=True):
    """Where a fieldlab stands when an adviser judges it: in the slate or not, and what was said of it before."""

    in_slate: bool
    judged: str | None


def judging_error(action: str, standing: Standing) -> FieldError | None:
    """Return why an adviser cannot say this of a fieldlab, None when it can be said."""
    if action == "add" and standing.in_slate:
        return FieldError("fieldlab", "It is in the slate already; pin it to put it on top.", "in-slate")
    if action in {"pin", "drop"} and not standing.in_slate and standing.judged is None:
        return FieldError("fieldlab", "It is not in the slate; add it first.", "not-in-slate")
    if action == "take_back" and standing.judged is None:
        return FieldError("fieldlab", "Nothing is said of this fieldlab that could be taken back.", "not-judged")
    return None


def judged(before: list[dict[str, str]], fieldlab: str, action: str, hub: str) -> list[dict[str, str]]:
    """Return what holds after a judgement: the newest of each fieldlab, by fieldlab; one taken back is gone."""
    others = [each for each in before if each["fieldlab"] != fieldlab]
    if action != "take_back":
        others.append({"fieldlab": fieldlab, "action": action, "hub": hub})
    return sorted(others, key=lambda each: each["fieldlab"])

"""The rules of an introduction, row by row."""

from datetime import UTC, date, datetime
from itertools import product
from typing import get_args

import pytest

from schakel_common.problems import Problem
from schakel_contracts.referrals import ReferralStatus
from schakel_contracts.topics import REFERRALS
from schakel_matching.masking import mask
from schakel_matching.model import TRANSITIONS, Action, due_on, outcome_effective_at, text_errors, transition

ALLOWED = {
    ("accept", "requested"): "accepted",
    ("accept", "question"): "accepted",
    ("decline", "requested"): "declined",
    ("decline", "question"): "declined",
    ("ask", "requested"): "question",
    ("answer", "question"): "requested",
    ("withdraw", "requested"): "withdrawn",
    ("withdraw", "question"): "withdrawn",
    ("record_outcome", "accepted"): "completed",
    ("record_outcome", "completed"): "completed",
}


@pytest.mark.parametrize(("action", "status"), list(product(get_args(Action), get_args(ReferralStatus))))
def test_every_action_in_every_state(action: Action, status: ReferralStatus) -> None:
    if (action, status) in ALLOWED:
        assert transition(action, status).target == ALLOWED[action, status]
    else:
        with pytest.raises(Problem) as refused:
            transition(action, status)
        assert refused.value.slug in {"already-answered", "conflict"}


def test_every_happening_is_one_of_the_topic() -> None:
    assert {row.happening for row in TRANSITIONS.values()} < set(REFERRALS.happenings)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-24T10:00:00", date(2026, 12, 1)),  # Tuesday to Tuesday
        ("2026-11-27T10:00:00", date(2026, 12, 4)),  # Friday to Friday
        ("2026-11-28T10:00:00", date(2026, 12, 4)),  # Saturday to Friday
        ("2026-11-23T23:30:00", date(2026, 12, 1)),  # half past midnight in Amsterdam is Tuesday
    ],
)
def test_an_answer_is_due_in_five_working_days(now: str, due: date) -> None:
    assert due_on(datetime.fromisoformat(now).replace(tzinfo=UTC)) == due


def test_an_outcome_never_holds_before_the_introduction_existed() -> None:
    requested = datetime(2026, 11, 24, 10, tzinfo=UTC)
    now = datetime(2026, 11, 26, 10, tzinfo=UTC)
    assert outcome_effective_at(date(2026, 11, 24), requested, now) == requested
    assert outcome_effective_at(date(2026, 11, 25), requested, now) == datetime(2026, 11, 24, 23, tzinfo=UTC)


@pytest.mark.parametrize(("length", "codes"), [(9, ["too-short"]), (10, []), (5000, []), (5001, ["too-long"])])
def test_a_text_has_ten_to_five_thousand_characters(length: int, codes: list[str]) -> None:
    assert [error.code for error in text_errors("x" * length)] == codes


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Mail j.de-vries+x@bedrijf.co.nl nu", "Mail [verborgen] nu"),
        ("Bel 06-12345678.", "Bel [verborgen]."),
        ("Bel 06 12 34 56 78", "Bel [verborgen]"),
        ("Bel +31 (0)15 212 34 56 even", "Bel [verborgen] even"),
        ("Bel (015) 212 34 56", "Bel [verborgen]"),
        ("KvK 12345678", "KvK [verborgen]"),
        ("Op 2026-11-24 of 24-11-2026", "Op 2026-11-24 of 24-11-2026"),
        ("Wij maken 18.000 stuks in 2.000 m2 sinds 1998", "Wij maken 18.000 stuks in 2.000 m2 sinds 1998"),
        ("Frees van 0,01 mm", "Frees van 0,01 mm"),
    ],
)
def test_what_identifies_is_masked_and_what_does_not_is_kept(text: str, masked: str) -> None:
    assert mask(text, "nl") == masked


def test_the_mask_is_of_the_language_of_the_text() -> None:
    assert mask("Call 06-12345678", "en") == "Call [hidden]"

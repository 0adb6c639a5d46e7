"""How rows look in a reply: camelCase, and per reader what that reader may see."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schakel_contracts.envelope import instant_text
from schakel_matching.engine.slate import Slate, Told
from schakel_matching.masking import mask
from schakel_matching.permissions import Role
from schakel_matching.tables import (
    CallBackRow,
    ChallengeRow,
    DraftRow,
    MessageRow,
    ReferralRow,
    slate_of,
    state_of_challenge,
    state_of_referral,
    told_of,
)

Json = dict[str, Any]


def slate_view(slate: Slate) -> Json:
    """Return a slate: the matches by rank, then, with rank 0 and ``ended``, those that have ended."""
    matches: list[Json] = msgspec.to_builtins([*slate.matches, *slate.ended])
    return {
        "matches": matches,
        "noFit": slate.no_fit,
        "concepts": [concept.key for concept in slate.concepts],
        "hub": slate.hub,
        "model": slate.model,
        "needs": msgspec.to_builtins(slate.needs),
        "endings": msgspec.to_builtins(slate.endings),
    }


def told_view(told: Told) -> Json:
    """Return what a company told beside its text, in the shape in which it sends it."""
    return {
        "needs": list(told.needs),
        "technologies": {"right": list(told.right), "wrong": list(told.wrong)},
        "serviceWanted": told.service,
        "trl": told.trl,
        "sizeClass": told.size,
    }


def draft_view(row: DraftRow, slate: Slate) -> Json:
    """Return a draft to who holds its secret."""
    return {
        "id": row.id,
        "text": row.text,
        "language": row.language,
        "postcode": row.postcode4,
        "sbi": row.sbi_division,
        "told": told_view(told_of(row)),
        "createdAt": instant_text(row.created_at),
        "challengeId": row.challenge_id,
        **slate_view(slate),
    }


def challenge_texts(row: ChallengeRow, found: frozenset[Role]) -> Json:
    """Return the private part of a challenge; a fieldlab reads the text masked, the reasons quote a masked text anyway.

    Args:
        row: not erased.
        found: what the reader is to it; at least one role that may read it.
    """
    text = row.text or ""
    slate = slate_of(row)
    shown = slate_view(slate) if slate else None
    open_text = bool(found & {"member", "home_hub", "routed_hub"})
    return {
        "text": text if open_text else mask(text, row.language),
        "matches": shown["matches"] if shown else [],
        "noFit": shown["noFit"] if shown else False,
        "needs": shown["needs"] if shown else [],
        "endings": shown["endings"] if shown else [],
        "told": told_view(told_of(row)),
    }


def challenge_view(row: ChallengeRow, found: frozenset[Role]) -> Json:
    """Return a whole challenge."""
    return {"version": row.version, **camel(state_of_challenge(row)), **challenge_texts(row, found)}


def messages_view(rows: Sequence[MessageRow]) -> list[Json]:
    """Return what was written, oldest first."""
    return [{"at": instant_text(row.at), "by": row.by, "text": row.text} for row in rows]


def referral_view(row: ReferralRow, messages: Sequence[MessageRow]) -> Json:
    """Return a whole introduction."""
    return {"version": row.version, **camel(state_of_referral(row)), "messages": messages_view(messages)}


def call_back_view(row: CallBackRow, need: str | None) -> Json:
    """Return somebody who wants to be called, to the desk that calls."""
    return {
        "id": row.id,
        "name": row.name,
        "phone": row.phone,
        "when": row.when,
        "postcode": row.postcode4,
        "askedAt": instant_text(row.created_at),
        "text": need,
    }


def camel(state: msgspec.Struct) -> Json:
    """Return a state of the contracts with its names in camelCase."""
    plain: Json = msgspec.to_builtins(state)
    return {_camel_name(name): value for name, value in plain.items()}


def _camel_name(name: str) -> str:
    """Return ``routed_hub`` as ``routedHub``."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)

"""Anonymous needs: typed without an account, kept 30 days, without events (docs/adr/0015)."""

import hmac
from base64 import urlsafe_b64encode
from typing import Literal
from uuid import uuid4

from pydantic import Field
from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.clock import Clock
from schakel_common.commands import Changed
from schakel_common.problems import FieldError
from schakel_matching.commands._announce import refuse
from schakel_matching.commands.telling import Tell, telling_errors, told_by
from schakel_matching.engine.places import place_of
from schakel_matching.model import DRAFT_KEPT, text_errors
from schakel_matching.queries import sha256_of
from schakel_matching.reference_data import ReferenceData
from schakel_matching.tables import CallBackRow, DraftRow, told_to_row


class CreateDraft(Tell):
    """A need in one's own words, and what helps to match it."""

    text: str
    language: Literal["nl", "en"]
    postcode: str | None = Field(default=None, max_length=20)
    sbi: str | None = Field(default=None, max_length=20)


def draft_secret(idempotency_key: str) -> str:
    """Return the secret of the draft that a command with this key makes.

    It is derived, so that a repeat gets the same secret while the database holds nothing it can be made from: the key
    is kept there as a hash only, and of an anonymous command it cannot be guessed.
    """
    return urlsafe_b64encode(hmac.digest(idempotency_key.encode(), b"schakel draft", "sha256")).rstrip(b"=").decode()


async def create_draft(
    session: AsyncSession, command: CreateDraft, secret: str, clock: Clock, reference: ReferenceData
) -> Changed:
    """Keep a need without knowing whose it is.

    Raises:
        Problem: ``invalid-input`` with the codes ``too-short``, ``too-long``, ``postcode-unknown``,
            ``sbi-unknown`` and those of `telling_errors`.
    """
    place = place_of(reference.places, command.postcode)
    refuse(
        [
            *text_errors(command.text),
            *postcode_errors(command.postcode, reference),
            *_sbi_errors(command.sbi, reference),
            *telling_errors(command, command.text, command.language, reference.vocabulary),
        ]
    )
    row = DraftRow(
        id=uuid4(),
        secret_sha256=sha256_of(secret),
        text=command.text,
        language=command.language,
        postcode4=place.postcode4 if place else None,
        sbi_division=_division_of(command.sbi),
        told=told_to_row(told_by(command, command.language)),
        created_at=clock.now(),
    )
    session.add(row)
    return Changed(body={"id": row.id}, status=201, location=f"/v1/drafts/{row.id}")


async def delete_old_drafts(session: AsyncSession, clock: Clock) -> int:
    """Delete drafts and call-backs after 30 days; return how many."""
    before = clock.now() - DRAFT_KEPT
    deleted = 0
    for table in (CallBackRow, DraftRow):
        rows = await session.exec(delete(table).where(col(table.created_at) < before))
        deleted += rows.rowcount
    return deleted


def postcode_errors(postcode: str | None, reference: ReferenceData) -> list[FieldError]:
    """Return what is wrong with a postcode that need not be given."""
    if not postcode or place_of(reference.places, postcode) is not None:
        return []
    message = (
        "This postcode is not in the Netherlands; write four digits, or four digits and two letters: 1234 AB. Is your"
        " company abroad? Leave it out; the network still answers."
    )
    return [FieldError("postcode", message, "postcode-unknown")]


def _sbi_errors(sbi: str | None, reference: ReferenceData) -> list[FieldError]:
    if not sbi or _division_of(sbi) in reference.sectors:
        return []
    return [FieldError("sbi", "Give an SBI 2008 code, such as 28 or 25.62, or leave it out.", "sbi-unknown")]


def _division_of(sbi: str | None) -> str | None:
    digits = (sbi or "").replace(".", "").strip()
    return digits[:2] if digits.isascii() and digits.isdigit() else None

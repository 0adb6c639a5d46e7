"""What a company tells beside its text, at first or as a correction: it overrules what the engine recognised."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_common.auth import Principal
from schakel_common.bodies import ApiModel
from schakel_common.clock import Clock
from schakel_common.commands import Changed, check_version
from schakel_common.problems import FieldError, Problem
from schakel_contracts.companies import SizeClass
from schakel_matching.commands._announce import announce_challenge, changed, refuse
from schakel_matching.engine.slate import Service, Told
from schakel_matching.engine.vocabulary import Vocabulary
from schakel_matching.masking import mask
from schakel_matching.permissions import demand
from schakel_matching.queries import challenge_roles, draft_of
from schakel_matching.recommender import Recommender
from schakel_matching.reference_data import ReferenceData
from schakel_matching.tables import ChallengeRow, slate_to_row, told_to_row

Keys = Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=20)]


class Technologies(ApiModel):
    """Keys of the technology vocabulary: which of them are asked, and which are not."""

    right: Keys = Field(default_factory=list)
    wrong: Keys = Field(default_factory=list)


class Tell(ApiModel):
    """Beside the text; every field may be left out. ``needs`` are pieces of the text, each one need."""

    needs: Annotated[list[Annotated[str, Field(max_length=5_000)]], Field(max_length=5)] = Field(default_factory=list)
    technologies: Technologies = Field(default_factory=Technologies)
    service_wanted: Service | None = None
    trl: Annotated[int, Field(ge=1, le=9)] | None = None
    size_class: SizeClass = "unknown"


def told_by(command: Tell, language: Literal["nl", "en"]) -> Told:
    """Return what was told, masked like the text; its errors are `telling_errors`."""
    return Told(
        needs=tuple(dict.fromkeys(mask(quote.strip(), language) for quote in command.needs)),
        right=tuple(dict.fromkeys(command.technologies.right)),
        wrong=tuple(dict.fromkeys(command.technologies.wrong)),
        service=command.service_wanted,
        trl=command.trl,
        size=command.size_class,
    )


def telling_errors(command: Tell, text: str, language: Literal["nl", "en"], vocabulary: Vocabulary) -> list[FieldError]:
    """Return what is wrong with what is told beside a text.

    Returns:
        Errors with the codes ``need-not-in-text``, ``technology-unknown`` and ``technology-right-and-wrong``.
    """
    errors = []
    for i, quote in enumerate(told_by(command, language).needs):
        if not quote or quote not in mask(text, language):
            message = "Copy a piece of the text exactly: a need is shown in the company's own words."
            errors.append(FieldError(f"needs.{i}", message, "need-not-in-text"))
    chosen = command.technologies
    for name, keys in (("right", chosen.right), ("wrong", chosen.wrong)):
        for i, key in enumerate(keys):
            if key not in vocabulary.technologies:
                message = "This technology is not in the vocabulary; choose a key of the list of technologies."
                errors.append(FieldError(f"technologies.{name}.{i}", message, "technology-unknown"))
    for key in sorted(set(chosen.right) & set(chosen.wrong)):
        message = f"Say of {key} that it is right or that it is wrong, not both."
        errors.append(FieldError("technologies", message, "technology-right-and-wrong"))
    return errors


async def correct_draft(
    session: AsyncSession, command: Tell, draft_id: UUID, secret: str, reference: ReferenceData
) -> Changed:
    """Replace what was told beside an anonymous need; its matches are of the moment that it is read.

    Raises:
        Problem: ``not-found``, the same for an unknown draft and a wrong secret; ``invalid-input`` with the codes of
            `telling_errors`.
    """
    row = await draft_of(session, draft_id, secret, lock=True)
    refuse(telling_errors(command, row.text, row.language, reference.vocabulary))
    row.told = told_to_row(told_by(command, row.language))
    session.add(row)
    return Changed(body={"id": row.id})


async def correct_challenge(  # noqa: PLR0917  what a command is given, and what it is about
    session: AsyncSession,
    principal: Principal,
    challenge_id: UUID,
    command: Tell,
    clock: Clock,
    recommender: Recommender,
    *,
    if_version: int | None = None,
) -> Changed:
    """Replace what was told beside a company's need, and match it again.

    Raises:
        Problem: ``not-found``, ``forbidden``, ``stale-version``, ``conflict`` when it is not open; ``invalid-input``
            with the codes of `telling_errors`.
    """
    row = await session.get(ChallengeRow, challenge_id, with_for_update=True)
    if row is None:
        raise Problem("not-found")
    demand("correct_challenge", await challenge_roles(session, principal, row))
    if if_version is not None:
        check_version(if_version, row.version)
    if row.status != "open":
        raise Problem("conflict", f"This need is {row.status}.")
    text = row.text or ""
    refuse(telling_errors(command, text, row.language, recommender.reference.vocabulary))
    told, now = told_by(command, row.language), clock.now()
    slate = await recommender.slate(
        session,
        text=text,
        language=row.language,
        postcode4=row.postcode4,
        sbi_division=row.sbi_division,
        now=now,
        told=told,
    )
    row.told, row.slate, row.news = told_to_row(told), slate_to_row(slate), None
    return changed(row, [await announce_challenge(session, row, "rematched", now)])

"""From this service's present copy of the register to a slate: keeps the catalogue until a fieldlab changes."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from schakel_common import replica
from schakel_contracts.topics import FIELDLABS
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.encoders import TextEncoder
from schakel_matching.engine.ranges import CURRENT, Model
from schakel_matching.engine.rank import rank, standing
from schakel_matching.engine.slate import NOTHING_TOLD, Match, Need, Slate, Told
from schakel_matching.engine.why import Order
from schakel_matching.masking import mask
from schakel_matching.model import AMSTERDAM
from schakel_matching.reference_data import ReferenceData, catalogue_of
from schakel_matching.tables import ChallengeRow, DraftRow, Language, told_of

_VERSIONS: Final = text(
    "SELECT coalesce(string_agg(concat_ws('.', id, epoch, version), ' ' ORDER BY id), '') FROM replica"
    " WHERE kind = 'fieldlab'"
)


def need_of(row: DraftRow | ChallengeRow) -> Need:
    """Return what is asked, masked, because explanations quote it."""
    return Need(mask(row.text or "", row.language), row.language, row.postcode4, row.sbi_division, told_of(row))


class Recommender:
    """Makes slates. Of one process; its catalogue is of the versions that the caller's transaction sees."""

    def __init__(
        self, reference: ReferenceData, encoders: tuple[TextEncoder, TextEncoder] | None = None, model: Model = CURRENT
    ) -> None:
        self.reference = reference
        self._encoders = encoders
        self.model = model
        self._versions: str | None = None
        self._catalogue = catalogue_of([], reference, None)
        self._building: tuple[str, asyncio.Task[Catalogue]] | None = None
        self._answering: dict[UUID, tuple[int, date, tuple[Match, ...]]] = {}

    async def slate(
        self,
        session: AsyncSession,
        *,
        text: str,
        language: Language,
        postcode4: str | None,
        sbi_division: str | None,
        now: datetime,
        told: Told = NOTHING_TOLD,
    ) -> Slate:
        """Return the fieldlabs that fit a need; it is masked first, because the reasons quote it."""
        need = Need(mask(text, language), language, postcode4, sbi_division, told)
        catalogue = await self._current(session)
        return await asyncio.to_thread(rank, catalogue, need, now.astimezone(AMSTERDAM).date(), model=self.model)

    async def catalogue(self, session: AsyncSession) -> Catalogue:
        """Return the catalogue of the fieldlabs that the caller's transaction sees."""
        return await self._current(session)

    async def answering(
        self, session: AsyncSession, rows: Sequence[ChallengeRow], now: datetime
    ) -> dict[UUID, tuple[Match, ...]]:
        """Return per need every fieldlab that answers it, with its place in the whole order: also below the slate.

        What was computed is kept until the need, the register or the day changes.
        """
        catalogue, today = await self._current(session), now.astimezone(AMSTERDAM).date()
        kept = {row.id: self._answering.get(row.id) for row in rows}
        known = {key: value for key, value in kept.items() if value is not None}
        new = [row for row in rows if row.id not in known or known[row.id][:2] != (row.version, today)]

        def ranked() -> dict[UUID, tuple[int, date, tuple[Match, ...]]]:
            return {
                row.id: (
                    row.version,
                    today,
                    Order(standing(catalogue, need_of(row), today, model=self.model)).answering(),
                )
                for row in new
            }

        known |= await asyncio.to_thread(ranked)
        if catalogue is self._catalogue:
            self._answering = known
        return {key: matches for key, (_, _, matches) in known.items()}

    @property
    def is_warm(self) -> bool:
        """Whether there is a catalogue to begin with; until then the first need would wait for it."""
        return self._versions is not None

    async def _current(self, session: AsyncSession) -> Catalogue:
        versions = (await session.execute(_VERSIONS)).scalar_one()
        if versions == self._versions:
            return self._catalogue
        if (building := self._built_of(versions)) is None:
            states = await replica.find(session, FIELDLABS)
            if (building := self._built_of(versions)) is None:  # nobody else began while we read
                work = asyncio.to_thread(catalogue_of, states, self.reference, self._encoders, self.model)
                building = asyncio.create_task(work)
                self._building = versions, building
        # Shielded: a request that is given up must not throw away what the next one waits for.
        catalogue = await asyncio.shield(building)
        if versions != self._versions:
            self._versions, self._catalogue, self._answering = versions, catalogue, {}
        return catalogue

    def _built_of(self, versions: str) -> asyncio.Task[Catalogue] | None:
        """Return the work on a catalogue of these versions, done or not; None when nobody began, or it failed."""
        if self._building is None or self._building[0] != versions:
            return None
        task = self._building[1]
        return None if task.done() and (task.cancelled() or task.exception()) else task

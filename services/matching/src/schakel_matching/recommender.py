"""From this service's present copy of the register to a slate: keeps the catalogue until a fieldlab changes."""

import asyncio
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from schakel_common import replica
from schakel_contracts.topics import FIELDLABS
from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.encoders import TextEncoder
from schakel_matching.engine.ranges import CURRENT, Model
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import NOTHING_TOLD, Need, Slate, Told
from schakel_matching.masking import mask
from schakel_matching.model import AMSTERDAM
from schakel_matching.reference_data import ReferenceData, catalogue_of
from schakel_matching.tables import Language

_VERSIONS: Final = text(
    "SELECT coalesce(string_agg(concat_ws('.', id, epoch, version), ' ' ORDER BY id), '') FROM replica"
    " WHERE kind = 'fieldlab'"
)


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

    async def _current(self, session: AsyncSession) -> Catalogue:
        versions = (await session.execute(_VERSIONS)).scalar_one()
        if versions == self._versions:
            return self._catalogue
        states = await replica.find(session, FIELDLABS)
        reference = self.reference
        catalogue = await asyncio.to_thread(catalogue_of, states, reference, self._encoders, self.model)
        self._versions, self._catalogue = versions, catalogue
        return catalogue

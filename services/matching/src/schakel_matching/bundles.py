"""Similar needs of several companies, proposed to their hub as one session; only needs that are shared.

Two needs are similar when they share a technology and mean something close, or share two technologies. Closeness alone
says too little: it is asked beside one shared technology, never alone (docs/matching.md).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
from sqlalchemy import or_
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from schakel_matching.engine.encoders import Floats, TextEncoder
from schakel_matching.engine.space import CENTRED
from schakel_matching.masking import mask
from schakel_matching.opportunities import shared_needs
from schakel_matching.tables import ChallengeRow, slate_of

COMPANIES_MIN: Final = 3
NEAR: Final = 0.30
"""Cosine of the centred sentence vectors, chosen on labelled pairs: `evaluation/choose_nearness.py`."""
NEEDS_MAX: Final = 60
"""The newest: each that was not encoded since this process began costs two encodings."""

Json = dict[str, Any]
Encoders = tuple[TextEncoder, TextEncoder]


class SharedNeed(msgspec.Struct, frozen=True):
    """What of a need is compared: its masked text, and the company's words for each technology."""

    id: UUID
    company_id: UUID
    language: str
    text: str
    concepts: Mapping[str, tuple[str, ...]]


class Bundle(msgspec.Struct, frozen=True):
    """Needs that one session could serve: the technologies that all of them share, and their companies' words."""

    concepts: tuple[str, ...]
    words: tuple[str, ...]
    companies: int
    needs: tuple[SharedNeed, ...]


async def shared_needs_of_hub(session: AsyncSession, hub: str) -> list[SharedNeed]:
    """Return the open, shared needs of a hub's own companies, newest first."""
    own = or_(col(ChallengeRow.home_hub) == hub, col(ChallengeRow.routed_hub) == hub)
    return [_need(row) for row in await shared_needs(session, own, NEEDS_MAX)]


def closeness_of(needs: Sequence[SharedNeed], encoders: Encoders) -> Floats:
    """Return how close each need is to each other by meaning, whatever its language: the fused cosines."""
    found = np.zeros((len(needs), len(needs)), dtype=np.float32)
    for encoder in encoders:
        short = encoder.name.split("-")[0]
        rows = [CENTRED.vectors(short, "query", n.language, encoder.encode([n.text], "query"))[0] for n in needs]
        if rows:
            found += CENTRED.weights[short] * (np.array(rows) @ np.array(rows).T)
    return found


def bundles(needs: Sequence[SharedNeed], closeness: Floats | None) -> list[Bundle]:
    """Return groups of similar needs of at least three companies, largest first; a need is in one group at most.

    Args:
        needs: of one hub.
        closeness: between each two of them; None compares by technologies only.
    """
    left = list(range(len(needs)))
    found: list[Bundle] = []
    while True:
        groups = [group for centre in left for group in _around(centre, left, needs, closeness)]
        best = max(groups, key=lambda group: (_companies(needs[i] for i in group), -group[0]), default=[])
        if _companies(needs[i] for i in best) < COMPANIES_MIN:
            return found
        found.append(_bundle([needs[i] for i in sorted(best)]))
        left = [i for i in left if i not in best]


def bundle_view(bundle: Bundle) -> Json:
    """Return a bundle to the hub of its companies."""
    return {
        "concepts": bundle.concepts,
        "words": bundle.words,
        "companies": bundle.companies,
        "needs": [{"challengeId": need.id, "text": need.text} for need in bundle.needs],
    }


def _around(
    centre: int, left: Sequence[int], needs: Sequence[SharedNeed], closeness: Floats | None
) -> Iterable[list[int]]:
    """Return the groups of what is similar to one need, per technology of it that all in the group share."""
    similar = [i for i in left if i == centre or _similar(centre, i, needs, closeness)]
    for key in needs[centre].concepts:
        yield [centre, *(i for i in similar if i != centre and key in needs[i].concepts)]


def _similar(i: int, j: int, needs: Sequence[SharedNeed], closeness: Floats | None) -> bool:
    shared = len(needs[i].concepts.keys() & needs[j].concepts.keys())
    return shared >= 2 or (shared == 1 and closeness is not None and closeness[i, j] >= NEAR)  # noqa: PLR2004  two of them


def _bundle(members: Sequence[SharedNeed]) -> Bundle:
    keys = set(members[0].concepts)
    for need in members[1:]:
        keys &= need.concepts.keys()
    said = Counter(word.lower() for need in members for key in keys for word in need.concepts[key])
    return Bundle(
        concepts=tuple(sorted(keys)),
        words=tuple(word for word, _ in sorted(said.items(), key=lambda each: (-each[1], each[0]))),
        companies=_companies(members),
        needs=tuple(members),
    )


def _companies(needs: Iterable[SharedNeed]) -> int:
    return len({need.company_id for need in needs})


def _need(row: ChallengeRow) -> SharedNeed:
    slate = slate_of(row)
    return SharedNeed(
        id=row.id,
        company_id=row.company_id,
        language=row.language,
        text=mask(row.text or "", row.language),
        concepts={concept.key: concept.words for concept in slate.concepts} if slate else {},
    )

"""A figure from a letter or a monitor: a fact of its own kind, shown beside computed figures, never added to them."""

from typing import Literal
from uuid import UUID

import msgspec


class FigureState(msgspec.Struct, frozen=True):
    """A published figure with its source.

    Attributes:
        subject: ``national``, the slug of a hub or of a fieldlab, as ``level`` says.
        as_of: the day, month or year the figure is about, in the precision of its source.
        qualifier: ``exact``, ``about``, ``at_least`` or ``target``.
    """

    id: UUID
    key: str
    level: Literal["national", "hub", "fieldlab"]
    subject: str
    label_nl: str
    label_en: str
    value: float
    unit: str
    qualifier: str
    kind: str
    source: str
    as_of: str | None = None
    published: str | None = None
    verification: str = "unverified"
    note: str | None = None

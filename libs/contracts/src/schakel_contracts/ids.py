"""Identifiers that two services must derive alike."""

from typing import Final
from uuid import UUID, uuid5

REGISTER_NAMESPACE: Final = UUID("5f3c0f7e-6f0a-5d0b-9a52-3d9a6f1c7e11")


def register_id(kind: str, slug: str) -> UUID:
    """Return the id of a record of the register: the uuid5 of its kind and its slug, the same in every installation.

    Args:
        kind: the aggregate kind in the singular, such as ``fieldlab``.
        slug: the record's slug; fixed at creation and never reused.
    """
    return uuid5(REGISTER_NAMESPACE, f"{kind}:{slug}")

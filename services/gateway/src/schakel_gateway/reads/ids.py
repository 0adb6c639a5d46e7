"""Ids as clients send them."""

from uuid import UUID


def id_or_none(text: str) -> UUID | None:
    """Return the id, or None for what no object can have as its id: it is then answered as one that does not exist."""
    try:
        return UUID(text)
    except ValueError:
        return None


async def nothing() -> None:
    """Answer null without asking the view."""

"""When a company is told that its slate changed by itself: only when it matters (docs/adr/0036)."""

from collections.abc import Set as AbstractSet

from schakel_contracts.challenges import ChallengeNews, FieldlabNews
from schakel_matching.engine.slate import Slate
from schakel_matching.engine.why import TOP


def news_of(before: Slate | None, after: Slate, ended: AbstractSet[str], on: str) -> ChallengeNews | None:
    """Return what a company should hear of a new slate, or None.

    It hears which fieldlabs came among its first three and which left them, whatever their order, and which of those
    that it was shown have ended. Other places, scores and reasons may change unheard.

    Args:
        before: the slate that it was shown; None when there was none.
        after: the one that takes its place.
        ended: slugs of the fieldlabs that have ended.
        on: today (YYYY-MM-DD).
    """
    if before is None:
        return None
    was, now = [[match.slug for match in slate.matches[:TOP]] for slate in (before, after)]
    found = [
        *(FieldlabNews(slug, "ended") for slug in (match.slug for match in before.matches) if slug in ended),
        *(FieldlabNews(slug, "entered") for slug in now if slug not in was),
        *(FieldlabNews(slug, "left") for slug in was if slug not in now and slug not in ended),
    ]
    return ChallengeNews(on, found) if found else None

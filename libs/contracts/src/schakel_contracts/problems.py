"""The problem types that a command may answer with: one table for every service, the gateway and the pages.

A type's slug is for ever; its URI is ``https://schakel.smartindustry.nl/problems/<slug>`` (RFC 9457).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec


class ProblemType(msgspec.Struct, frozen=True):
    """What can go wrong, and what the reader should do about it, in both languages."""

    slug: str
    status: int
    title_en: str
    title_nl: str

    @property
    def uri(self) -> str:
        """The ``type`` of the problem document."""
        return f"https://schakel.smartindustry.nl/problems/{self.slug}"


PROBLEMS: Final[Mapping[str, ProblemType]] = MappingProxyType(
    {
        slug: ProblemType(slug=slug, status=status, title_en=title_en, title_nl=title_nl)
        for slug, status, title_en, title_nl in (
            (
                "invalid-input",
                400,
                "Some fields are not right; see the errors.",
                "Enkele velden kloppen niet; zie de meldingen.",
            ),
            (
                "idempotency-key-missing",
                400,
                "Send an Idempotency-Key with this command.",
                "Stuur een Idempotency-Key mee.",
            ),
            ("not-signed-in", 401, "Sign in first.", "Log eerst in."),
            (
                "token-refused",
                401,
                "The access token is not valid here; sign in again.",
                "De aanmelding is niet geldig; log opnieuw in.",
            ),
            ("forbidden", 403, "You may not do this.", "U mag dit niet doen."),
            ("not-found", 404, "There is no such thing here.", "Dit bestaat hier niet."),
            ("method-not-allowed", 405, "This address does not know that method.", "Dit adres kent deze methode niet."),
            (
                "not-acceptable",
                406,
                "Only application/json can be sent back.",
                "Alleen application/json kan worden teruggestuurd.",
            ),
            ("conflict", 409, "It does not fit the present state.", "Dit past niet bij de huidige stand."),
            (
                "idempotency-key-reused",
                409,
                "This Idempotency-Key came with another request.",
                "Deze Idempotency-Key hoort bij een ander verzoek.",
            ),
            (
                "not-yet-known",
                409,
                "This service has not seen that yet; try again shortly.",
                "Dit is hier nog niet bekend; probeer het zo weer.",
            ),
            (
                "company-already-registered",
                409,
                "This company is known; ask to join it.",
                "Dit bedrijf is al bekend; vraag of u mee mag doen.",
            ),
            (
                "slug-taken",
                409,
                "This slug is or was in use; choose another.",
                "Deze naam is of was in gebruik; kies een andere.",
            ),
            ("already-asked", 409, "This introduction was asked before.", "Deze kennismaking is al aangevraagd."),
            ("already-answered", 409, "This was answered before.", "Hierop is al geantwoord."),
            ("already-registered", 409, "You are registered already.", "U bent al aangemeld."),
            ("activity-closed", 409, "Registration for this activity is closed.", "Aanmelden kan niet meer."),
            (
                "fieldlab-ended",
                409,
                "This fieldlab has ended; see its successor.",
                "Dit fieldlab is gestopt; zie de opvolger.",
            ),
            (
                "stale-version",
                412,
                "Somebody changed this meanwhile; look again.",
                "Iemand heeft dit intussen gewijzigd; kijk opnieuw.",
            ),
            ("unsupported-media-type", 415, "Send application/json.", "Stuur application/json."),
            ("too-large", 413, "The request is too large.", "Het verzoek is te groot."),
            (
                "precondition-required",
                428,
                "Send If-Match with the version you saw.",
                "Stuur If-Match mee met de versie die u zag.",
            ),
            ("too-many-requests", 429, "Too many requests; wait a moment.", "Te veel verzoeken; wacht even."),
            (
                "internal-error",
                500,
                "Something went wrong with us; quote the trace id.",
                "Er ging bij ons iets mis; noem het nummer.",
            ),
            (
                "read-only",
                503,
                "Nothing can be changed for a while; reading works. Try again later.",
                "Er kan even niets worden gewijzigd; lezen kan wel. Probeer het later opnieuw.",
            ),
            (
                "unavailable",
                503,
                "This part is not available just now; try again.",
                "Dit deel is nu niet bereikbaar; probeer het zo weer.",
            ),
        )
    }
)

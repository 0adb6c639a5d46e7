"""The sentences that explain the parts of facts, in plain Dutch and English (B1)."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from schakel_contracts.companies import SizeClass
from schakel_contracts.fieldlabs import Capacity, FieldlabStatus
from schakel_matching.engine.sentences import Said
from schakel_matching.engine.slate import Service, Unknown

_MONTHS_NL: Final = "januari,februari,maart,april,mei,juni,juli,augustus,september,oktober,november,december"
_MONTHS_EN: Final = "January,February,March,April,May,June,July,August,September,October,November,December"

UNKNOWN: Final[Mapping[Unknown, Said]] = {
    "company_sector": ("We weten nog niet in welke sector u werkt.", "We do not know yet in which sector you work."),
    "fieldlab_sector": ("Dit fieldlab noemt geen sectoren.", "This fieldlab names no sectors."),
    "company_transformation": (
        "We weten nog niet welke verandering u zoekt.",
        "We do not know yet which change you look for.",
    ),
    "fieldlab_transformation": (
        "Dit fieldlab noemt niet aan welke verandering het werkt.",
        "This fieldlab does not name the change it works on.",
    ),
    "company_service": ("We weten nog niet welke hulp u wilt.", "We do not know yet which help you want."),
    "fieldlab_service": ("Dit fieldlab noemt geen diensten.", "This fieldlab names no services."),
    "company_trl": ("We weten nog niet hoe ver uw idee is.", "We do not know yet how far your idea is."),
    "fieldlab_trl": (
        "Dit fieldlab noemt niet hoe ver een idee moet zijn.",
        "This fieldlab does not name how far an idea must be.",
    ),
    "company_size": ("We weten nog niet hoe groot uw bedrijf is.", "We do not know yet how large your company is."),
    "fieldlab_size": (
        "Dit fieldlab noemt niet voor hoe grote bedrijven het werkt.",
        "This fieldlab does not name for which size of company it works.",
    ),
    "fieldlab_language": ("We weten niet welke talen u er kunt spreken.", "We do not know which languages it speaks."),
    "company_place": ("We weten nog niet waar u zit.", "We do not know yet where you are."),
    "fieldlab_place": ("Dit fieldlab heeft niet één vaste plaats.", "This fieldlab has no single place."),
}
_TRANSFORMATIONS: Final[Mapping[str, Said]] = {
    "digital_factory": ("een digitale fabriek", "a digital factory"),
    "flexible_manufacturing": ("flexibel produceren", "flexible manufacturing"),
    "advanced_manufacturing": ("slim produceren", "advanced manufacturing"),
    "connected_factories": ("bedrijven die gegevens delen", "connected factories"),
    "smart_products": ("slimme producten", "smart products"),
    "servitization": ("een dienst bij het product", "a service with the product"),
    "sustainable_factory": ("een duurzame fabriek", "a sustainable factory"),
    "smart_working": ("slim en prettig werken", "smart working"),
}
TRANSFORMATIONS: Final = frozenset(_TRANSFORMATIONS)
"""The keys that have words."""
_SERVICES: Final[Mapping[Service, Said]] = {
    "consultancy": ("advies krijgen", "get advice"),
    "demonstration": ("techniek zien werken", "see the technique at work"),
    "networking": ("anderen ontmoeten", "meet others"),
    "piloting": ("een proefproject doen", "do a pilot"),
    "prototyping": ("een proefmodel maken", "make a prototype"),
    "shared_facility": ("machines of een ruimte samen gebruiken", "share machines or a room"),
    "test_before_invest": ("testen voor u koopt", "test before you buy"),
    "training": ("leren", "learn"),
}
_SIZES: Final[Mapping[SizeClass, Said]] = {
    "micro": ("1 tot 9 mensen", "1 to 9 people"),
    "small": ("10 tot 49 mensen", "10 to 49 people"),
    "medium": ("50 tot 249 mensen", "50 to 249 people"),
    "large": ("250 mensen of meer", "250 people or more"),
}


def sector(name: tuple[str, str], *, shared: bool) -> Said:
    """Say whether the fieldlab names the company's sector (Dutch and English name)."""
    if shared:
        return f"Dit fieldlab werkt voor uw sector: {name[0]}.", f"This fieldlab works for your sector: {name[1]}."
    return f"Dit fieldlab noemt uw sector niet: {name[0]}.", f"This fieldlab does not name your sector: {name[1]}."


def distance(km: float, place: str | None) -> Said:
    """Say how far it is, in whole kilometres as the crow flies."""
    far = max(1, round(km))
    where = f" ({place})" if place else ""
    return f"Ongeveer {far} km bij u vandaan{where}.", f"About {far} km from you{where}."


def transformation(keys: Sequence[str], *, shared: bool) -> Said:
    """Say whether the fieldlab works on the change that is asked (keys of the register)."""
    nl, en = (
        " en ".join(_TRANSFORMATIONS[key][0] for key in keys),
        " and ".join(_TRANSFORMATIONS[key][1] for key in keys),
    )
    if shared:
        return f"Dit fieldlab werkt aan wat u zoekt: {nl}.", f"This fieldlab works on what you look for: {en}."
    return (
        f"Uw vraag gaat over: {nl}. Dat noemt dit fieldlab niet.",
        f"Your need is about {en}. This fieldlab does not name it.",
    )


def service(wanted: Service, span: str | None, *, shared: bool) -> Said:
    """Say whether the fieldlab does what the company wants; ``span`` are its own words for it, if it was read."""
    nl, en = _SERVICES[wanted]
    wish_nl = f"U schrijft “{span}”: {nl}." if span else f"U wilt {nl}."
    wish_en = f"You write “{span}”: {en}." if span else f"You want to {en}."
    if shared:
        return f"{wish_nl} Dat kan hier.", f"{wish_en} That is possible here."
    return f"{wish_nl} Dat noemt dit fieldlab niet.", f"{wish_en} This fieldlab does not name that."


def trl(level: int, low: int, high: int) -> Said:
    """Say whether a technology readiness level (1 to 9) lies between two others."""
    nl, en = f"Hoe ver uw idee is: stap {level} van 9.", f"How far your idea is: level {level} of 9."
    if low <= level <= high:
        return (
            f"{nl} Dit fieldlab helpt van stap {low} tot {high}.",
            f"{en} This fieldlab helps from level {low} to {high}.",
        )
    return (
        f"{nl} Dit fieldlab helpt alleen van stap {low} tot {high}.",
        f"{en} This fieldlab only helps from level {low} to {high}.",
    )


def size(company: SizeClass, *, shared: bool) -> Said:
    """Say whether the fieldlab works for companies of this size."""
    nl, en = _SIZES[company]
    if shared:
        return f"Dit fieldlab werkt voor bedrijven met {nl}.", f"This fieldlab works for companies of {en}."
    return f"Dit fieldlab noemt bedrijven met {nl} niet.", f"This fieldlab does not name companies of {en}."


def language(spoken: Literal["nl", "en"], *, shared: bool) -> Said:
    """Say whether the fieldlab speaks the company's language."""
    nl, en = {"nl": ("Nederlands", "Dutch"), "en": ("Engels", "English")}[spoken]
    if shared:
        return f"U kunt er {nl} spreken.", f"You can speak {en} there."
    return f"Dit fieldlab noemt {nl} niet als taal.", f"This fieldlab does not name {en} as a language."


_STATUS: Final[dict[FieldlabStatus, Said]] = {
    "active": ("Dit fieldlab is open.", "This fieldlab is open."),
    "unknown": (
        "We weten niet zeker of dit fieldlab nu open is. De hub kan het voor u navragen.",
        "We are not sure that this fieldlab is open now. The hub can ask for you.",
    ),
    "candidate": ("Dit fieldlab is nog in opbouw.", "This fieldlab is still being set up."),
    "paused": ("Dit fieldlab staat nu stil.", "This fieldlab is paused now."),
    "ended": ("Dit fieldlab is gestopt.", "This fieldlab has ended."),
}
_CAPACITY: Final[dict[Capacity, Said]] = {
    "free": ("Er is plaats.", "It has room."),
    "limited": ("Er is weinig plaats.", "It has little room."),
    "full": ("Het zit vol, daarom staat het lager.", "It is full, so it stands lower."),
    "unknown": ("We weten niet of er plaats is.", "We do not know whether it has room."),
}


def status(now: FieldlabStatus) -> Said:
    """Say whether it works."""
    return _STATUS[now]


def capacity(room: Capacity) -> Said:
    """Say whether it has room."""
    return _CAPACITY[room]


def confirmed(on: str) -> Said:
    """Say when the record was last confirmed (YYYY-MM-DD)."""
    return (
        f"De gegevens zijn bevestigd op {_day(on, _MONTHS_NL)}.",
        f"The record was confirmed on {_day(on, _MONTHS_EN)}.",
    )


def not_confirmed(seen: str | None) -> Said:
    """Say that nobody confirmed the record, and when the fieldlab was last seen."""
    nl, en = "Niemand heeft deze gegevens nog bevestigd", "Nobody has confirmed this record yet"
    if not seen:
        return f"{nl}.", f"{en}."
    return (
        f"{nl}. Wat we weten is van {_day(seen, _MONTHS_NL)}.",
        f"{en}. What we know is from {_day(seen, _MONTHS_EN)}.",
    )


def _day(on: str, months: str) -> str:
    """Write a date of YYYY, YYYY-MM or YYYY-MM-DD in words, no more precise than it is."""
    year, *rest = on.split("-")
    words = [str(int(rest[1]))] if len(rest) > 1 else []
    if rest:
        words.append(months.split(",")[int(rest[0]) - 1])
    return " ".join([*words, year])

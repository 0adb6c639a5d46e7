"""The catalogue: every fieldlab of the register, indexed once by its words and its technologies."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schakel_contracts.fieldlabs import FieldlabState
from schakel_matching.engine.columns import columns_of
from schakel_matching.engine.elsewhere import Destination
from schakel_matching.engine.encoders import TextEncoder
from schakel_matching.engine.meaning import LabTexts, Meaning
from schakel_matching.engine.places import Place, Places
from schakel_matching.engine.space import KINDRED, LANGUAGES, Space
from schakel_matching.engine.vocabulary import Vocabulary
from schakel_matching.engine.words import content_of, grams_of, tokens_of

_SATURATION: Final = 0.9
"""BM25's k1: a second mention adds less than the first; low, because descriptions are short."""
_LENGTH: Final = 0.4
"""BM25's b: how much a long description is discounted; low, because short ones are short for want of sources."""
_LIKENESS_MIN: Final = 0.5
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")


Posting = tuple[NDArray[np.int64], NDArray[np.float64]]
"""The fieldlabs that use a unit, and how full each answers it."""
_NOWHERE: Final[Posting] = (np.empty(0, dtype=np.int64), np.empty(0))


class Lab:
    """A fieldlab with what the engine compares; built once per catalogue."""

    def __init__(self, state: FieldlabState, places: Places) -> None:
        self.state = state
        self.point = _point(state, places)
        self.sentences: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = {
            "nl": _sentences(state.description_nl, state.facilities),
            "en": _sentences(state.description_en, state.facilities),
        }

    @property
    def text(self) -> str:
        """All its own words: name, both descriptions, facilities."""
        state = self.state
        return "\n".join((state.name, state.description_nl, state.description_en, *state.facilities))


class Index:
    """An inverted index with BM25's saturation; ``weigh`` gives 0..1 per fieldlab and unit."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        counts = [Counter(document) for document in documents]
        mean = sum(len(document) for document in documents) / max(1, len(documents)) or 1.0
        self.size = len(documents)
        found: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for i, count in enumerate(counts):
            bend = _SATURATION * (1 - _LENGTH + _LENGTH * len(documents[i]) / mean)
            for unit, times in count.items():
                labs, saturations = found[unit]
                labs.append(i)
                saturations.append(times * (1 + _SATURATION) / (times + bend))
        self.postings: Mapping[str, Posting] = {
            unit: (np.array(labs, dtype=np.int64), np.array(saturations)) for unit, (labs, saturations) in found.items()
        }
        self.rarest = log(1 + (self.size + 0.5) / 0.5)
        seen = {unit: len(labs) for unit, (labs, _) in self.postings.items()}
        self._rarity = {unit: log(1 + (self.size - many + 0.5) / (many + 0.5)) for unit, many in seen.items()}
        self._with_gram: dict[str, list[str]] = defaultdict(list)
        for unit in self.postings:
            for gram in grams_of(unit):
                self._with_gram[gram].append(unit)

    def rarity(self, unit: str) -> float:
        """Return the inverse document frequency; of a unit that no fieldlab uses, that of the rarest."""
        return self._rarity.get(unit, self.rarest)

    def using(self, unit: str) -> Posting:
        """Return which fieldlabs use a unit, in their order, and the saturation of each."""
        return self.postings.get(unit, _NOWHERE)

    def near(self, stem: str) -> list[tuple[str, float]]:
        """Return other words of the catalogue that share most 4-grams with a word, with a likeness of 0.5 to 1.

        This is how the parts of a Dutch compound meet: "lasrobot" and "robot", "onderhoudsplanning" and "onderhoud".
        """
        mine = grams_of(stem)
        shared = Counter(unit for gram in mine for unit in self._with_gram.get(gram, ()) if unit != stem)
        found = []
        for unit, count in shared.items():
            small, large = sorted((len(mine), len(grams_of(unit))))
            likeness = count / small * sqrt(small / large)
            if likeness >= _LIKENESS_MIN:
                found.append((unit, likeness))
        return sorted(found)


class Catalogue:
    """All published fieldlabs, in order of slug, with their indexes. Immutable after construction.

    Args:
        states: as in this service's copy; unpublished ones are left out here, before anything is compared.
        vocabulary: the technologies.
        places: postcode centres, for fieldlabs without a coordinate.
        sectors: SBI division to its Dutch and English name.
        encoders: for comparing by meaning; None compares by words and technologies only.
        destinations: programmes, trainings and hubs, for needs that they serve better.
        space: where texts are compared by meaning.
    """

    def __init__(  # noqa: PLR0917  the tables that a catalogue is made of
        self,
        states: Sequence[FieldlabState],
        vocabulary: Vocabulary,
        places: Places,
        sectors: Mapping[str, tuple[str, str]],
        encoders: tuple[TextEncoder, TextEncoder] | None = None,
        destinations: Sequence[Destination] = (),
        space: Space = KINDRED,
    ) -> None:
        self.destinations = tuple(destinations)
        self.vocabulary = vocabulary
        self.places = places
        self.sectors = sectors
        self.labs = tuple(Lab(s, places) for s in sorted(states, key=lambda s: s.slug) if s.published)
        documents = [content_of(tokens_of(lab.text)) for lab in self.labs]
        self.stems = tuple(frozenset(t.stem for t in document) for document in documents)
        self.words = Index([[t.stem for t in document] for document in documents])
        self.columns = columns_of([lab.state for lab in self.labs], [lab.point for lab in self.labs])
        self.meaning = self._meaning(encoders, space) if encoders is not None else None
        themes = Counter(theme for lab in self.labs for theme in lab.state.themes)
        self._rarity = {
            key: log(1 + (len(self.labs) - themes[key] + 0.5) / (themes[key] + 0.5)) for key in vocabulary.technologies
        }

    def _meaning(self, encoders: tuple[TextEncoder, TextEncoder], space: Space) -> Meaning:
        known = self.vocabulary.technologies
        phrases = {
            key: {"nl": (t.label_nl, *t.synonyms_nl), "en": (t.label_en, *t.synonyms_en)} for key, t in known.items()
        }
        return Meaning(encoders, [_texts(lab, self.vocabulary) for lab in self.labs], phrases, space)

    def destination(self, slug: str) -> Destination | None:
        """Return a programme, training or hub by its slug."""
        return next((each for each in self.destinations if each.slug == slug), None)

    def rarity_of(self, technology: str) -> float:
        """Return how telling a technology is: rare among the fieldlabs is high."""
        return self._rarity[technology]


def _texts(lab: Lab, vocabulary: Vocabulary) -> LabTexts:
    """Return what is compared by meaning; a language without a description borrows the other's."""
    state = lab.state
    described = {"nl": state.description_nl or state.description_en, "en": state.description_en or state.description_nl}
    whole = {spoken: f"{state.name}. {described[spoken]} {', '.join(state.facilities)}" for spoken in LANGUAGES}
    pieces = {}
    for spoken in LANGUAGES:
        own = tuple(piece for piece, _ in lab.sentences[spoken])
        named = any(key in vocabulary.technologies for key in state.themes)
        pieces[spoken] = own if own or named else (state.name,)
    return LabTexts(whole=whole, pieces=pieces, themes=tuple(state.themes))


def _sentences(description: str, facilities: Sequence[str]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return what may be quoted, each with its stems: the sentences of the description, then the facilities."""
    pieces = (*_SENTENCE.split(description), *facilities)
    return tuple((piece, frozenset(t.stem for t in tokens_of(piece))) for piece in pieces if piece)


def _point(state: FieldlabState, places: Places) -> tuple[float, float] | None:
    if state.latitude is not None and state.longitude is not None:
        return state.latitude, state.longitude
    place: Place | None = places.get(state.postcode4 or "")
    return (place.latitude, place.longitude) if place else None

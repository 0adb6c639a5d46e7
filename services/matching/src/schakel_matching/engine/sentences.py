"""The sentences that explain a part, in plain Dutch and English (B1).

Words between quotation marks are real quotes, always: of the company's own text or of the fieldlab's record.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from schakel_matching.engine.catalogue import Catalogue, Lab
from schakel_matching.engine.reading import Reading
from schakel_matching.engine.vocabulary import Concept, Vocabulary
from schakel_matching.engine.words import Token, tokens_of

Said = tuple[str, str]
"""The same in Dutch and in English."""

_QUOTE_WORDS: Final = 24
_SURE: Final = 0.5
"""A technology below this strength was recognised by a word that often means something else: then it is said so."""


def best_quote(lab: Lab, language: str, reading: Reading, catalogue: Catalogue, i: int) -> str | None:
    """Return the piece of the fieldlab's record, of at most 24 words, that answers most of the need, if any does."""
    best: tuple[float, str | None] = (0.0, None)
    for sentence, stems in lab.sentences[language]:
        worth = sum(reading.weights[stem] * catalogue.words.rarity(stem) for stem in stems & reading.weights.keys())
        if worth > best[0]:
            best = (worth, sentence)
    if best[1] is None and reading.sense is not None:
        at = int(reading.sense.best[language][i])
        pieces = lab.sentences[language]
        return _cut(pieces[at][0], reading) if at < len(pieces) else None
    return None if best[1] is None else _cut(best[1], reading)


def _cut(sentence: str, reading: Reading) -> str:
    """Return the stretch of 24 words with most of the need's words: still an exact piece of the sentence."""
    tokens = tokens_of_quote(sentence)
    if len(tokens) <= _QUOTE_WORDS:
        return sentence.rstrip(".")
    worth = [reading.weights.get(t.stem, 0.0) for t in tokens]
    starts = range(len(tokens) - _QUOTE_WORDS + 1)
    start = max(starts, key=lambda s: (sum(worth[s : s + _QUOTE_WORDS]), -s))
    piece = sentence[tokens[start].start : tokens[start + _QUOTE_WORDS - 1].end]
    # End at a pause where there is one in the second half, so that no quote ends in the middle of a thought.
    pause = max(piece.rfind(mark) for mark in ",;:")
    return piece[:pause] if start + _QUOTE_WORDS < len(tokens) and pause > len(piece) / 2 else piece


@lru_cache(maxsize=4096)
def tokens_of_quote(sentence: str) -> tuple[Token, ...]:
    """Return the words of a piece of a record; the same ones are quoted again and again."""
    return tuple(tokens_of(sentence))


def closest_technology(lab: Lab, language: str, reading: Reading, catalogue: Catalogue, i: int) -> str | None:
    """Return the name of the fieldlab's technology that the need comes closest to, when no sentence comes closer."""
    if reading.sense is None:
        return None
    known = [key for key in lab.state.themes if key in catalogue.vocabulary.technologies]
    at = int(reading.sense.best[language][i]) - len(lab.sentences[language])
    if not 0 <= at < len(known):
        return None
    found = catalogue.vocabulary.technologies[known[at]]
    return _inside(found.label_nl if language == "nl" else found.label_en)


def text(
    need: tuple[Sequence[str], Sequence[str]],
    quote: tuple[str | None, str | None],
    technology: tuple[str | None, str | None] = (None, None),
) -> Said:
    """Say what the two texts share, each argument for Dutch and for English.

    Args:
        need: words of the company that the fieldlab uses too; where there is a quote, that the quote has.
        quote: what the fieldlab's record says about it.
        technology: where there is no such sentence, the technology that the need comes closest to.
    """
    if not any(need) and quote == technology == (None, None):
        return (
            "In de gegevens van dit fieldlab staan uw woorden niet.",
            "The record of this fieldlab does not have your words.",
        )
    nl = [f"U schrijft {_list(need[0], 'en')}."] if need[0] else []
    en = [f"You write {_list(need[1], 'and')}."] if need[1] else []
    if quote[0]:
        nl.append(f"Over dit fieldlab staat er: “{quote[0]}”.")
    elif technology[0]:
        nl.append(f"Uw tekst lijkt op iets waar dit fieldlab aan werkt: {technology[0]}.")
    elif need[0]:
        nl.append("Woorden zoals deze staan ook bij dit fieldlab.")
    else:
        nl.append("Uw tekst lijkt op wat er in het Engels over dit fieldlab staat.")
    if quote[1]:
        en.append(f"About this fieldlab it says: “{quote[1]}”.")
    elif technology[1]:
        en.append(f"Your text is like something this fieldlab works on: {technology[1]}.")
    elif need[1]:
        en.append("Words like these are in the record of this fieldlab too.")
    else:
        en.append("Your text is like what is written about this fieldlab in Dutch.")
    return " ".join(nl), " ".join(en)


def no_technology(vocabulary: Vocabulary, closest: str | None = None) -> Said:
    """Say that no technology was recognised, and to which of the fieldlab's own the text comes closest, if to any."""
    if closest is not None:
        found = vocabulary.technologies[closest]
        return (
            f"U noemt geen techniek. Uw tekst lijkt op iets waar dit fieldlab aan werkt: {_inside(found.label_nl)}.",
            f"You name no technology. Your text is like something this fieldlab works on: {_inside(found.label_en)}.",
        )
    return (
        "We herkennen in uw tekst nog geen techniek. Noem de machine of het werk erbij voor een beter antwoord.",
        "We do not recognise a technology in your text yet. Name the machine or the work for a better answer.",
    )


def technology(
    vocabulary: Vocabulary, asked: Sequence[Concept], shared: Sequence[Concept], near: Sequence[Concept]
) -> Said:
    """Say which technologies the company asks and which of them the fieldlab works with."""
    told = [*shared, *near] or list(asked)
    spans = list(dict.fromkeys(c.spans[0] for c in told if c.spans))[:3]
    sure = not spans or any(c.strength >= _SURE for c in told)
    if not sure:
        nl = f"U schrijft {_list(spans, 'en')}. Misschien gaat dat over {_names(vocabulary, told, 'nl')}. "
        en = f"You write {_list(spans, 'and')}. Maybe that is about {_names(vocabulary, told, 'en')}. "
    else:
        nl = f"U noemt {_list(spans, 'en')}. " if spans else "U koos zelf de techniek. "
        en = f"You name {_list(spans, 'and')}. " if spans else "You chose the technology yourself. "
    if shared:
        nl += f"Dit fieldlab werkt aan {_names(vocabulary, shared, 'nl')}."
        en += f"This fieldlab works on {_names(vocabulary, shared, 'en')}."
    elif near:
        nl += f"Dit fieldlab doet niet {_names(vocabulary, near, 'nl')}, maar wel iets dat erop lijkt."
        en += f"This fieldlab does not do {_names(vocabulary, near, 'en')}, but something like it."
    elif sure:
        nl += f"Dat gaat over {_names(vocabulary, told, 'nl')}. Dat noemt dit fieldlab niet."
        en += f"That is about {_names(vocabulary, told, 'en')}. This fieldlab does not name it."
    else:
        nl, en = f"{nl}Dit fieldlab noemt het niet.", f"{en}This fieldlab does not name it."
    return nl, en


def _list(words: Sequence[str], last: str) -> str:
    quoted = [f"“{word}”" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def _names(vocabulary: Vocabulary, concepts: Sequence[Concept], language: str) -> str:
    found = [vocabulary.technologies[c.key] for c in concepts]
    labels = [_inside(t.label_nl if language == "nl" else t.label_en) for t in found]
    last = "en" if language == "nl" else "and"
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} {last} {labels[-1]}"


@lru_cache(maxsize=256)
def _inside(label: str) -> str:
    """Return a label as it stands inside a sentence: a capital that is no abbreviation goes."""
    first = label.split(maxsplit=1)[0]
    return (
        label if len(first) > 1 and any(c.isupper() or c.isdigit() for c in first[1:]) else label[0].lower() + label[1:]
    )

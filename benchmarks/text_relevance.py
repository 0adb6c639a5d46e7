"""How well texts alone rank: BM25, each encoder and their fusion, on ``docs/queries/qrels`` or a TREC folder.

``python benchmarks/text_relevance.py --set FILE_OR_FOLDER [--set ...] [--cache FILE]``. A folder holds ``corpus.tsv``
(id, Dutch label, English label, English text), ``queries.tsv`` and ``qrels.tsv``; only grade 3 counts there, Dutch to
the Dutch label and (with ``--english``) to the English text. Vectors are kept by hash of the text in ``--cache``,
outside the repository. The fusion has the engine's space and weights: whole text and closest sentence, levelled per
language of the documents, so that the closest of each language stand equally high.
"""

import argparse
import json
import os
import re
import sys
import time
from collections import Counter, defaultdict
from math import log, log2
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schakel_matching.engine.encoders import Kind, Remembering, load_encoders
from schakel_matching.engine.space import CENTRED, KINDRED, Space
from schakel_matching.engine.words import fold

Scores = NDArray[np.float64]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "schakel" / "vectors.db"
CHAR_WEIGHT = 0.1
SHORT_WORDS = 4
SENTENCE_WEIGHT = 0.3
CLOSEST_SHARE, CLOSEST_MIN = 0.02, 10
"""Which documents of a language count as its closest: so many of them, and at least so many."""
_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
Set = tuple[str, list[tuple[str, str]], list[tuple[str, str, str]], dict[str, dict[int, int]]]
"""Name, documents (language, text), queries (id, language, text), and per query the grades by place of the document."""


def sets_of(path: Path, *, english: bool) -> list[Set]:
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        at = {doc["id"]: i for i, doc in enumerate(found["docs"])}
        grades = {q: {at[d]: g for d, g in row.items() if g > 0 and d in at} for q, row in found["qrels"].items()}
        docs = [(doc["lang"], doc["text"]) for doc in found["docs"]]
        queries = [(q["id"], q["lang"], q["text"]) for q in found["queries"] if grades.get(q["id"])]
        return [(path.stem, docs, queries, grades)]
    corpus = [line.split("\t") for line in (path / "corpus.tsv").read_text(encoding="utf-8").splitlines()]
    asked = [line.split("\t") for line in (path / "queries.tsv").read_text(encoding="utf-8").splitlines()]
    at = {row[0]: i for i, row in enumerate(corpus)}
    exact: dict[str, dict[int, int]] = defaultdict(dict)
    for line in (path / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        query, _, doc, grade = line.split()
        if int(grade) == 3 and doc in at:
            exact[query][at[doc]] = 3
    queries = [(row[0], "nl", row[1]) for row in asked if row[0] in exact]
    found_sets: list[Set] = [(f"{path.name} nl-nl", [("nl", row[1]) for row in corpus], queries, exact)]
    if english:
        found_sets.append((f"{path.name} nl-en", [("en", row[3]) for row in corpus], queries, exact))
    return found_sets


def words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


def grams(text: str) -> list[str]:
    framed = [f"_{word}_" for word in words(text)]
    return [word[i : i + 4] for word in framed for i in range(max(1, len(word) - 3))]


def bm25(documents: list[list[str]], queries: list[list[str]]) -> Scores:
    counts = [Counter(document) for document in documents]
    lengths = np.array([max(1, len(document)) for document in documents])
    bend = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for i, count in enumerate(counts):
        for unit, times in count.items():
            postings[unit].append((i, times * 2.2 / (times + bend[i])))
    out = np.zeros((len(queries), len(documents)))
    for row, query in zip(out, queries, strict=True):
        for unit in set(query) & postings.keys():
            where, worth = zip(*postings[unit], strict=True)
            row[list(where)] += np.array(worth) * log(1 + (len(documents) - len(where) + 0.5) / (len(where) + 0.5))
    return out


def standard(scores: Scores, languages: list[str]) -> Scores:
    """Standardise each row within the documents of one language."""
    out = np.empty_like(scores)
    for language in set(languages):
        at = np.array([spoken == language for spoken in languages])
        own = scores[:, at]
        out[:, at] = (own - own.mean(1, keepdims=True)) / (own.std(1, keepdims=True) + 1e-9)
    return out


def levelled(scores: Scores, languages: list[str]) -> Scores:
    """Put the mean of a language's documents at 0 and its closest documents at 1, in each row."""
    out = np.empty_like(scores)
    for language in set(languages):
        at = np.array([spoken == language for spoken in languages])
        own = scores[:, at]
        mean = own.mean(1, keepdims=True)
        many = min(own.shape[1], max(CLOSEST_MIN, round(CLOSEST_SHARE * own.shape[1])))
        closest = np.sort(own, axis=1)[:, -many:].mean(1, keepdims=True)
        out[:, at] = (own - mean) / (closest - mean + 1e-9)
    return out


def sentences(texts: list[str]) -> tuple[list[str], list[int]]:
    """Return the sentences of all texts, and where those of each text begin; a text is at least one."""
    found: list[str] = []
    starts = []
    for text in texts:
        starts.append(len(found))
        found += [piece for piece in _SENTENCE_END.split(text) if piece.strip()] or [text]
    return found, starts


def figures(scores: Scores, queries: list[tuple[str, str, str]], grades: dict[str, dict[int, int]]) -> str:
    rows = []
    for row, (key, _, _) in zip(scores, queries, strict=True):
        wanted = grades[key]
        order = np.argsort(-row, kind="stable")[:1000].tolist()
        gained = sum((2 ** wanted.get(doc, 0) - 1) / log2(i + 2) for i, doc in enumerate(order[:10]))
        best = sum((2**g - 1) / log2(i + 2) for i, g in enumerate(sorted(wanted.values(), reverse=True)[:10]))
        first = next((1 / (i + 1) for i, doc in enumerate(order) if doc in wanted), 0.0)
        rows.append((gained / best, first, sum(doc in wanted for doc in order[:5]) / min(5, len(wanted))))
    ndcg, mrr, recall = np.mean(rows, axis=0)
    return f"nDCG@10 {ndcg:.3f}  MRR {mrr:.3f}  R@5 {recall:.3f}"


def encoded(encoder: Remembering, texts: list[str], kind: Kind) -> NDArray[np.float32]:
    rows, told = [], time.monotonic()
    for at in range(0, len(texts), 64):
        rows.append(encoder.encode(texts[at : at + 64], kind))
        if time.monotonic() - told > 10:
            told = time.monotonic()
            sys.stderr.write(f"{encoder.name}: {at} of {len(texts)} texts\n")
    return np.concatenate(rows)


def by_language(
    space: Space, short: str, kind: Kind, languages: list[str], vectors: NDArray[np.float32]
) -> NDArray[np.float32]:
    out = vectors.copy()
    for language in set(languages) & {"nl", "en"}:
        at = np.array([spoken == language for spoken in languages])
        out[at] = space.vectors(short, kind, language, vectors[at])
    return out


def measure(found: Set, encoders: list[Remembering]) -> None:
    name, docs, queries, grades = found
    spoken, asked_in = [language for language, _ in docs], [language for _, language, _ in queries]
    texts, needs = [text for _, text in docs], [text for _, _, text in queries]
    results = {"BM25 words": bm25([words(t) for t in texts], [words(t) for t in needs])}
    results["BM25 4-grams"] = bm25([grams(t) for t in texts], [grams(t) for t in needs])
    before, fused = np.zeros((len(needs), len(texts))), np.zeros((len(needs), len(texts)))
    pieces, starts = sentences(texts)
    spoken_in = [spoken[i] for i in np.repeat(range(len(texts)), np.diff([*starts, len(pieces)]))]
    for encoder in encoders:
        short = encoder.name.split("-")[0]
        asked, told = encoded(encoder, needs, "query"), encoded(encoder, texts, "passage")
        written = encoded(encoder, KINDRED.asked(needs), "query")
        parts = encoded(encoder, pieces, "passage")
        results[short] = (asked @ told.T).astype(float)
        for method, space, wanted in (("centred", CENTRED, asked), ("kindred", KINDRED, written)):
            need = by_language(space, short, "query", asked_in, wanted)
            whole = (need @ by_language(space, short, "passage", spoken, told).T).astype(float)
            results[f"{short} {method}"] = whole
            if space is CENTRED:
                before += space.weights[short] * standard(whole, spoken)
                continue
            own = by_language(space, short, "passage", spoken_in, parts)
            closest = np.maximum.reduceat(need @ own.T, starts, axis=1).astype(float)
            fused += space.weights[short] * (1 - SENTENCE_WEIGHT) * levelled(whole, spoken)
            fused += space.weights[short] * SENTENCE_WEIGHT * levelled(closest, spoken)
    long = np.array([len(words(text)) > SHORT_WORDS for text in needs])[:, None]
    same = np.array([[a == b for b in spoken] for a in asked_in])
    lexical = standard(results["BM25 4-grams"], spoken)
    results["fusion before"] = before
    results["fusion before + 4-grams (gated)"] = before + CHAR_WEIGHT * (long & same) * lexical
    results["fusion"] = fused
    print(f"{name}: {len(docs)} documents, {len(queries)} queries")
    for method, scores in results.items():
        print(f"  {method:32} {figures(scores, queries, grades)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, action="append", required=True, dest="sets")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--english", action="store_true", help="of a folder also Dutch to the English text")
    arguments = parser.parse_args()
    encoders = [Remembering(encoder, file=arguments.cache, kept=64, every_kind=True) for encoder in load_encoders()]
    for path in arguments.sets:
        for found in sets_of(path, english=arguments.english):
            measure(found, encoders)


if __name__ == "__main__":
    main()

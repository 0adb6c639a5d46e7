"""How well texts alone rank: BM25, each encoder and their fusion, on ``docs/queries/qrels`` or a TREC folder.

``python benchmarks/text_relevance.py --set FILE_OR_FOLDER [--set ...] [--cache FILE]``. A folder holds ``corpus.tsv``
(id, Dutch label, English label, English text), ``queries.tsv`` and ``qrels.tsv``; only grade 3 counts there, Dutch to
the Dutch label and (with ``--english``) to the English text. Vectors are kept by hash of the text in ``--cache``,
outside the repository. The fusion has the engine's weights and centres; scores are standardised per language of the
documents.
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
from schakel_matching.engine.meaning import E5_WEIGHT, USE_WEIGHT, centred
from schakel_matching.engine.words import fold

Scores = NDArray[np.float64]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "schakel" / "vectors.db"
CHAR_WEIGHT = 0.1
SHORT_WORDS = 4
_WORD = re.compile(r"\w+")
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


def by_language(short: str, kind: Kind, languages: list[str], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    out = vectors.copy()
    for language in set(languages) & {"nl", "en"}:
        at = np.array([spoken == language for spoken in languages])
        out[at] = centred(short, kind, language, vectors[at])
    return out


def measure(found: Set, encoders: list[Remembering]) -> None:
    name, docs, queries, grades = found
    spoken, asked_in = [language for language, _ in docs], [language for _, language, _ in queries]
    texts, needs = [text for _, text in docs], [text for _, _, text in queries]
    results = {"BM25 words": bm25([words(t) for t in texts], [words(t) for t in needs])}
    results["BM25 4-grams"] = bm25([grams(t) for t in texts], [grams(t) for t in needs])
    fused = np.zeros((len(needs), len(texts)))
    for encoder, weight in zip(encoders, (E5_WEIGHT, USE_WEIGHT), strict=True):
        short = encoder.name.split("-")[0]
        asked, told = encoded(encoder, needs, "query"), encoded(encoder, texts, "passage")
        results[short] = (asked @ told.T).astype(float)
        asked, told = by_language(short, "query", asked_in, asked), by_language(short, "passage", spoken, told)
        results[f"{short} centred"] = (asked @ told.T).astype(float)
        fused += weight * standard(results[f"{short} centred"], spoken)
    long = np.array([len(words(text)) > SHORT_WORDS for text in needs])[:, None]
    same = np.array([[a == b for b in spoken] for a in asked_in])
    results["fusion"] = fused
    lexical = standard(results["BM25 4-grams"], spoken)
    results["fusion + 4-grams (gated)"] = fused + CHAR_WEIGHT * (long & same) * lexical
    print(f"{name}: {len(docs)} documents, {len(queries)} queries")
    for method, scores in results.items():
        print(f"  {method:26} {figures(scores, queries, grades)}")


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

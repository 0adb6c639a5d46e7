"""The rank step of the vectors at 10,000 fieldlabs against one BLAS product of the same size, and the engine at 73.

``python benchmarks/rank_speed.py``. The step at 10,000 is what `Meaning.read` does with whole texts: two products,
standardise, add, best 50; pieces, words and facts are not in it. The answer at the size of the register is the real
engine, for needs that are new, in turns with their encodings alone, and for one that was asked before.
"""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import quantiles

import numpy as np
import psutil

from schakel_matching.engine.encoders import load_encoders
from schakel_matching.engine.meaning import remembering, standard
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

DATA = Path(__file__).resolve().parents[1] / "data"
LABS = 10_000
TWO = "Wij frezen kleine series, omstellen kost uren, en onze planner {} stopt ermee"
NEED = "Wij maken frames en zoeken een robot die kleine series last, onze lasser {} gaat met pensioen"


def timed(work: Callable[[int], object], times: int) -> tuple[float, float]:
    """Return the median and the 95th percentile of the processor's time, in milliseconds: others share the machine."""
    return both(work, work, times)[0]


def both(
    one: Callable[[int], object], other: Callable[[int], object], times: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the same for two works done in turns, so that whatever else runs slows both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for i in range(-1, times):
        for work, times_of in ((one, taken[0]), (other, taken[1])):
            start = time.process_time()
            work(i)
            if i >= 0:
                times_of.append((time.process_time() - start) * 1000)
    cuts = [quantiles(each, n=20) for each in taken]
    return (cuts[0][9], cuts[0][18]), (cuts[1][9], cuts[1][18])


def tell(name: str, texts: list[str], encode: Callable[[str], object], answer: Callable[[str], object]) -> None:
    """Write what texts that are new cost, beside their encodings alone, and what one costs the second time."""
    encoding, answering = both(lambda i: encode(f"Vraag: {texts[i]}"), lambda i: answer(texts[i]), len(texts) - 1)
    again = timed(lambda _: answer(texts[0]), 20)
    print(f"{name}: two encodings p50 {encoding[0]:.0f} ms, p95 {encoding[1]:.0f} ms of processor time")
    print(f"  answer p50 {answering[0]:.0f} ms, p95 {answering[1]:.0f} ms; the same need again p50 {again[0]:.0f} ms")


def main() -> None:
    encoders = load_encoders()
    made = np.random.default_rng(4)
    e5, use = (made.standard_normal((LABS, size), dtype=np.float32) for size in (384, 512))
    need_e5, need_use = e5[0].copy(), use[0].copy()

    def step(_: int) -> object:
        fused = 0.6 * standard((e5 @ need_e5).astype(float)) + 0.4 * standard((use @ need_use).astype(float))
        return np.argpartition(-fused, 50)[:50]

    product, ranked = both(lambda _: e5 @ need_e5, step, 200)
    print(
        f"product 384 x {LABS}: p50 {product[0]:.2f} ms; vector step {ranked[0]:.2f} ms, {ranked[0] / product[0]:.1f}x"
    )
    reference = load(DATA)
    catalogue = catalogue_of(fieldlabs(DATA), reference, remembering(encoders))
    today = date(2026, 11, 24)

    def encode(text: str) -> object:
        return [encoder.encode([text], "query") for encoder in encoders]

    def answer(text: str) -> object:
        return rank(catalogue, Need(text, postcode4="7521"), today)

    for name, text in (("one need", NEED), ("two needs", TWO)):
        tell(name, [text.format(number) for number in range(-1, 40)], encode, answer)
    print(f"memory of this process: {psutil.Process().memory_info().rss / 2**20:.0f} MB")


if __name__ == "__main__":
    main()

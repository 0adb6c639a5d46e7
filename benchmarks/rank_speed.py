"""The rank step of the vectors at 10,000 fieldlabs against one BLAS product of the same size, and the engine at 73.

``python benchmarks/rank_speed.py``. The step at 10,000 is what `Meaning.read` does with whole texts: two products,
standardise, add, best 50; pieces, words and facts are not in it. The answer at the size of the register is the real
engine, for a need that is new and for one that was asked before.
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
NEED = "Wij maken frames en zoeken een robot die kleine series last, onze lasser {} gaat met pensioen"


def timed(work: Callable[[int], object], times: int) -> tuple[float, float]:
    """Return the median and the 95th percentile, in milliseconds."""
    work(-1)
    taken = []
    for i in range(times):
        start = time.perf_counter()
        work(i)
        taken.append((time.perf_counter() - start) * 1000)
    cuts = quantiles(taken, n=20)
    return cuts[9], cuts[18]


def main() -> None:
    encoders = load_encoders()
    made = np.random.default_rng(4)
    e5, use = (made.standard_normal((LABS, size), dtype=np.float32) for size in (384, 512))
    need_e5, need_use = e5[0].copy(), use[0].copy()

    def step(_: int) -> object:
        fused = 0.6 * standard((e5 @ need_e5).astype(float)) + 0.4 * standard((use @ need_use).astype(float))
        return np.argpartition(-fused, 50)[:50]

    product = timed(lambda _: e5 @ need_e5, 200)
    ranked = timed(step, 200)
    print(
        f"product 384 x {LABS}: p50 {product[0]:.2f} ms; vector step {ranked[0]:.2f} ms, {ranked[0] / product[0]:.1f}x"
    )
    both = timed(lambda i: [encoder.encode([NEED.format(i)], "query") for encoder in encoders], 40)
    reference = load(DATA)
    catalogue = catalogue_of(fieldlabs(DATA), reference, remembering(encoders))
    today = date(2026, 11, 24)
    new = timed(lambda i: rank(catalogue, Need(NEED.format(i), postcode4="7521"), today), 40)
    known = timed(lambda _: rank(catalogue, Need(NEED, postcode4="7521"), today), 40)
    print(f"two encodings of a need: p50 {both[0]:.0f} ms, p95 {both[1]:.0f} ms")
    print(f"answer at {len(catalogue.labs)} fieldlabs, new need: p50 {new[0]:.0f} ms, p95 {new[1]:.0f} ms")
    print(f"the same need again: p50 {known[0]:.0f} ms, p95 {known[1]:.0f} ms")
    print(f"memory of this process: {psutil.Process().memory_info().rss / 2**20:.0f} MB")


if __name__ == "__main__":
    main()

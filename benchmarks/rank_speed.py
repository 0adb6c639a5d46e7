"""What a whole answer costs beside encoding the need, with the real engine: at the size of the register and at 10,000.

    python benchmarks/rank_speed.py [--labs 10000] [--needs 40]

Per judged challenge, in turns, so that whatever else runs slows all: one matrix-vector product of 384 x labs; the rank
step (`rank` for a need whose vectors are remembered: everything but encoding, with reasons and quotes); the two
encodings of a text that is new; a whole answer to another new text of the same words. Times are of the processor, of
this process; the figure is the ratio of the medians. The ten thousand are made (``many_fieldlabs.py``).
"""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import msgspec
import numpy as np
import psutil
from judged_set import rows
from many_fieldlabs import Composed, many, pieces_of

from schakel_matching.engine.catalogue import Catalogue
from schakel_matching.engine.encoders import TextEncoder, load_encoders
from schakel_matching.engine.meaning import remembering
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need
from schakel_matching.reference_data import catalogue_of, fieldlabs, load

DATA = Path(__file__).resolve().parents[1] / "data"
TODAY = date(2026, 11, 24)
TWO = Need("wij frezen kleine series, omstellen kost uren, en onze planner stopt ermee", postcode4="7521")


def taken(work: Callable[[], object]) -> float:
    """Return the processor's time of one piece of work, in milliseconds."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def measure(name: str, catalogue: Catalogue, encoders: Sequence[TextEncoder], needs: Sequence[Need]) -> None:
    """Write what the needs cost against a catalogue, beside a product of its size and their encodings."""
    made = np.random.default_rng(4)
    vectors = made.standard_normal((len(catalogue.labs), 384), dtype=np.float32)
    times: list[tuple[float, ...]] = []
    for need in (TWO, *needs):
        rank(catalogue, need, TODAY)  # so that its vectors are remembered
        new = msgspec.structs.replace(need, text=f"Vraag ({name}): {need.text}")
        alone = f"Wens ({name}): {need.text}"
        times.append(
            (
                taken(partial(np.matmul, vectors, vectors[0])),
                taken(partial(rank, catalogue, need, TODAY)),
                sum(taken(partial(encoder.encode, [alone], "query")) for encoder in encoders),
                taken(partial(rank, catalogue, new, TODAY)),
            )
        )
    product, step, encoding, whole = zip(*times[1:], strict=True)
    print(f"{name}: {len(catalogue.labs)} fieldlabs, {len(needs)} needs")
    for what, values in (("product", product), ("rank step", step), ("encodings", encoding), ("answer", whole)):
        print(f"  {what:9} p50 {median(values):6.2f} ms, p95 {quantiles(values, n=20)[18]:6.2f} ms")
    print(f"  rank step against the product {median(step) / median(product):.1f}x")
    print(f"  answer against the encodings {median(whole) / median(encoding):.2f}x")
    print(f"  memory of this process {psutil.Process().memory_info().rss / 2**20:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labs", type=int, default=10_000, help="how many fieldlabs are made")
    parser.add_argument("--needs", type=int, default=40, help="how many of the judged challenges")
    arguments = parser.parse_args()
    needs = [
        Need(row["text"], "nl" if row["language"] == "nl" else "en", row["postcode"] or None, row["sbi"][:2] or None)
        for row in rows("queries.tsv")[: arguments.needs]
    ]
    reference, register = load(DATA), fieldlabs(DATA)
    encoders = remembering(load_encoders())
    measure("register", catalogue_of(register, reference, encoders), encoders, needs)
    pieces = pieces_of(register, reference)
    known = [name for found in reference.vocabulary.technologies.values() for name in found.phrases]
    first, second = (Composed(encoder, pieces, known) for encoder in encoders)
    states = many(register, reference, arguments.labs)
    measure("made", catalogue_of(states, reference, (first, second)), encoders, needs)


if __name__ == "__main__":
    main()

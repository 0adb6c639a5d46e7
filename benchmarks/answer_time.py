"""How long a company waits for its answer: the judged challenges as anonymous drafts, one after another, over HTTP.

    SCHAKEL_DATA=$(mktemp -d) ./schakel up            # in another terminal; it prints the addresses
    python benchmarks/answer_time.py http://127.0.0.1:8403 --pid PID

The address is that of the matching service, PID its process. The first twenty are not counted. Each text is new to the
service: the judged challenges come again with a word before them. Beside the time on the clock it prints the processor
time of the service per answer, which does not count what others do on a shared machine, and its memory.
"""

import argparse
import time
from statistics import quantiles
from uuid import uuid4

import httpx
import psutil
from judged_set import rows

WARM_UP = 20
COUNTED = 200
BEFORE = ("", "Vraag: ", "Onze vraag: ")
WAIT_SECONDS_MAX = 60
SHORTEST = 10
"""Characters that a draft must have."""


def bodies() -> list[dict[str, str | None]]:
    """Return the challenges as drafts, each with a text of its own."""
    return [
        {
            "text": before + row["text"],
            "language": "nl" if row["language"] == "nl" else "en",
            "postcode": row["postcode"] or None,
            "sbi": row["sbi"] or None,
        }
        for before in BEFORE
        for row in rows("queries.tsv")
        if len(before + row["text"]) >= SHORTEST
    ]


def ask(client: httpx.Client, body: dict[str, str | None]) -> int:
    """Create a draft and return how many fieldlabs its answer shows."""
    reply = client.post("/v1/drafts", json=body, headers={"Idempotency-Key": uuid4().hex * 2})
    return len(reply.raise_for_status().json()["matches"])


def busy(process: psutil.Process) -> float:
    """Return the processor time of the service so far, in milliseconds."""
    times = process.cpu_times()
    return (times.user + times.system) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of the matching service")
    parser.add_argument("--pid", type=int, required=True, help="of the matching service's process")
    arguments = parser.parse_args()
    service = psutil.Process(arguments.pid)
    waited, worked = [], []
    client = httpx.Client(base_url=arguments.address, timeout=WAIT_SECONDS_MAX)
    for i, body in enumerate(bodies()[: WARM_UP + COUNTED]):
        before, start = busy(service), time.perf_counter()
        shown = ask(client, body)
        if shown == 0:
            raise SystemExit("The service shows no fieldlab at all: is the register loaded?")
        if i >= WARM_UP:
            waited.append((time.perf_counter() - start) * 1000)
            worked.append(busy(service) - before)
    for name, values in (("waited", waited), ("processor time of the service", worked)):
        cuts = quantiles(values, n=20)
        print(f"{name}: p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms, over {len(values)} answers")
    memory = service.memory_full_info()
    print(f"memory of the service: {memory.rss / 2**20:.0f} MB, {memory.pss / 2**20:.0f} without its share of others'")


if __name__ == "__main__":
    main()

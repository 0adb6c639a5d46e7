"""A steady load of reads and writes on an installation, counted as its users would count.

What is counted. Every request is sent once, on a connection that is kept open as long as the server leaves it open. A
request has failed when it is not answered with a page of status 200, or with GraphQL data without errors and without a
problem: refused, cut off, later than `SECONDS_MAX`, or a problem in a payload. There is no second try in that count: a
write that failed is taken up again with the same idempotency key until it is accepted, which is a request of its own,
so that at the end every write is accepted and each must be there exactly once. `quiet_seconds` is the longest time
between two good answers of one kind of request, less the pause that its sender makes.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Final
from uuid import uuid4

import httpx
from running import RunningStack
from steps import NEED_NL, POSTCODE_DELFT, RETURNED, mutation, new_kvk_number

SECONDS_MAX: Final = 20.0
"""For a whole answer, the token that it may need included: two cores start eighteen programs in an upgrade."""
READ_PAUSE_SECONDS, WRITE_PAUSE_SECONDS = 0.2, 0.8
AGAIN_PAUSE_SECONDS: Final = 0.2
SHOWN_MAX: Final = 8
FIELDLABS: Final = "{ fieldlabs(first: 20) { nodes { slug name } } }"
FIGURES: Final = "{ network { asOf indicators { key total } } }"

Send = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Written:
    """An accepted write: its kind (also the view's table), the id it got, and the mark that only it carries."""

    kind: str
    id: str
    mark: str


@dataclass
class Count:
    """What became of the requests of a load."""

    began: float = field(default_factory=time.monotonic)
    sent: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[float, str, str]] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    slowest_seconds: float = 0.0
    _answered: dict[str, float] = field(default_factory=dict)
    _quiet: dict[str, float] = field(default_factory=dict)

    def note(self, kind: str, began: float, pause: float, wrong: str) -> None:
        """Count one request: what was wrong with its answer, or nothing."""
        now = time.monotonic()
        self.sent[kind] += 1
        self.slowest_seconds = max(self.slowest_seconds, now - began)
        if wrong:
            self.failed.append((round(now - self.began, 1), kind, wrong))
            return
        quiet = now - self._answered.get(kind, began) - pause
        self._quiet[kind] = max(self._quiet.get(kind, 0.0), quiet)
        self._answered[kind] = now

    @property
    def quiet_seconds(self) -> float:
        """The longest time without a good answer to some kind of request."""
        return max(self._quiet.values(), default=0.0)

    def report(self) -> dict[str, Any]:
        """The figures, rounded, with the first failures in words."""
        return {
            "requests": self.sent.total(),
            "failed": len(self.failed),
            "writes_accepted": len(self.written),
            "quiet_seconds": round(self.quiet_seconds, 2),
            "slowest_seconds": round(self.slowest_seconds, 2),
            "seconds": round(time.monotonic() - self.began, 1),
            "failures": self.failed[:SHOWN_MAX],
        }


@contextmanager
def steady_load(stack: RunningStack) -> Iterator[Count]:
    """Send reads and writes beside the block, until it ends; every write is then accepted.

    The count is whole when the block has ended. What the load itself did wrong is raised there.
    """
    load = _Load(stack)
    thread = Thread(target=load.run, name="steady load")
    thread.start()
    try:
        yield load.count
    finally:
        load.stop()
        thread.join(timeout=120)
    assert not thread.is_alive(), "the load did not end"
    if load.error is not None:
        raise load.error


class _Load:
    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._stopped = False
        self._company = ""
        self.count = Count()
        self.error: Exception | None = None

    def stop(self) -> None:
        self._stopped = True

    def run(self) -> None:
        try:
            asyncio.run(self._all())
        except Exception as error:  # noqa: BLE001 - raised again where the load is used
            self.error = error

    async def _all(self) -> None:
        await self._begin()
        portal, graphql = self._stack.portal_url, f"{self._stack.gateway_url}/graphql"
        await asyncio.gather(
            self._read("home", lambda http: http.get(f"{portal}/")),
            self._read("fieldlabs page", lambda http: http.get(f"{portal}/fieldlabs")),
            self._read("fieldlabs", lambda http: http.post(graphql, json={"query": FIELDLABS})),
            self._read("figures", lambda http: self._ask_as(http, "national", FIGURES)),
            self._write(self._write_company),
            self._write(self._write_case),
            self._write(self._write_challenge),
        )

    async def _begin(self) -> None:
        """Register the company whose needs are sent, and send one; not counted, as matching may not know it yet."""
        uncounted = Count()
        async with _client() as http:
            await self._write_company(http, uncounted)
            self._company = uncounted.written[0].id
            await self._write_challenge(http, uncounted)
        self.count.written.extend(uncounted.written)
        self.count.began = time.monotonic()

    async def _ask_as(self, http: httpx.AsyncClient, user: str, query: str) -> httpx.Response:
        return await http.post(
            f"{self._stack.gateway_url}/graphql", json={"query": query}, headers=await self._who(user)
        )

    async def _who(self, user: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {await asyncio.to_thread(self._stack.token, user)}"}

    async def _read(self, kind: str, send: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> None:
        async with _client() as http:
            while not self._stopped:
                began = time.monotonic()
                wrong = await _wrong_with(send(http))
                self.count.note(kind, began, READ_PAUSE_SECONDS, wrong)
                await asyncio.sleep(READ_PAUSE_SECONDS)

    async def _write(self, once: Callable[[httpx.AsyncClient, Count], Awaitable[None]]) -> None:
        async with _client() as http:
            while not self._stopped:
                await once(http, self.count)
                await asyncio.sleep(WRITE_PAUSE_SECONDS)

    async def _write_company(self, http: httpx.AsyncClient, count: Count) -> None:
        mark = f"Belasting {uuid4()}"
        given = {
            "kvkNumber": new_kvk_number(),
            "name": mark,
            "postcode": POSTCODE_DELFT,
            "sizeClass": "SMALL",
            "contact": {"name": "A. Voorbeeld", "phone": "015 000 0000"},
        }
        payload = await self._take(http, count, "registerCompany", given, user="company")
        count.written.append(Written("companies", payload["company"]["id"], mark))

    async def _write_case(self, http: httpx.AsyncClient, count: Count) -> None:
        mark = f"Verhaal {uuid4()}"
        given = {
            "titleNl": mark,
            "titleEn": mark,
            "summaryNl": "Een proef.",
            "summaryEn": "A trial.",
            "owner": "hub:zuid-holland",
        }
        payload = await self._take(http, count, "publishCase", given, user="hub")
        count.written.append(Written("cases", payload["case"]["id"], mark))

    async def _write_challenge(self, http: httpx.AsyncClient, count: Count) -> None:
        mark = f"{NEED_NL} {uuid4()}"
        given = {"companyId": self._company, "text": mark, "language": "NL"}
        payload = await self._take(http, count, "submitChallenge", given, user="company")
        count.written.append(Written("challenges", payload["challenge"]["id"], mark))

    async def _take(
        self, http: httpx.AsyncClient, count: Count, name: str, given: dict[str, Any], *, user: str
    ) -> dict[str, Any]:
        """Take a step, again with its key after a failure, until it is accepted; each try is counted."""
        body = {"query": mutation(name, RETURNED[name]), "variables": {"input": given}}
        headers = {"Idempotency-Key": str(uuid4())}
        while True:
            began = time.monotonic()
            sent = headers | await self._who(user)
            found: list[httpx.Response] = []

            async def send(sent: dict[str, str] = sent, found: list[httpx.Response] = found) -> httpx.Response:
                found.append(await http.post(f"{self._stack.gateway_url}/graphql", json=body, headers=sent))
                return found[0]

            wrong = await _wrong_with(send(), step=name)
            count.note(name, began, WRITE_PAUSE_SECONDS, wrong)
            if not wrong:
                payload: dict[str, Any] = found[0].json()["data"][name]
                return payload
            await asyncio.sleep(AGAIN_PAUSE_SECONDS)


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=SECONDS_MAX, trust_env=False)


async def _wrong_with(answer: Awaitable[httpx.Response], *, step: str = "") -> str:
    """Say what makes an answer a failure, or nothing."""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            reply = await answer
    except TimeoutError:
        return f"no answer within {SECONDS_MAX:.0f} s"
    except httpx.HTTPError as error:
        return f"{type(error).__name__} {error}".strip()
    if reply.status_code != httpx.codes.OK:
        return f"status {reply.status_code} {reply.text[:200]}"
    if not reply.headers["content-type"].startswith("application/json"):
        return ""
    document = reply.json()
    if "errors" in document:
        return str(document["errors"])[:300]
    problem = document["data"][step]["problem"] if step else None
    return f"{problem['code']}: {problem['detail']}" if problem else ""

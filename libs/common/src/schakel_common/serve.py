"""One process of a service: its API, its consumers and its relay, or some of them; started together, stopped gently.

The API does not wait for Kafka: consumers and relay start beside it and keep trying. Stopping drains in the order in
which work flows: clients move to another process, requests end, then batches that are being handled, then the one that
is being sent.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, Generic, Literal, TypeVar, get_args

import uvicorn
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from schakel_common import telemetry
from schakel_common.broker import ensure_topics
from schakel_common.consumers import Reader, Subscription, make_broker, subscribe
from schakel_common.database import Database
from schakel_common.held import Held
from schakel_common.metrics import measure
from schakel_common.processing import run_processing_log
from schakel_common.relay import run_relay
from schakel_common.saturation import PoolUse, report_saturation
from schakel_common.settings import ServiceSettings
from schakel_contracts.topics import Service

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
Role = Literal["api", "consumers", "relay"]
Name = Literal["registry", "matching", "events", "gateway", "portal"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
KAFKA_BACK_OFF_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 20
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than clients and proxies keep an idle connection, so that it is they who close it: closed from here, it may
be in the moment in which a request is on its way."""
LAG_EVERY_SECONDS: Final = 5.0
GOING_AWAY: Final = (b"connection", b"close")
PROBES: Final = frozenset({"/livez", "/readyz"})

_log: Final = logging.getLogger(__name__)


async def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Parts:
    """What a service's composition root (``app.py``) has wired, not yet started.

    Attributes:
        app: of `schakel_common.http.create_app`; its own lifespan opens what the service itself needs.
        database: the service's own; closed at the end.
        subscriptions: what it listens to (role ``consumers``).
        background: long-running work beside the consumers, such as a projector or sending mail: called once, returns
            soon after its event is set; if it ends early or fails, the process ends, to be started anew.
        pools: further pools of connections, by name, whose use is measured.
        close: called last.
    """

    app: FastAPI
    database: Database
    subscriptions: Sequence[Subscription] = ()
    background: Sequence[Callable[[asyncio.Event], Awaitable[None]]] = ()
    pools: Mapping[str, PoolUse] = field(default_factory=dict)
    close: Callable[[], Awaitable[None]] = field(default=_nothing)


@dataclass(frozen=True)
class ServiceDefinition(Generic[SettingsT]):
    """What makes a service, for `schakel_common.cli.main`.

    Attributes:
        name: of the service; those that own topics have a relay.
        settings: its settings class.
        migrations: the folder with ``env.py`` and ``versions/``.
        build: the composition root; opens no connection by itself.
        held: what it holds of people; None for a service that holds nothing that is not elsewhere too.
    """

    name: Name
    settings: type[SettingsT]
    migrations: Path
    build: Callable[[SettingsT], Parts]
    held: Held | None = None

    @property
    def owner(self) -> Service | None:
        """The service as the contracts name it, None when it owns no topic."""
        return next((each for each in get_args(Service) if each == self.name), None)


def serve(definition: ServiceDefinition[Any], settings: ServiceSettings, roles: Collection[Role]) -> None:
    """Run until SIGTERM or SIGINT; without the role ``api`` only the probes are answered."""
    telemetry.configure(definition.name, settings)
    parts = definition.build(settings)
    _add_to_lifespan(parts, definition, settings, roles)
    config = uvicorn.Config(
        parts.app if "api" in roles else _only_probes(parts.app),
        host=settings.host,
        port=settings.port,
        lifespan="on",
        log_config=None,
        access_log=False,
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    try:
        DrainingServer(config, settings.drain_seconds if "api" in roles else 0).run()
    finally:
        telemetry.shutdown()


class DrainingServer(uvicorn.Server):
    """Told to stop, it answers on for a while, and each answer sends its client to another connection.

    A balancer needs a moment to send new connections elsewhere, and connections that are open keep coming here; one
    that is closed while a request is on its way is a failed request.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first SIGTERM; stop at once at a second signal, or where there is nothing to drain."""
        if sig != signal.SIGTERM or self._draining or not (self.started and self._drain_seconds):
            super().handle_exit(sig, frame)
            return
        self._draining = True
        self.config.encoded_headers.append(GOING_AWAY)  # read once a second
        self.server_state.default_headers = [*self.server_state.default_headers, GOING_AWAY]
        loop = asyncio.get_running_loop()
        stop = super().handle_exit
        loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, stop, sig, frame)


@asynccontextmanager
async def running(
    parts: Parts, definition: ServiceDefinition[Any], settings: ServiceSettings, roles: Collection[Role]
) -> AsyncIterator[None]:
    """Run consumers, background work and relay beside the block, as far as the roles say; drain them after it."""
    stop = asyncio.Event()
    pools = {"database": parts.database.use, **parts.pools}
    work = [_start(report_saturation(stop, pools), "saturation", stop)]
    if "consumers" in roles:
        if parts.subscriptions:
            work.append(_start(_consume(parts, definition, settings, stop), "consumers", stop))
        work.extend(_start(each(stop), getattr(each, "__name__", "background"), stop) for each in parts.background)
    if "relay" in roles and definition.owner is not None and settings.kafka_bootstrap:
        work.append(_start(run_relay(settings.database_url, settings, definition.owner, stop), "relay", stop))
    if "relay" in roles and definition.owner is not None and settings.processing_log_endpoint:
        work.append(_start(run_processing_log(settings, definition.name, stop), "processing log", stop))
    try:
        yield
    finally:
        stop.set()
        _, late = await asyncio.wait(work, timeout=DRAIN_SECONDS)
        for task in late:
            _log.error("%s did not end in %d s", task.get_name(), DRAIN_SECONDS)
            task.cancel()
        await parts.close()
        await parts.database.close()


def _start(work: Awaitable[None], name: str, stop: asyncio.Event) -> asyncio.Task[None]:
    async def watched() -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - whatever it was: rather start anew than live on in part
            _log.exception("%s failed: this process ends", name)
        if not stop.is_set():
            signal.raise_signal(signal.SIGTERM)

    return asyncio.create_task(watched(), name=name)


async def _consume(
    parts: Parts, definition: ServiceDefinition[Any], settings: ServiceSettings, stop: asyncio.Event
) -> None:
    """Consume until told to stop; wait for Kafka as long as it takes."""
    names = {topic.name for each in parts.subscriptions for topic in each.topics}
    while not stop.is_set():
        broker = make_broker(settings)
        readers = [
            subscribe(
                broker,
                service=definition.name,
                purpose=each.purpose,
                topics=each.topics,
                database=parts.database,
                settings=settings,
                handler=each.handler,
            )
            for each in parts.subscriptions
        ]
        try:
            await ensure_topics(settings, names)
            await broker.start()
            await _report_lag(readers, stop)
        except (OSError, TimeoutError, KafkaError) as error:
            _log.warning("consumers of %s wait for Kafka: %s", definition.name, type(error).__name__)
            await asyncio.sleep(KAFKA_BACK_OFF_SECONDS)
        finally:
            await broker.stop()


async def _report_lag(readers: Sequence[Reader], stop: asyncio.Event) -> None:
    while not stop.is_set():
        for reader in readers:
            for topic, events in (await reader.lag()).items():
                measure("consumer.lag.events", events, consumer=reader.name, topic=topic)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LAG_EVERY_SECONDS)


def _add_to_lifespan(
    parts: Parts, definition: ServiceDefinition[Any], settings: ServiceSettings, roles: Collection[Role]
) -> None:
    inner = parts.app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with inner(app) as state, running(parts, definition, settings, roles):
            yield state

    parts.app.router.lifespan_context = lifespan


def _only_probes(app: ASGIApp) -> ASGIApp:
    async def probes(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            scope = {**scope, "path": "/not-served-here", "raw_path": b"/not-served-here"}
        await app(scope, receive, send)

    return probes

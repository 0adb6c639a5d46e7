"""Lines about each processing of personal data (Logboek Dataverwerkingen), none left out (`docs/adr/0045`).

A line is written in the transaction of the processing, or before a reader gets its answer, and deleted when the store
has acknowledged it. Telemetry may be dropped; these lines may not. Without a store (`SCHAKEL_PROCESSING_LOG_ENDPOINT`)
nothing is written.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp
import asyncpg
from cryptography.fernet import Fernet
from opentelemetry import trace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from schakel_common.database import DIRECT_FAILURES, Database
from schakel_common.metrics import measure
from schakel_common.plumbing import Operations
from schakel_common.settings import ServiceSettings

ACTIVITIES: Final = "https://schakel.smartindustry.nl/verwerkingen"
"""The register of processing activities: ``docs/privacy/register.md`` says what each one is."""

BATCH_LINES: Final = 500
POLL_SECONDS: Final = 1.0
SEND_SECONDS_MAX: Final = 5.0
BACK_OFF_SECONDS_MAX: Final = 30.0

_TABLE: Final = """
CREATE TABLE processing_line (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigserial UNIQUE,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    activity text NOT NULL,
    subject text NOT NULL,
    trace_id text,
    span_id text
)
"""
_WRITE: Final = text(
    "INSERT INTO processing_line (activity, subject, trace_id, span_id)"
    " SELECT :activity, subject, :trace_id, :span_id FROM unnest(CAST(:subjects AS text[])) AS subject"
)
_NEXT: Final = "SELECT * FROM processing_line ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED"
_DELETE: Final = "DELETE FROM processing_line WHERE id = ANY($1)"
_UNSENT: Final = """
    SELECT coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 FROM processing_line
"""
_log: Final = logging.getLogger(__name__)


def create_processing_lines(op: Operations) -> None:
    """Create the table of the lines, in a migration.

    Args:
        op: alembic's operations.
    """
    op.execute(_TABLE)


async def record(session: AsyncSession, settings: ServiceSettings, activity: str, subjects: Iterable[object]) -> None:
    """Write one line per data subject in the caller's transaction.

    Args:
        session: the unit of work of the processing.
        settings: of the process.
        activity: the last part of its address in the register, such as ``bedrijf-aanmelden``.
        subjects: the id of each data subject, or of the record that stands for it; encrypted here.
    """
    given = list(subjects)
    if not given or not settings.processing_log_endpoint:
        return
    cipher = Fernet(settings.processing_log_key)
    context = trace.get_current_span().get_span_context()
    await session.execute(
        _WRITE,
        {
            "activity": f"{ACTIVITIES}/{activity}",
            "subjects": [cipher.encrypt(str(subject).encode()).decode() for subject in given],
            "trace_id": trace.format_trace_id(context.trace_id) if context.is_valid else None,
            "span_id": trace.format_span_id(context.span_id) if context.is_valid else None,
        },
    )


async def record_reading(
    database: Database, settings: ServiceSettings, activity: str, subjects: Iterable[object]
) -> None:
    """The same for reading: in a transaction of its own, before the answer is given; without it there is no answer."""
    given = list(subjects)
    if given and settings.processing_log_endpoint:
        async with database.unit_of_work() as session:
            await record(session, settings, activity, given)


def activity_of(request: Request) -> str | None:
    """Return which processing of personal data a request is; None when it is none."""
    activities: Mapping[str, str | None] = request.app.state.processings
    route = getattr(request.scope.get("route"), "path", "")
    return activities.get(f"{request.method} {route}")


async def run_processing_log(settings: ServiceSettings, service: str, stop: asyncio.Event) -> None:
    """Send lines until told to stop; one that the store has not acknowledged is sent again.

    It may run beside itself. A line may come twice after a crash: ``log.record.uid`` is then the same.

    Args:
        settings: where the lines are and where they go.
        service: whose lines these are.
        stop: set it to end.
    """
    back_off = POLL_SECONDS
    timeout = aiohttp.ClientTimeout(total=SEND_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        while not stop.is_set():
            try:
                sent = await _send_batch(settings, service, http)
                back_off = POLL_SECONDS
                if sent == BATCH_LINES:
                    continue
                pause = POLL_SECONDS
            except (*DIRECT_FAILURES, aiohttp.ClientError) as error:
                _log.warning("lines about personal data wait for their store: %s", type(error).__name__)
                pause = back_off
                back_off = min(back_off * 2, BACK_OFF_SECONDS_MAX)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)


async def _send_batch(settings: ServiceSettings, service: str, http: aiohttp.ClientSession) -> int:
    connection = await asyncpg.connect(settings.database_url, timeout=5, command_timeout=30)
    try:
        measure("processing_log.oldest.age", await connection.fetchval(_UNSENT), service=service)
        async with connection.transaction():
            rows = await connection.fetch(_NEXT, BATCH_LINES)
            if rows:
                await _post(http, f"{settings.processing_log_endpoint.rstrip('/')}/v1/logs", _request(service, rows))
                await connection.execute(_DELETE, [row["id"] for row in rows])
        return len(rows)
    finally:
        await connection.close()


async def _post(http: aiohttp.ClientSession, url: str, request: ExportLogsServiceRequest) -> None:
    """Send and wait for the acknowledgement of all lines.

    Raises:
        aiohttp.ClientError: the store did not take them, or not all of them.
    """
    headers = {"Content-Type": "application/x-protobuf"}
    async with http.post(url, data=request.SerializeToString(), headers=headers) as reply:
        reply.raise_for_status()
        answer = ExportLogsServiceResponse.FromString(await reply.read())
        if answer.partial_success.rejected_log_records:
            raise aiohttp.ClientPayloadError("the store refused some lines")


def _request(service: str, rows: Iterable[Any]) -> ExportLogsServiceRequest:
    resource = Resource(attributes=[_attribute("service.name", f"schakel-{service}")])
    lines = [
        LogRecord(
            time_unix_nano=int(row["at"].timestamp() * 1_000_000) * 1_000,
            severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
            body=AnyValue(string_value="verwerking"),
            attributes=[
                _attribute("log.record.uid", str(row["id"])),
                _attribute("dpl.core.processing_activity_id", row["activity"]),
                _attribute("dpl.core.data_subject_id", row["subject"]),
                _attribute("dpl.core.status", "ok"),
            ],
            trace_id=bytes.fromhex(row["trace_id"] or ""),
            span_id=bytes.fromhex(row["span_id"] or ""),
        )
        for row in rows
    ]
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=lines)])]
    )


def _attribute(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=value))

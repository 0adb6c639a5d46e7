"""Spans and their trace over process borders, metrics and log lines; an absent collector costs nobody anything."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import get_args

import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otlp_receiver import otlp_receiver

from schakel_common.logs import JsonFormatter
from schakel_common.metrics import METRICS, MetricName, measure
from schakel_common.telemetry import outgoing_headers, span, trace_id_now, traceparent_now
from schakel_common.testing import api_client

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = [each for each in exporter.get_finished_spans() if each.name == name]
    return found


def line_of(record: logging.LogRecord) -> str:
    return JsonFormatter("sample").format(record)


def record(message: str, *args: object, error: BaseException | None = None, **extra: object) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("here", logging.INFO, __file__, 1, message, args, info)
    vars(made).update(extra)
    return made


async def test_a_request_continues_the_trace_of_its_caller(
    make_app: Callable[..., FastAPI], spans: InMemorySpanExporter
) -> None:
    app = make_app()

    @app.get("/v1/inside")
    async def inside() -> dict[str, str]:
        return outgoing_headers()

    async with api_client(app) as client:
        reply = await client.get("/v1/inside?secret=geheim", headers={"traceparent": PARENT})
        accident = await client.get("/v1/accident", headers={"traceparent": PARENT})

    server = named(spans, "GET /v1/inside")
    assert server.context is not None
    assert server.parent is not None
    assert trace.format_trace_id(server.context.trace_id) == TRACE_ID
    assert trace.format_span_id(server.parent.span_id) == "b7ad6b7169203331"
    assert server.kind is trace.SpanKind.SERVER
    assert dict(server.attributes or {}) == {"http.route": "/v1/inside", "http.response.status_code": 200}
    assert reply.json()["traceparent"] == f"00-{TRACE_ID}-{trace.format_span_id(server.context.span_id)}-01"
    assert accident.json()["traceId"] == TRACE_ID


@pytest.mark.parametrize("traceparent", ["nonsense", "00-0-0-00", "x" * 5000, ""])
async def test_a_trace_that_is_none_begins_a_new_one(
    make_app: Callable[..., FastAPI], spans: InMemorySpanExporter, traceparent: str
) -> None:
    async with api_client(make_app()) as client:
        assert (await client.get("/v1/things", headers={"traceparent": traceparent})).status_code == 200

    assert named(spans, "GET /v1/things").parent is None


def test_a_batch_links_to_each_piece_of_work_that_it_continues(spans: InMemorySpanExporter) -> None:
    with span("process", kind="consumer", links=[PARENT, OTHER, "nonsense"], attributes={"batch": 2}):
        pass

    links = named(spans, "process").links
    assert [trace.format_trace_id(link.context.trace_id)[:1] for link in links] == ["0", "1"]


def test_a_stored_traceparent_is_continued_later(spans: InMemorySpanExporter) -> None:
    with span("click", kind="server"):
        stored, trace_id = traceparent_now(), trace_id_now()
    assert traceparent_now() is None
    with span("send", kind="producer", parent=stored):
        assert trace_id_now() == trace_id

    click, send = named(spans, "click"), named(spans, "send")
    assert click.context is not None
    assert send.parent is not None
    assert send.parent.span_id == click.context.span_id


def test_an_error_marks_its_span_by_type_and_not_by_text(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="12345678"), span("work"):
        raise ValueError("kvk 12345678")

    finished = named(spans, "work")
    assert finished.status.description == "ValueError"
    assert "12345678" not in finished.to_json()


def test_every_metric_name_has_a_meaning_and_can_be_recorded() -> None:
    assert set(METRICS) == set(get_args(MetricName))
    for name, metric in METRICS.items():
        assert metric.description.endswith(".")
        measure(name, 1, service="sample")


def test_a_log_line_is_one_json_object_whatever_is_in_it() -> None:
    line = line_of(record('a\r\n{"level":"FATAL"} \x1b[31m \u2028 %s', "b\nc"))

    assert line.isascii()
    assert not any(ord(character) < 32 for character in line)
    assert json.loads(line)["message"] == 'a\r\n{"level":"FATAL"} \x1b[31m \u2028 b\nc'


def test_extra_fields_are_dropped_unless_they_are_known() -> None:
    line = json.loads(
        line_of(record("sent", topic="registry-hubs-v1", count=3, email="els@bedrijf.example", token="x"))
    )

    assert (line["topic"], line["count"]) == ("registry-hubs-v1", 3)
    assert not {"email", "token"} & set(line)


def test_a_line_names_its_trace(spans: InMemorySpanExporter) -> None:
    with span("work", parent=PARENT):
        inside = json.loads(line_of(record("inside")))
    outside = json.loads(line_of(record("outside")))

    assert inside["trace_id"] == TRACE_ID
    assert len(inside["span_id"]) == 16
    assert "trace_id" not in outside
    assert len(spans.get_finished_spans()) == 1


def test_an_error_is_logged_by_type_and_place_and_its_text_only_where_it_is_harmless() -> None:
    def fail(error: Exception) -> None:
        raise error

    def caught(error: Exception) -> dict[str, object]:
        with pytest.raises(type(error)) as raised:
            fail(error)
        found: dict[str, object] = json.loads(line_of(record("failed", error=raised.value)))["error"]
        return found

    database = caught(ValueError("Key (kvk)=(12345678)"))
    network = caught(ConnectionRefusedError("no one there"))

    assert database["type"] == "builtins.ValueError"
    assert "text" not in database
    assert "test_telemetry.py" in str(database["at"])
    assert network["text"] == "no one there"


PROGRAM = """
import logging, sys, time
from schakel_common import telemetry
from schakel_common.settings import ServiceSettings
telemetry.configure("sample", ServiceSettings(database_url="", otlp_endpoint=sys.argv[1]))
begun = time.monotonic()
for number in range(3000):
    with telemetry.span("work"):
        telemetry.measure("relay.sent.count", 1)
assert time.monotonic() - begun < 5, "work waited for the collector"
logging.getLogger("sample").info("done %s", telemetry.traceparent_now())
ending = time.monotonic()
telemetry.shutdown()
assert time.monotonic() - ending < 4, "the end waited for the collector"
"""


def test_without_a_collector_nothing_waits_and_one_line_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "http://127.0.0.1:9"], capture_output=True, text=True, timeout=40, check=True
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["message"] for line in lines if line["logger"] == "sample"] == ["done None"]
    assert len([line for line in lines if line["logger"].startswith("opentelemetry")]) == 1


def test_lines_arrive_at_a_collector_and_say_no_more_than_on_standard_error() -> None:
    program = """
import logging, sys
from schakel_common import telemetry
from schakel_common.settings import ServiceSettings
telemetry.configure("sample", ServiceSettings(database_url="", otlp_endpoint=sys.argv[1]))
with telemetry.span("work"):
    try:
        raise ValueError("kvk 12345678")
    except ValueError:
        logging.getLogger("sample").exception("failed", extra={"topic": "registry-hubs-v1", "email": "els@x.example"})
    logging.getLogger("opentelemetry.sdk").warning("about itself")
telemetry.shutdown()
"""
    with otlp_receiver() as collector:
        done = subprocess.run(
            [sys.executable, "-c", program, collector.endpoint], capture_output=True, text=True, timeout=40, check=True
        )
        printed = json.loads(done.stderr.splitlines()[0])
        (line,) = collector.lines

    assert (line.service, line.message, line.severity) == ("schakel-sample", "failed", "ERROR")
    assert line.trace_id == printed["trace_id"]
    assert set(line.attributes) == {"topic", "exception.type", "exception.stacktrace"}
    assert line.attributes["exception.type"] == "builtins.ValueError"
    assert "12345678" not in str(line)


async def test_spans_and_metrics_arrive_at_a_collector() -> None:
    seen: dict[str, int] = {}
    arrived = asyncio.Event()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        length = next(
            int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        body = await reader.readexactly(length)
        seen[path] = seen.get(path, 0) + body.count(b"schakel-sample")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        if {"/v1/traces", "/v1/metrics"} <= set(seen):
            arrived.set()

    async with await asyncio.start_server(collect, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{port}", stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(40):
            await arrived.wait()
            await program.communicate()

    assert program.returncode == 0
    assert all(count > 0 for count in seen.values())

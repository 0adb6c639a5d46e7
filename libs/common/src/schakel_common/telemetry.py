"""Traces, metrics and log lines: one trace from a click, through the outbox and Kafka, to the view (`docs/adr/0011`).

Everything is exported in batches by threads of its own, with short timeouts; while the collector is away telemetry is
dropped and no request waits for it.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Literal

from opentelemetry import _logs, metrics, trace
from opentelemetry import context as otel_context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schakel_common.logs import CollectorHandler, configure_logs
from schakel_common.metrics import MetricName, measure
from schakel_common.settings import ServiceSettings

__all__ = [
    "MetricName",
    "SpanKind",
    "configure",
    "measure",
    "outgoing_headers",
    "shutdown",
    "span",
    "trace_id_now",
    "traceparent_now",
    "tracer",
]

SpanKind = Literal["internal", "server", "client", "producer", "consumer"]

EXPORT_SECONDS_MAX: Final = 2.0
SHUTDOWN_SECONDS_MAX: Final = 3.0
SPANS_EVERY_MS: Final = 500
SPANS_WAITING_MAX: Final = 4_096
LOGS_EVERY_MS: Final = 1_000
LOGS_WAITING_MAX: Final = 4_096
METRICS_EVERY_MS: Final = 10_000

_KINDS: Final[Mapping[SpanKind, trace.SpanKind]] = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
}
_W3C: Final = TraceContextTextMapPropagator()


def configure(service: str, settings: ServiceSettings) -> None:
    """Set up this process once, before it does anything else.

    Without a collector there are still trace ids, in log lines and in replies; only nothing is sent.
    """
    configure_logs(service, settings.log_level)
    resource = Resource(
        {
            "service.name": f"schakel-{service}",
            "service.namespace": "schakel",
            # Two replicas count apart, and so does a process that comes back under its own name.
            "service.instance.id": f"{settings.instance or socket.gethostname()}-{os.getpid()}",
        }
    )
    sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio))
    tracers = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
    trace.set_tracer_provider(tracers)
    if not settings.otlp_endpoint:
        return
    base = settings.otlp_endpoint.rstrip("/")
    tracers.add_span_processor(
        BatchSpanProcessor(
            OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=EXPORT_SECONDS_MAX),
            max_queue_size=SPANS_WAITING_MAX,
            schedule_delay_millis=SPANS_EVERY_MS,
        )
    )
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=EXPORT_SECONDS_MAX),
        export_interval_millis=METRICS_EVERY_MS,
        export_timeout_millis=EXPORT_SECONDS_MAX * 1000,
    )
    metrics.set_meter_provider(MeterProvider([reader], resource=resource, shutdown_on_exit=False))
    lines = LoggerProvider(resource=resource, shutdown_on_exit=False)
    lines.add_log_record_processor(
        BatchLogRecordProcessor(
            OTLPLogExporter(endpoint=f"{base}/v1/logs", timeout=EXPORT_SECONDS_MAX),
            schedule_delay_millis=LOGS_EVERY_MS,
            max_queue_size=LOGS_WAITING_MAX,
        )
    )
    _logs.set_logger_provider(lines)
    logging.getLogger().addHandler(CollectorHandler(lines))


def shutdown() -> None:
    """Send what is still waiting; whatever is not sent in `SHUTDOWN_SECONDS_MAX` is dropped."""
    sending = threading.Thread(target=_send_the_rest, name="telemetry-shutdown", daemon=True)
    sending.start()
    sending.join(SHUTDOWN_SECONDS_MAX)


def _send_the_rest() -> None:
    tracers, meters, lines = trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()
    if isinstance(tracers, TracerProvider):
        tracers.shutdown()
    if isinstance(meters, MeterProvider):
        meters.shutdown()
    if isinstance(lines, LoggerProvider):
        lines.shutdown()


def tracer(name: str) -> trace.Tracer:
    """Return the tracer of a module."""
    return trace.get_tracer(name)


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = "internal",
    parent: str | None = None,
    links: Sequence[str] = (),
    attributes: Mapping[str, str | int | float | bool] | None = None,
) -> Iterator[trace.Span]:
    """Do a piece of work inside a span; an error that leaves it marks the span by its type only.

    Args:
        name: low in variety, such as ``send registry-companies-v1``.
        kind: its role (OpenTelemetry's span kinds).
        parent: the ``traceparent`` of the work this continues; None continues what is going on here.
        links: the ``traceparent`` of each piece of work that a batch continues.
        attributes: names and numbers; no personal data.
    """
    found = [link for link in (_link(traceparent) for traceparent in links) if link is not None]
    with trace.get_tracer("schakel").start_as_current_span(
        name,
        context=None if parent is None else _W3C.extract({"traceparent": parent}, otel_context.Context()),
        kind=_KINDS[kind],
        links=found,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


def traceparent_now() -> str | None:
    """Return the W3C ``traceparent`` of the work that is going on, None when it is not traced."""
    return outgoing_headers().get("traceparent")


def outgoing_headers() -> dict[str, str]:
    """Return the headers that an outgoing HTTP request carries so that the trace goes on there."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier


def trace_id_now() -> str | None:
    """Return the id of the trace that is going on, as 32 hexadecimal digits."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def _link(traceparent: str) -> trace.Link | None:
    linked = trace.get_current_span(
        _W3C.extract({"traceparent": traceparent}, otel_context.Context())
    ).get_span_context()
    return trace.Link(linked) if linked.is_valid else None

"""A small OTLP/HTTP receiver: it keeps the spans, metrics and log lines that the services send, for tests."""

import gzip
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class ReceivedSpan:
    """One span, with ids in hexadecimal; ``links`` are the trace ids it links to."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReceivedLine:
    """One log line."""

    service: str
    message: str
    severity: str
    trace_id: str
    attributes: dict[str, str]


@dataclass
class OtlpReceiver:
    """What was received so far, and the address that services send it to.

    Attributes:
        metrics: each metric's name, with the services that sent it.
        lines: log lines.
    """

    endpoint: str = ""
    metrics: dict[str, set[str]] = field(default_factory=dict)
    lines: list[ReceivedLine] = field(default_factory=list)
    _spans: list[ReceivedSpan] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes) -> None:
        """Keep the spans of one export."""
        request = ExportTraceServiceRequest.FromString(body)
        received = [
            ReceivedSpan(
                service=next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name"),
                name=span.name,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                links=tuple(link.trace_id.hex() for link in span.links),
            )
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._arrived:
            self._spans += received
            self._arrived.notify_all()

    def take_metrics(self, body: bytes) -> None:
        """Keep the names of one export."""
        request = ExportMetricsServiceRequest.FromString(body)
        with self._arrived:
            for resource in request.resource_metrics:
                service = _text_of(resource.resource.attributes, "service.name")
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self.metrics.setdefault(metric.name, set()).add(service)
            self._arrived.notify_all()

    def take_lines(self, body: bytes) -> None:
        """Keep the log lines of one export."""
        request = ExportLogsServiceRequest.FromString(body)
        received = [
            ReceivedLine(
                service=_text_of(resource.resource.attributes, "service.name"),
                message=line.body.string_value,
                severity=line.severity_text,
                trace_id=line.trace_id.hex(),
                attributes={each.key: each.value.string_value for each in line.attributes},
            )
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for line in scope.log_records
        ]
        with self._arrived:
            self.lines += received
            self._arrived.notify_all()

    def wait_for(self, enough: Callable[["OtlpReceiver"], bool], *, timeout_seconds: float) -> bool:
        """Wait until what was received is enough; return whether it is."""
        with self._arrived:
            return self._arrived.wait_for(lambda: enough(self), timeout=timeout_seconds)

    def wait_for_spans(
        self, trace_id: str, enough: Callable[[list[ReceivedSpan]], bool], *, timeout_seconds: float
    ) -> list[ReceivedSpan]:
        """Wait until the spans of a trace are enough; return what came, enough or not."""

        def found() -> list[ReceivedSpan]:
            return [span for span in self._spans if trace_id in (span.trace_id, *span.links)]

        with self._arrived:
            self._arrived.wait_for(lambda: enough(found()), timeout=timeout_seconds)
            return found()


def _text_of(attributes: Iterable[KeyValue], name: str) -> str:
    return next((each.value.string_value for each in attributes if each.key == name), "")


@contextmanager
def otlp_receiver(port: int = 0) -> Iterator[OtlpReceiver]:
    """Run a receiver on a port of the loopback address, by default a free one."""
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            {"/v1/traces": receiver.take, "/v1/metrics": receiver.take_metrics, "/v1/logs": receiver.take_lines}[
                self.path
            ](body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the test asserts on what came."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)

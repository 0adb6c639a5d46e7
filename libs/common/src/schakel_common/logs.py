"""One JSON object per log line, with the trace it belongs to and without personal data.

A line holds the message, and of the extra fields only those on `EXTRA_FIELDS`. JSON in ASCII escapes line breaks and
terminal codes, so no value can forge a line. Of an error the type and the places are written; its text only where it
cannot hold what a user typed (a database names the offending row in its error texts, a parser the offending value).
"""

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry import _logs, context, trace

EXTRA_FIELDS: Final = frozenset(
    {
        "aggregate_kind",
        "batch_size",
        "consumer",
        "count",
        "duration_ms",
        "event_id",
        "event_type",
        "method",
        "offset",
        "part",
        "partition",
        "position",
        "reason",
        "retry",
        "route",
        "seq",
        "status",
        "topic",
    }
)
"""Extra fields that may be logged: names, numbers and opaque ids. Whatever else is given is dropped."""

_TEXT_IS_SAFE: Final = (OSError, RuntimeError, ImportError)
_TELEMETRY_LINE_EVERY_SECONDS: Final = 60.0
_FRAMES_MAX: Final = 30
_SEVERITIES: Final = {
    logging.DEBUG: _logs.SeverityNumber.DEBUG,
    logging.INFO: _logs.SeverityNumber.INFO,
    logging.WARNING: _logs.SeverityNumber.WARN,
    logging.ERROR: _logs.SeverityNumber.ERROR,
    logging.CRITICAL: _logs.SeverityNumber.FATAL,
}


class JsonFormatter(logging.Formatter):
    """Formats a record as described above.

    Args:
        service: the name that every line carries.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line break in it."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
            line["span_id"] = trace.format_span_id(context.span_id)
        line.update(extra_fields(record))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = error_fields(record.exc_info[1])
        return json.dumps(line, default=str)


class _TelemetryOncePerMinute(logging.Filter):
    """Lets one line per minute through about an unreachable collector, which would else say so with every batch."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -_TELEMETRY_LINE_EVERY_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("opentelemetry"):
            return True
        if time.monotonic() - self._last < _TELEMETRY_LINE_EVERY_SECONDS:
            return False
        self._last = time.monotonic()
        return True


class CollectorHandler(logging.Handler):
    """Gives each line to OpenTelemetry too, with exactly what the line on standard error says.

    The SDK's own handler would send every extra field and the text of every error. What telemetry says about itself
    stays here: a collector that is away would hear of it with every batch.

    Args:
        provider: sends the lines, in a thread of its own.
    """

    def __init__(self, provider: _logs.LoggerProvider) -> None:
        super().__init__()
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one line over; never waits."""
        if record.name.startswith("opentelemetry"):
            return
        attributes: dict[str, Any] = {name: _plain(value) for name, value in extra_fields(record).items()}
        if record.exc_info and record.exc_info[1] is not None:
            error = error_fields(record.exc_info[1])
            attributes["exception.type"] = error["type"]
            attributes["exception.stacktrace"] = "\n".join(error["at"])
            if "text" in error:
                attributes["exception.message"] = error["text"]
        self._provider.get_logger(record.name).emit(
            timestamp=int(record.created * 1e9),
            context=context.get_current(),
            severity_text=record.levelname,
            severity_number=_SEVERITIES.get(record.levelno, _logs.SeverityNumber.INFO),
            body=record.getMessage(),
            attributes=attributes,
        )


def _plain(value: object) -> str | int | float | bool:
    return value if isinstance(value, str | int | float | bool) else str(value)


def configure_logs(service: str, level: str) -> None:
    """Send every log line of this process to standard error, as JSON; replaces what was configured before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    handler.addFilter(_TelemetryOncePerMinute())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # its lines hold whole addresses, with their queries
    logging.getLogger("aiokafka").setLevel(logging.WARNING)


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return those of a record's extra fields that may be written."""
    return {name: value for name, value in vars(record).items() if name in EXTRA_FIELDS}


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return what may be written of an error: its type, its places, its text where that is harmless, its cause."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    shown: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, _TEXT_IS_SAFE):
        shown["text"] = str(error)
    if error.__cause__ is not None:
        shown["cause"] = error_fields(error.__cause__)
    return shown

"""The metrics of the services: every name, its unit and its meaning in one table, and one function to record them."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, TypedDict, Unpack, cast

import msgspec
from opentelemetry import metrics

MetricName = Literal[
    "outbox.unsent.count",
    "outbox.oldest.age",
    "relay.batch.size",
    "relay.sent.count",
    "relay.failure.count",
    "consumer.batch.size",
    "consumer.event.count",
    "consumer.retry.count",
    "consumer.stopped.count",
    "consumer.lag.events",
    "dead_letter.count",
    "dead_letter.waiting.count",
    "projection.lag.events",
    "projection.lag.seconds",
    "projection.batch.size",
    "view.position",
    "view.watermark.age",
    "ryw.wait.duration",
    "ryw.timeout.count",
    "http.server.request.duration",
    "idempotency.repeat.count",
    "token.refused.count",
    "verify.difference.count",
    "verify.proof.age",
    "journey.step.count",
    "processing_log.oldest.age",
    "account.waiting.count",
    "account.oldest.age",
    "graphql.error.count",
    "database.pool.used",
    "database.pool.limit",
    "event_loop.lag",
]


class Labels(TypedDict, total=False):
    """What a measurement may be split by: closed sets only, never an aggregate's or a user's id."""

    service: str
    topic: str
    consumer: str
    reason: str
    method: str
    route: str
    status: int
    view: str
    event_type: str
    pool: str


class Metric(msgspec.Struct, frozen=True):
    """What a metric means.

    Attributes:
        kind: ``counter`` adds up, ``histogram`` keeps a distribution, ``gauge`` keeps the last value.
        unit: UCUM, such as ``s``, or ``{event}`` for a count of events.
        description: one sentence.
    """

    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    description: str


METRICS: Final[Mapping[MetricName, Metric]] = MappingProxyType(
    {
        "outbox.unsent.count": Metric("gauge", "{event}", "Events that Kafka has not acknowledged yet."),
        "outbox.oldest.age": Metric("gauge", "s", "Age of the oldest unsent event."),
        "relay.batch.size": Metric("histogram", "{event}", "Events in one batch of the relay."),
        "relay.sent.count": Metric("counter", "{event}", "Events that Kafka acknowledged."),
        "relay.failure.count": Metric("counter", "{batch}", "Batches that are sent again because sending failed."),
        "consumer.batch.size": Metric("histogram", "{event}", "Events in one batch of a consumer."),
        "consumer.event.count": Metric("counter", "{event}", "Events that a consumer handled."),
        "consumer.retry.count": Metric("counter", "{batch}", "Batches that a consumer tried again."),
        "consumer.stopped.count": Metric("counter", "{consumer}", "Consumers that stopped after many dead letters."),
        "consumer.lag.events": Metric("gauge", "{event}", "Events of a topic that a consumer has not read yet."),
        "dead_letter.count": Metric("counter", "{event}", "Events that went to a dead-letter topic, by reason."),
        "dead_letter.waiting.count": Metric("gauge", "{event}", "Records that the view put aside and still holds."),
        "projection.lag.events": Metric("gauge", "{event}", "Events of a topic that the view has not applied yet."),
        "projection.lag.seconds": Metric("gauge", "s", "Time between recording and applying of the last event."),
        "projection.batch.size": Metric("histogram", "{event}", "Events in one batch of the projector."),
        "view.position": Metric("gauge", "{batch}", "Position of the view: rises with each batch."),
        "view.watermark.age": Metric("gauge", "s", "Age of the moment below which every topic is complete."),
        "ryw.wait.duration": Metric("histogram", "s", "Time that a read or a command waited for its token."),
        "ryw.timeout.count": Metric("counter", "{request}", "Waits for a token that ended without the news."),
        "http.server.request.duration": Metric("histogram", "s", "Time to answer a request, by route and status."),
        "idempotency.repeat.count": Metric("counter", "{request}", "Commands answered with the stored reply."),
        "token.refused.count": Metric("counter", "{request}", "Requests whose access token was refused."),
        "verify.difference.count": Metric("gauge", "{version}", "Versions in which journals and view differ."),
        "verify.proof.age": Metric(
            "gauge", "s", "Time since journals and view were last proven equal; since 1970 when they never were."
        ),
        "journey.step.count": Metric("counter", "{event}", "Steps that users took: committed events, by type."),
        "processing_log.oldest.age": Metric("gauge", "s", "Age of the oldest unsent line about personal data."),
        "account.waiting.count": Metric("gauge", "{account}", "Accounts of erased people that are still at Keycloak."),
        "account.oldest.age": Metric("gauge", "s", "Time since the oldest of them should have been deleted."),
        "graphql.error.count": Metric("counter", "{error}", "Errors in answers to GraphQL operations, by code."),
        "database.pool.used": Metric("gauge", "{connection}", "Connections of a pool that are in use."),
        "database.pool.limit": Metric("gauge", "{connection}", "Connections that a pool may hold."),
        "event_loop.lag": Metric("gauge", "s", "How late the process did what was due, at worst in five seconds."),
    }
)


SECONDS_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Of histograms in seconds: a request is given up after ten."""


def measure(name: MetricName, value: float, **labels: Unpack[Labels]) -> None:
    """Record one value of a metric; cheap, never raises, and goes nowhere while telemetry is off."""
    attributes = cast("dict[str, str | int]", labels)
    instrument = _instrument(name)
    if isinstance(instrument, metrics.Counter):
        instrument.add(value, attributes)
    elif isinstance(instrument, metrics.Histogram):
        instrument.record(value, attributes)
    else:
        instrument.set(value, attributes)


@cache
def _instrument(name: MetricName) -> "metrics.Counter | metrics.Histogram | metrics._Gauge":
    metric = METRICS[name]
    meter = metrics.get_meter("schakel")
    full_name = f"schakel.{name}"
    if metric.kind == "counter":
        return meter.create_counter(full_name, metric.unit, metric.description)
    if metric.kind == "histogram":
        buckets = SECONDS_BUCKETS if metric.unit == "s" else None
        return meter.create_histogram(
            full_name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=buckets
        )
    return meter.create_gauge(full_name, metric.unit, metric.description)

"""One trace shows the page, the gateway, the service, its outbox, Kafka and the view."""

import secrets

import pytest
from otlp_receiver import OtlpReceiver
from running import RunningStack
from steps import mutation, new_kvk_number

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


def test_one_trace_goes_from_the_client_to_the_view(running_stack: RunningStack, traces: OtlpReceiver) -> None:
    trace_id = secrets.token_hex(16)
    given = {
        "kvkNumber": new_kvk_number(),
        "name": "Spoor B.V.",
        "postcode": "2628 CD",
        "sizeClass": "SMALL",
        "contact": {"name": "T. Spoor"},
    }
    reply = running_stack.graphql(
        mutation("registerCompany", "company { id }"),
        {"input": given},
        user="company",
        headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"},
    )
    assert reply.data["registerCompany"]["problem"] is None

    def names(service: str) -> set[str]:
        return {span.name for span in spans if span.service == service}

    expected = {"schakel-gateway", "schakel-registry", "schakel-matching"}
    spans = traces.wait_for_spans(
        trace_id,
        lambda found: (
            expected <= {span.service for span in found}
            and any("project" in span.name for span in found)
            and any("relay" in span.name or "send" in span.name for span in found)
        ),
        timeout_seconds=20,
    )

    assert expected <= {span.service for span in spans}
    assert any("send" in name or "relay" in name for name in names("schakel-registry")), names("schakel-registry")
    assert any("project" in name for name in names("schakel-gateway")), names("schakel-gateway")
    assert names("schakel-matching"), "the consumer continues the trace"


def test_the_same_trace_begins_at_the_page(running_stack: RunningStack, traces: OtlpReceiver) -> None:
    trace_id = secrets.token_hex(16)
    reply = running_stack.get_page("/fieldlabs", headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"})
    assert reply.status_code == 200

    spans = traces.wait_for_spans(
        trace_id,
        lambda found: {"schakel-portal", "schakel-gateway"} <= {span.service for span in found},
        timeout_seconds=20,
    )

    by_id = {span.span_id: span for span in spans}
    gateway = next(span for span in spans if span.service == "schakel-gateway")
    ancestors = set()
    while gateway.parent_id in by_id:
        gateway = by_id[gateway.parent_id]
        ancestors.add(gateway.service)
    assert "schakel-portal" in ancestors

"""Every metric that a dashboard or an alert reads is sent by the running platform; log lines come with their trace."""

import os
import secrets
import subprocess
import sys

import pytest
from metric_names import used_metrics
from otlp_receiver import OtlpReceiver
from running import ROOT, RunningStack
from steps import mutation, new_kvk_number

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

SERVICES = {"schakel-portal", "schakel-gateway", "schakel-registry", "schakel-matching", "schakel-events"}
EXPORT_SECONDS = 30.0


def register(stack: RunningStack, **options: str) -> str:
    given = {
        "kvkNumber": new_kvk_number(),
        "name": "Meting B.V.",
        "postcode": "2628 CD",
        "sizeClass": "SMALL",
        "contact": {"name": "M. Meting"},
    }
    reply = stack.graphql(
        mutation("registerCompany", "company { id }"), {"input": given}, user="company", headers=options
    )
    assert reply.data["registerCompany"]["problem"] is None
    return str(reply.data["registerCompany"]["token"])


def test_every_metric_of_dashboards_and_alerts_is_sent(running_stack: RunningStack, traces: OtlpReceiver) -> None:
    token = register(running_stack)
    assert running_stack.graphql("{ fieldlabs { totalCount } }", read_after=token).status == 200
    assert running_stack.get_page("/fieldlabs").status_code == 200
    proof = subprocess.run(
        [sys.executable, "-m", "schakel_local", "verify"],
        cwd=ROOT,
        env=os.environ | {"SCHAKEL_DATA": str(running_stack.directory), "SCHAKEL_OTLP_ENDPOINT": traces.endpoint},
        capture_output=True,
        text=True,
        check=False,
    )
    assert proof.returncode == 0, proof.stdout + proof.stderr
    wanted = {f"schakel.{name}" for name in used_metrics()}

    traces.wait_for(lambda received: wanted <= set(received.metrics), timeout_seconds=EXPORT_SECONDS)

    assert wanted - set(traces.metrics) == set()
    assert traces.metrics["schakel.event_loop.lag"] == SERVICES
    assert traces.metrics["schakel.http.server.request.duration"] == SERVICES
    assert traces.metrics["schakel.outbox.oldest.age"] == {"schakel-registry", "schakel-matching", "schakel-events"}
    assert traces.metrics["schakel.consumer.lag.events"] >= {"schakel-matching", "schakel-events"}
    assert traces.metrics["schakel.verify.proof.age"] == {"schakel-gateway"}


def test_log_lines_arrive_with_the_trace_they_belong_to(running_stack: RunningStack, traces: OtlpReceiver) -> None:
    trace_id = secrets.token_hex(16)
    register(running_stack, traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")

    def services(received: OtlpReceiver) -> set[str]:
        return {line.service for line in received.lines if line.trace_id == trace_id and line.message == "request"}

    traces.wait_for(
        lambda received: {"schakel-gateway", "schakel-registry"} <= services(received), timeout_seconds=EXPORT_SECONDS
    )

    assert {"schakel-gateway", "schakel-registry"} <= services(traces)

import pytest

from schakel_local.kafka import KafkaSetupError, ensure_topics
from schakel_local.ports import any_free


async def test_a_broker_that_makes_no_topics_is_said_in_a_sentence() -> None:
    nobody = f"127.0.0.1:{any_free()}"
    with pytest.raises(KafkaSetupError) as refused:
        await ensure_topics(nobody, {"registry-hubs-v1": 12})
    assert str(refused.value) == (
        f"Kafka at {nobody} does not make topics (KafkaConnectionError): is the machine busy? Try again"
    )

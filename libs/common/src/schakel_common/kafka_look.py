"""What `doctor` asks Kafka beyond what its clients ask: why nobody gets in, and what this user may do with a topic."""

import ssl
from collections.abc import Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import AuthenticationFailedError, KafkaError, SaslAuthenticationFailed

from schakel_common.broker import kafka_connection
from schakel_common.kafka_metadata import MetadataRequest
from schakel_common.settings import ServiceSettings

RIGHTS: Final = {"READ": 3, "WRITE": 4, "DESCRIBE": 8}
"""Of a topic, with Kafka's own number of each (AclOperation)."""
_NOT_SAID: Final = -(2**31)


async def why_nobody_gets_in(settings: ServiceSettings, seconds: float) -> str:
    """Connect to the first broker as the clients do, and say in one sentence why that fails.

    The clients themselves only say that no broker could be reached.

    Args:
        settings: where the broker is and who we are; the password is in no sentence.
        seconds: how long to wait at most.
    """
    host, _, port = settings.kafka_bootstrap.partition(",")[0].rpartition(":")
    given = kafka_connection(settings) | {"request_timeout_ms": int(seconds * 1000)}
    del given["bootstrap_servers"]
    if given.get("sasl_mechanism") is None:
        given.pop("sasl_mechanism", None)
    place = settings.kafka_bootstrap
    try:
        connection = await create_conn(host, int(port), **given)
    except ssl.SSLCertVerificationError as error:
        return (
            f"{place} shows a certificate that is not trusted ({error.verify_message}): name the file of its CA in "
            "SCHAKEL_KAFKA_CA_FILE."
        )
    except (ssl.SSLError, ConnectionResetError):  # Kafka hangs up on a hello that it does not understand
        return f"{place} and we do not both speak TLS: set SCHAKEL_KAFKA_TLS as the listener at this port is."
    except (AuthenticationFailedError, SaslAuthenticationFailed):
        return (
            f"{place} refuses {settings.kafka_username} or its password: set SCHAKEL_KAFKA_PASSWORD in the secret, and "
            f"see that the user is there with {settings.kafka_mechanism}."
        )
    except (KafkaError, OSError, TimeoutError, ValueError) as error:
        return f"{place} does not answer ({type(error).__name__}): check SCHAKEL_KAFKA_BOOTSTRAP and the way to it."
    connection.close()
    return f"{place} answers, but not for long enough to ask: try again."


async def rights(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return which of `RIGHTS` this user has, per topic that it may see; of a broker that does not say, all of them.

    Args:
        admin: a started client.
        topics: full names.
    """
    node = admin._client.get_random_node()  # noqa: SLF001 - the client offers no way to send a request of ours
    answer: Any = await admin._client.send(node, MetadataRequest(topics, rights=True))  # noqa: SLF001 - the same
    found: dict[str, frozenset[str]] = {}
    for error_code, name, _id, _internal, _partitions, bits, _tags in answer.topics:
        if not error_code:
            held = (right for right, number in RIGHTS.items() if bits == _NOT_SAID or bits >> number & 1)
            found[name] = frozenset(held)
    return found

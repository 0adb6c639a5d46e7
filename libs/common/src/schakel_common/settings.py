"""What a process is told from outside: environment variables with the prefix ``SCHAKEL_``, and nothing else."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

FERNET_KEY_CHARACTERS: Final = 44
_SOURCE_PREFIX: Final = "urn:nld:oin:00000000000000000000:systeem:schakel-"


def event_source_of(service: str) -> str:
    """Return the CloudEvents ``source`` of a service: a URN of organisation and system, never a location.

    The organisation number is zero until the owner of the installation has one; a real one is set in the settings.
    """
    return f"{_SOURCE_PREFIX}{service}"


class ServiceSettings(BaseSettings):
    """The settings that every service has; a service's own class adds to them and sets its ``port``.

    Lists are written with commas: ``SCHAKEL_ALLOWED_CLIENTS=schakel-portal,schakel-cli``.

    Attributes:
        database_url: ``postgresql://user:password@host:port/database`` of the service's own database.
        kafka_bootstrap: ``host:port`` of a broker; may be empty for a process without consumers and relay.
        kafka_tls: whether brokers are spoken to by TLS; they must then show a certificate that is trusted and theirs.
        kafka_ca_file: PEM file of the authorities that brokers' certificates come from; None means those of the system.
        kafka_certificate_file: PEM file with our own certificate, for brokers that ask for one.
        kafka_key_file: PEM file with its private key.
        kafka_username: who we are to the brokers (SASL); empty: nobody, or whom the certificate names.
        kafka_password: the password of that name.
        kafka_mechanism: how the password is proved.
        topic_prefix: put before every topic and group name; for tests that share one broker.
        instance: a name of this process that no other running one has and that it keeps when it starts anew, such as
            the name of a StatefulSet's pod; consumers then take up their partitions at once. Empty: none.
        issuer: the realm's address; must equal a token's ``iss`` to the letter.
        jwks_url: where the realm's public keys are; empty means below the issuer.
        audience: must be in a token's ``aud``.
        allowed_clients: clients whose users may call (a token's ``azp``).
        service_clients: clients that call for themselves (client credentials); their only scope is
            ``service:<client id>``, whatever groups the token names.
        event_source: the CloudEvents ``source``; empty means `event_source_of` the service.
        otlp_endpoint: base address of an OTLP/HTTP collector; empty turns traces and metrics off.
        processing_log_endpoint: base address of the OTLP/HTTP store for lines about personal data; empty writes none.
        processing_log_key: Fernet key that encrypts the data subject in those lines; needed with the endpoint.
        trace_ratio: the part of the traces that start here which is kept, 0 to 1; a caller's decision is followed.
        host: the address to listen on.
        port: the port to listen on.
        log_level: the least level that is logged.
        not_yet_known_wait_seconds: how long a command or a read waits for what its token names.
        read_only: whether commands are refused with 503 `read-only`; reads, consumers and the relay go on.
        trusted_proxies: addresses or networks whose ``X-Forwarded-For`` is believed; others name themselves.
        request_seconds_max: after this a request is given up, rolled back and answered with 503.
        drain_seconds: how long the API still answers after SIGTERM, until whoever sends requests here knows better.
    """

    model_config = SettingsConfigDict(env_prefix="SCHAKEL_", extra="ignore")

    database_url: str = Field(repr=False)
    kafka_bootstrap: str = ""
    kafka_tls: bool = False
    kafka_ca_file: Path | None = None
    kafka_certificate_file: Path | None = None
    kafka_key_file: Path | None = None
    kafka_username: str = ""
    kafka_password: str = Field(default="", repr=False)
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    topic_prefix: str = ""
    instance: str = ""
    issuer: str = ""
    jwks_url: str = ""
    audience: str = "schakel-api"
    allowed_clients: Annotated[list[str], NoDecode] = [
        "schakel-portal",
        "schakel-gateway",
        "schakel-load",
        "schakel-cli",
    ]
    service_clients: Annotated[list[str], NoDecode] = ["schakel-verify", "schakel-events"]
    event_source: str = ""
    otlp_endpoint: str = ""
    processing_log_endpoint: str = ""
    processing_log_key: str = Field(default="", repr=False)
    trace_ratio: float = Field(default=1.0, ge=0, le=1)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    log_level: str = "INFO"
    not_yet_known_wait_seconds: float = Field(default=2.0, ge=0, le=30)
    read_only: bool = False
    trusted_proxies: Annotated[list[str], NoDecode] = ["127.0.0.1"]
    request_seconds_max: float = Field(default=10.0, gt=0)
    drain_seconds: float = Field(default=0.0, ge=0, le=60)

    @model_validator(mode="after")
    def _key_with_endpoint(self) -> Self:
        if self.processing_log_endpoint and len(self.processing_log_key) != FERNET_KEY_CHARACTERS:
            raise ValueError("set SCHAKEL_PROCESSING_LOG_KEY to a Fernet key: 32 random bytes in URL-safe base64")
        return self

    @field_validator("allowed_clients", "service_clients", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _kafka_is_told_whole(self) -> Self:
        if bool(self.kafka_username) != bool(self.kafka_password):
            raise ValueError("set SCHAKEL_KAFKA_USERNAME and SCHAKEL_KAFKA_PASSWORD together, or neither")
        if (self.kafka_certificate_file is None) != (self.kafka_key_file is None):
            raise ValueError("set SCHAKEL_KAFKA_CERTIFICATE_FILE and SCHAKEL_KAFKA_KEY_FILE together, or neither")
        if (self.kafka_ca_file or self.kafka_certificate_file) and not self.kafka_tls:
            raise ValueError("certificates of Kafka are for TLS: set SCHAKEL_KAFKA_TLS to true, or leave them out")
        return self

    @property
    def keys_url(self) -> str:
        """Where the public keys of the issuer are (JWKS)."""
        return self.jwks_url or f"{self.issuer}/protocol/openid-connect/certs"

    @property
    def realm_url(self) -> str:
        """Where the realm is reached from here: beside its keys, where these have an address of their own."""
        suffix = "/protocol/openid-connect/certs"
        return self.keys_url.removesuffix(suffix) if self.keys_url.endswith(suffix) else self.issuer

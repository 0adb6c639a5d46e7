"""What a gateway process is told from outside, beside what every service is told."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from schakel_common.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Settings of the gateway.

    Attributes:
        registry_url: base address of the registry's API.
        matching_url: base address of matching's API.
        events_url: base address of the API of events.
        pool_size: connections to the view's database per process; one more listens for new positions.
        introspection: whether an anonymous caller may introspect the schema and gets "did you mean"; off in production,
            where the schema is published as a file.
        allowed_origins: web origins that may open a WebSocket; other origins than one's own are refused.
        subscriptions_per_connection_max: at once, on one socket.
        owner_seconds_max: how long a command waits for its service, and a reader for what it has to work out.
        private_seconds_max: how long an answer waits for private fields before it says UNAVAILABLE.
        anonymous_per_minute: requests of one address without a token; 0 is no limit.
        signed_in_per_minute: requests of one user or client with a token; 0 is no limit.
        anonymous_commands_per_minute: drafts and call-backs of one address; 0 is no limit.
        verify_client_secret: of the client ``schakel-verify``; only ``verify`` needs it.
    """

    port: int = Field(default=8000, ge=0, le=65535)
    registry_url: str = ""
    matching_url: str = ""
    events_url: str = ""
    pool_size: int = Field(default=5, ge=1)
    introspection: bool = True
    allowed_origins: Annotated[list[str], NoDecode] = Field(default_factory=list)
    subscriptions_per_connection_max: int = Field(default=20, ge=1)
    owner_seconds_max: float = Field(default=8.0, gt=0)
    private_seconds_max: float = Field(default=3.0, gt=0)
    anonymous_per_minute: int = Field(default=1200, ge=0)
    signed_in_per_minute: int = Field(default=3000, ge=0)
    anonymous_commands_per_minute: int = Field(default=120, ge=0)
    verify_client_secret: str = Field(default="", repr=False)

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

"""A sample service with one of everything, to test what every service gets from the factory."""

from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query
from pydantic import Field, field_validator
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import Response

from schakel_common.bodies import ApiModel, broken_rule
from schakel_common.commands import AnonymousCommandDep, Changed, CommandDep, check_version
from schakel_common.database import Database
from schakel_common.http import OptionalPrincipalDep, PrincipalDep, create_app
from schakel_common.problems import Problem
from schakel_common.settings import ServiceSettings
from schakel_common.testing import TokenIssuer, api_client, service_database
from schakel_contracts.envelope import Reference
from schakel_local.fixtures import PostgresServer

THING = UUID("11111111-1111-4111-8111-111111111111")

router = APIRouter(prefix="/v1", tags=["things"])


class Contact(ApiModel):
    name: str = Field(min_length=1, max_length=20)
    phone: str | None = None


class Thing(ApiModel):
    kvk_number: str = Field(pattern=r"^\d{8}$")
    contact: Contact
    size_class: Literal["micro", "small"] = "micro"
    effective_date: date | None = None
    sbi: list[str] = Field(default=[], max_length=2)

    @field_validator("kvk_number")
    @classmethod
    def _not_all_zero(cls, value: str) -> str:
        if value == "00000000":
            raise broken_rule("kvk-number-zero", "This KvK number is never given out.")
        return value


class ThingReply(ApiModel):
    id: UUID
    token: str | None


@router.post("/things", status_code=201, response_model=ThingReply)
async def register_thing(body: Thing, command: CommandDep) -> Response:
    async def register(session: AsyncSession) -> Changed:
        await session.execute(
            text("INSERT INTO thing (id, name) VALUES (gen_random_uuid(), :name)"), {"name": body.contact.name}
        )
        if body.contact.name == "conflict":
            raise Problem("conflict", "this name is never free")
        return Changed(
            body={"id": THING, "by": command.principal.subject},
            references=[Reference("company", THING, 1, 3)],
            status=201,
            etag_version=3,
            location=f"/v1/things/{THING}",
        )

    return await command.run(register)


@router.patch("/things/{thing_id}", response_model=ThingReply)
async def change_thing(thing_id: UUID, command: CommandDep) -> Response:
    async def change(_session: AsyncSession) -> Changed:
        check_version(command.expected_version, 3)
        return Changed(body={"id": thing_id}, etag_version=4)

    return await command.run(change)


@router.post("/drafts", status_code=201, response_model=ThingReply)
async def make_draft(command: AnonymousCommandDep) -> Response:
    async def make(session: AsyncSession) -> Changed:
        await session.execute(text("INSERT INTO thing (id, name) VALUES (gen_random_uuid(), 'draft')"))
        return Changed(body={"id": THING, "caller": command.caller and command.caller.subject}, status=201)

    return await command.run(make)


@router.get("/things")
async def list_things(
    home_hub: Annotated[str | None, Query(alias="homeHub")] = None, first: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, str | int | None]:
    return {"homeHub": home_hub, "first": first}


@router.get("/me")
async def me(principal: PrincipalDep) -> dict[str, list[str] | str]:
    return {"subject": principal.subject, "scopes": sorted(principal.scopes)}


@router.get("/greeting")
async def greeting(principal: OptionalPrincipalDep) -> dict[str, str]:
    return {"hello": principal.subject if principal else "stranger"}


@router.get("/accident")
async def accident() -> dict[str, str]:
    raise LookupError("SELECT secret FROM somewhere WHERE kvk = '12345678'")


@router.get("/no-database")
async def no_database() -> dict[str, str]:
    raise ConnectionRefusedError("127.0.0.1:5432")


def sample_app(settings: ServiceSettings, issuer: TokenIssuer, *, is_ready: bool = True) -> FastAPI:
    async def ready() -> None:
        if not is_ready:
            raise RuntimeError("relation secret_table does not exist")

    return create_app(
        title="Sample",
        version="1.2.3",
        settings=settings,
        routers=[router],
        ready=ready,
        verifier=issuer.verifier(settings),
        database=Database(settings.database_url),
    )


@pytest.fixture(scope="session")
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
async def database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    async with service_database(postgres_server, "sample", Path(__file__).parent / "sample_migrations") as url:
        yield url


@pytest.fixture
def settings() -> ServiceSettings:
    return ServiceSettings(database_url="postgresql://nobody:nothing@127.0.0.1:9/none", not_yet_known_wait_seconds=0)


MakeApp = Callable[..., FastAPI]


@pytest.fixture
def make_app(settings: ServiceSettings, issuer: TokenIssuer) -> MakeApp:
    def make(url: str = settings.database_url, *, is_ready: bool = True, **changes: object) -> FastAPI:
        return sample_app(settings.model_copy(update={"database_url": url, **changes}), issuer, is_ready=is_ready)

    return make


@pytest.fixture
async def client(make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(make_app()) as found:
        yield found


@pytest.fixture
async def stored(make_app: MakeApp, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(database_url)
    async with api_client(app) as found:
        yield found
    await app.state.database.close()

"""What the composition root put into the application, for the routes."""

from typing import Annotated

from fastapi import Depends, Header, Request

from schakel_common.clock import Clock
from schakel_common.consistency import decode_token, wait_until_known
from schakel_common.database import Database
from schakel_matching.bundles import Encoders
from schakel_matching.recommender import Recommender


def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


def _recommender(request: Request) -> Recommender:
    recommender: Recommender = request.app.state.recommender
    return recommender


def _encoders(request: Request) -> Encoders | None:
    encoders: Encoders | None = request.app.state.encoders
    return encoders


async def _database(
    request: Request,
    read_after: Annotated[str | None, Header(description="Consistency token that must be known first.")] = None,
) -> Database:
    """Return the database, when it knows what the caller has seen."""
    database: Database = request.app.state.database
    if read_after:
        wait_seconds: float = request.app.state.settings.not_yet_known_wait_seconds
        await wait_until_known(database, decode_token(read_after), wait_seconds=wait_seconds)
    return database


ClockDep = Annotated[Clock, Depends(_clock)]
RecommenderDep = Annotated[Recommender, Depends(_recommender)]
DatabaseDep = Annotated[Database, Depends(_database)]
EncodersDep = Annotated[Encoders | None, Depends(_encoders)]

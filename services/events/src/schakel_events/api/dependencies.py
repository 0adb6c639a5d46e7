"""What the composition root put into the application, for the routes."""

from typing import Annotated

from fastapi import Depends, Request

from schakel_common.clock import Clock
from schakel_common.database import Database
from schakel_events.reference import ReferenceData


def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


def _reference(request: Request) -> ReferenceData:
    reference: ReferenceData = request.app.state.reference
    return reference


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


ClockDep = Annotated[Clock, Depends(_clock)]
ReferenceDep = Annotated[ReferenceData, Depends(_reference)]
DatabaseDep = Annotated[Database, Depends(_database)]

"""Fieldlabs, hubs and published figures."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from schakel_common.commands import CommandDep, etag_of
from schakel_common.http import OptionalPrincipalDep
from schakel_common.use_cases import NoInput
from schakel_registry import queries
from schakel_registry.api.dependencies import ClockDep, DatabaseDep, ReferenceDep
from schakel_registry.commands import fieldlabs, figures
from schakel_registry.permissions import MAY, general_roles

router = APIRouter(prefix="/v1", tags=["fieldlabs, hubs and figures"])

Slug = Annotated[str, Path(min_length=1, max_length=80)]
FIELDLAB: Final = "/fieldlabs/{slug}"


def _sees_unpublished(principal: OptionalPrincipalDep) -> bool:
    return principal is not None and not MAY["read_unpublished"].isdisjoint(general_roles(principal))


@router.get("/fieldlabs")
async def list_fieldlabs(
    principal: OptionalPrincipalDep,
    database: DatabaseDep,
    *,
    hub: Annotated[str | None, Query(max_length=80)] = None,
    kind: Annotated[str | None, Query(max_length=80)] = None,
    after: Annotated[str | None, Query(max_length=80, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=queries.PAGE_MAX)] = 50,
) -> Any:  # noqa: ANN401 - any JSON
    """List fieldlabs and kindred places by slug."""
    async with database.reading() as session:
        return await queries.fieldlab_page(
            session, unpublished=_sees_unpublished(principal), hub=hub, kind=kind, after=after, limit=limit
        )


@router.get(FIELDLAB)
async def get_fieldlab(slug: Slug, principal: OptionalPrincipalDep, database: DatabaseDep, response: Response) -> Any:  # noqa: ANN401 - any JSON
    """Read one fieldlab; its ETag is what a change builds on."""
    async with database.reading() as session:
        found = await queries.fieldlab(session, slug, unpublished=_sees_unpublished(principal))
    response.headers["ETag"] = etag_of(found["version"])
    return found


@router.get("/hubs")
async def list_hubs(database: DatabaseDep) -> Any:  # noqa: ANN401 - any JSON
    """List the hubs and the programme office."""
    async with database.reading() as session:
        return await queries.hubs(session)


@router.get("/figures")
async def list_figures(database: DatabaseDep) -> Any:  # noqa: ANN401 - any JSON
    """List the published figures, each with its source."""
    async with database.reading() as session:
        return await queries.figures(session)


@router.post("/fieldlabs", status_code=201)
async def register_fieldlab(
    body: fieldlabs.RegisterFieldlab, command: CommandDep, clock: ClockDep, reference: ReferenceDep
) -> Response:
    """Register a fieldlab."""
    return await command.run(
        lambda session: fieldlabs.register_fieldlab(session, command.principal, body, clock, reference)
    )


@router.patch(FIELDLAB)
async def change_fieldlab(
    slug: Slug, body: fieldlabs.ChangeFieldlab, command: CommandDep, clock: ClockDep, reference: ReferenceDep
) -> Response:
    """Change the profile or the capacity; what is left out stays as it is."""
    return await command.run(
        lambda session: fieldlabs.change_fieldlab(
            session,
            command.principal,
            slug,
            body,
            expected_version=command.expected_version,
            clock=clock,
            reference=reference,
        )
    )


@router.post(f"{FIELDLAB}/confirmation")
async def confirm_fieldlab(slug: Slug, _body: NoInput, command: CommandDep, clock: ClockDep) -> Response:
    """Say that the record is right as it stands today."""
    return await command.run(
        lambda session: fieldlabs.confirm_fieldlab(
            session, command.principal, slug, expected_version=command.if_match, clock=clock
        )
    )


@router.post(f"{FIELDLAB}/recognition")
async def recognise_fieldlab(slug: Slug, body: fieldlabs.Recognise, command: CommandDep, clock: ClockDep) -> Response:
    """Record that the steering group recognised it."""
    return await command.run(
        lambda session: fieldlabs.recognise_fieldlab(
            session, command.principal, slug, body, expected_version=command.if_match, clock=clock
        )
    )


@router.post(f"{FIELDLAB}/recognition-withdrawal")
async def withdraw_recognition(slug: Slug, body: fieldlabs.Recognise, command: CommandDep, clock: ClockDep) -> Response:
    """Record that the recognition was withdrawn."""
    return await command.run(
        lambda session: fieldlabs.withdraw_recognition(
            session, command.principal, slug, body, expected_version=command.if_match, clock=clock
        )
    )


@router.post(f"{FIELDLAB}/activation")
async def activate_fieldlab(slug: Slug, body: fieldlabs.StepFieldlab, command: CommandDep, clock: ClockDep) -> Response:
    """Say that it works."""
    return await command.run(
        lambda session: fieldlabs.activate_fieldlab(
            session, command.principal, slug, body, expected_version=command.if_match, clock=clock
        )
    )


@router.post(f"{FIELDLAB}/pause")
async def pause_fieldlab(slug: Slug, body: fieldlabs.StepFieldlab, command: CommandDep, clock: ClockDep) -> Response:
    """Say that it does not work for a time."""
    return await command.run(
        lambda session: fieldlabs.pause_fieldlab(
            session, command.principal, slug, body, expected_version=command.if_match, clock=clock
        )
    )


@router.post(f"{FIELDLAB}/ending")
async def end_fieldlab(slug: Slug, body: fieldlabs.EndFieldlab, command: CommandDep, clock: ClockDep) -> Response:
    """Say that it ended, and what goes on in its place."""
    return await command.run(
        lambda session: fieldlabs.end_fieldlab(
            session, command.principal, slug, body, expected_version=command.if_match, clock=clock
        )
    )


@router.post("/figures", status_code=201)
async def publish_figure(body: figures.PublishFigure, command: CommandDep, clock: ClockDep) -> Response:
    """Publish a figure from its source."""
    return await command.run(lambda session: figures.publish_figure(session, command.principal, body, clock))


@router.patch("/figures/{key}")
async def correct_figure(key: Slug, body: figures.CorrectFigure, command: CommandDep, clock: ClockDep) -> Response:
    """Correct a figure; what was published before stays in its history."""
    return await command.run(
        lambda session: figures.correct_figure(
            session, command.principal, key, body, expected_version=command.expected_version, clock=clock
        )
    )

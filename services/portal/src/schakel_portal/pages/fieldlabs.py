"""Fieldlabs: a list with filters, the same places on a map, and a page for each."""

from typing import Any, Final

from starlette.responses import Response

from schakel_contracts.places import HUB_OF_PROVINCE, HUBS
from schakel_portal.web import NotFound, Page

PAGE_SIZE: Final = 100
STATUSES: Final = ("ACTIVE", "CANDIDATE", "PAUSED", "ENDED", "UNKNOWN")
_FILTERS: Final = {"regio": "hub", "techniek": "theme", "status": "status", "zoek": "text", "provincie": "province"}


async def show_fieldlabs(page: Page) -> Response:
    """Show the list and the map; the filters are in the address, so a choice can be shared."""
    query = page.request.query_params
    chosen = {name: query.get(name, "").strip() for name in _FILTERS}
    narrowed: dict[str, Any] = {field: chosen[name] for name, field in _FILTERS.items() if chosen[name]}
    if narrowed.get("status") not in {None, *STATUSES}:
        del narrowed["status"]
    if "erkend" in query:
        narrowed["recognised"] = True
    answer = await page.ask("fieldlabs", filter=narrowed, first=PAGE_SIZE, after=query.get("na") or None)
    connection = answer.data["fieldlabs"]
    return await page.show(
        "_fieldlab_results.html" if page.request.headers.get("hx-request") else "fieldlabs.html",
        fieldlabs=connection["nodes"],
        total=connection["totalCount"],
        page_info=connection["pageInfo"],
        chosen=chosen | {"erkend": "erkend" in query},
        technologies=_by_name(page, answer.data["technologies"]),
        hubs=HUBS,
        provinces=sorted(HUB_OF_PROVINCE),
        statuses=STATUSES,
    )


def _by_name(page: Page, technologies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(technologies, key=lambda each: page.t.chosen(each, "name").casefold())


async def show_fieldlab(page: Page) -> Response:
    """Show one fieldlab; what is not known is said to be unknown."""
    answer = await page.ask("fieldlab", slug=page.request.path_params["slug"])
    if answer.data["fieldlab"] is None:
        raise NotFound
    return await page.show(
        "fieldlab.html",
        lab=answer.data["fieldlab"],
        technologies={each["key"]: each for each in answer.data["technologies"]},
        activities=answer.data["activities"]["nodes"],
        cases=answer.data["cases"]["nodes"],
        names={each["slug"]: each["name"] for each in answer.data["fieldlabs"]["nodes"]},
        drafts=list(page.session.content.drafts),
    )

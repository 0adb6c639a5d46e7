"""Reading personal data over HTTP: the handler says of whom, before it answers."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request

from schakel_common.processing import activity_of, record_reading


class Reading:
    """One reading request; the service's table says which processing it is."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def of(self, subjects: Iterable[object]) -> None:
        """Write one line per data subject; when that fails the reader gets no answer."""
        state = self._request.app.state
        activity = activity_of(self._request)
        if activity is not None:
            await record_reading(state.database, state.settings, activity, subjects)

    async def of_items(self, answer: Mapping[str, Any]) -> None:
        """The same for a batch: of those items that are given, and not only a reason why not."""
        await self.of(key for key, item in answer["items"].items() if "reason" not in item)


def _reading(request: Request) -> Reading:
    return Reading(request)


ReadingDep = Annotated[Reading, Depends(_reading)]

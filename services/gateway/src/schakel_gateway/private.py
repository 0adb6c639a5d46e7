"""Private fields: collected over the whole operation, asked of each owner once, after the snapshot has closed."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

from schakel_common.problems import Problem
from schakel_gateway.access import OWNED, Owned
from schakel_gateway.keys import snake, snake_keys

if TYPE_CHECKING:
    from schakel_gateway.operation import Operation
    from schakel_gateway.owners import Owners

IDS_MAX: Final = 100
"""Of one call to an owner; the answer of a page fits in one."""

STATE: Final = "private_state"
_FORBIDDEN: Final = {STATE: "forbidden"}
_UNAVAILABLE: Final = {STATE: "unavailable"}

_logger = logging.getLogger(__name__)


class Batch:
    """Collects which objects of an operation have private fields that were asked for.

    Args:
        operation: whose snapshot is waited for, and whose caller asks.
        owners: who are asked.
    """

    def __init__(self, operation: "Operation", owners: "Owners") -> None:
        self._operation = operation
        self._owners = owners
        self._wanted: dict[str, dict[str, asyncio.Future[dict[str, Any]]]] = defaultdict(dict)
        self._asking: asyncio.Task[None] | None = None

    def field(self, type_name: str, key: str, name: str) -> Awaitable[object] | object:
        """Return one private field of an object, or the promise of it.

        Args:
            type_name: a type of `OWNED`.
            key: the object's id; of a desk, its hub.
            name: of the field in the schema.
        """
        if self._operation.principal is None:
            return _value(OWNED[type_name], _FORBIDDEN, name)
        return self._field(type_name, self._promise(type_name, key), name)

    def _promise(self, type_name: str, key: str) -> "asyncio.Future[dict[str, Any]]":
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        promises = self._wanted[type_name]
        if key not in promises:
            promises[key] = asyncio.get_running_loop().create_future()
        return promises[key]

    async def _field(self, type_name: str, promise: "asyncio.Future[dict[str, Any]]", name: str) -> object:
        return _value(OWNED[type_name], await promise, name)

    async def _ask(self) -> None:
        await self._operation.after_snapshot()
        await asyncio.sleep(0)  # the objects of the last statement are told apart in the same turn of the loop
        wanted, self._wanted, self._asking = self._wanted, defaultdict(dict), None
        await asyncio.gather(*(self._fulfil(OWNED[name], promises) for name, promises in wanted.items()))

    async def _fulfil(self, owned: Owned, promises: "dict[str, asyncio.Future[dict[str, Any]]]") -> None:
        for start in range(0, len(promises), IDS_MAX):
            keys = list(promises)[start : start + IDS_MAX]
            found = await self._found(owned, keys)
            for key in keys:
                if not promises[key].done():
                    promises[key].set_result(found.get(key, _FORBIDDEN))

    async def _found(self, owned: Owned, keys: list[str]) -> dict[str, dict[str, Any]]:
        session = self._operation.session
        try:
            if owned.state == "callBacksState":
                found = [{"call_backs": await self._owners.call_backs(session, owned.path, hub)} for hub in keys]
                return dict(zip(keys, found, strict=True))
            items = await self._owners.private(session, owned.service, owned.path, keys)
        except Problem as problem:
            _logger.warning("private fields of %s: %s", owned.path, problem.slug)
            unseen = _FORBIDDEN if problem.status in {401, 403} else _UNAVAILABLE
            return dict.fromkeys(keys, unseen)
        except Exception:  # logged whole: one owner's fault must not take away the public part of the answer
            _logger.exception("private fields of %s", owned.path)
            return dict.fromkeys(keys, _UNAVAILABLE)
        return {key: _item(item) for key, item in items.items()}


def _item(item: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON of a service
    if not isinstance(item, dict):
        return _UNAVAILABLE
    if "reason" in item and item["reason"] is not None:
        return {STATE: "erased"} if item["reason"] == "erased" else _FORBIDDEN
    found: dict[str, Any] = snake_keys(item)
    if isinstance(found.get("matches"), list):
        found["matches"] = [match_fields(match) for match in found["matches"]]
    if isinstance(found.get("needs"), list):
        found["needs"] = [need_fields(need) for need in found["needs"]]
    return found


def need_fields(need: dict[str, Any]) -> dict[str, Any]:
    """Return a need that was found as the schema has it: its fieldlabs with their reasons."""
    fieldlabs = [{**lab, "parts": _parts(lab)} for lab in need.get("fieldlabs") or []]
    return {**need, "technologies": need.get("technologies") or [], "fieldlabs": fieldlabs}


def _value(owned: Owned, found: dict[str, Any], name: str) -> object:
    if name == owned.state:
        return found.get(STATE, "ok")
    return found.get(snake(name))


def match_fields(match: dict[str, Any]) -> dict[str, Any]:
    """Return a match as the schema has it: lists are lists, and evidence is a list of texts."""
    added = {"needs": match.get("needs") or [], "outside_region": bool(match.get("outside_region"))}
    return {**match, **added, "parts": _parts(match), "unknown": match.get("unknown") or []}


def _parts(of: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**part, "evidence": _texts(part.get("evidence"))} for part in of.get("parts") or []]


def _texts(evidence: object) -> list[str]:
    if evidence is None or evidence == "":
        return []
    if isinstance(evidence, list):
        return [str(each) for each in evidence]
    return [str(evidence)]

"""Dividing the work of a rebuild over processes: one interpreter uses one core, and a rebuild is all computing."""

import asyncio
import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Final, NamedTuple, Self

from schakel_contracts.topics import PARTITIONS

MODULES: Final = ("schakel_gateway.view.copying", "schakel_gateway.view.folding")


class Share(NamedTuple):
    """Which part this is, counted from 0, and of how many."""

    number: int
    of: int

    def has(self, number: int) -> bool:
        """Whether a numbered thing belongs to this share."""
        return number % self.of == self.number


class Workers:
    """Processes that each do a share; to be used with ``with``.

    They are started clean, by a server that has our modules loaded: a copy of a running program has its sockets too.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(MODULES))
        self._count = min(len(os.sched_getaffinity(0)), PARTITIONS)
        self._pool = ProcessPoolExecutor(self._count, mp_context=context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def sum(self, do: Callable[..., int], *arguments: object) -> int:
        """Have each worker do its share; return the sum of what they return.

        Args:
            do: a function of a module, called with the arguments and then a `Share`.
            *arguments: what a process can be told.
        """
        waiting = [self._pool.submit(do, *arguments, Share(number, self._count)) for number in range(self._count)]
        return sum(await asyncio.gather(*(asyncio.wrap_future(each) for each in waiting)))


@contextmanager
def rare_collections() -> Iterator[None]:
    """Millions of short-lived objects without a cycle: looking for cycles among them costs a fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)

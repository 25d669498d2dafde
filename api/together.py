"""What many ask at one moment, answered by one call in a thread: a transaction for all, not for each."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar, final

from fastapi.concurrency import run_in_threadpool

from search_spaces.errors import HwnasError

GATHER_S: Final = 0.02
"""Whoever asks first waits so long for others, where nothing else is said."""

Asked = TypeVar("Asked")
Told = TypeVar("Told")


@final
class Together(Generic[Asked, Told]):
    """Gathers what is asked; the answers are there once the one call for all of it has returned.

    Args:
        answer: Called in a thread; returns for each in the same order what it is told, or the error that
            it is refused with. What it raises, all are told; where that is no error of ours, each is asked
            for alone, and told what that gives. So it has to be a call that may be repeated.
        turn: Held meanwhile: those that share it are called one after another, or as many as it lets.
        most: To be answered in one call.
        gather_s: For which whoever asks first waits for others.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], Sequence[Told | Exception]],
        turn: asyncio.Lock | asyncio.Semaphore,
        most: int,
        gather_s: float = GATHER_S,
    ) -> None:
        self._answer, self._turn, self._most, self._gather_s = answer, turn, most, gather_s
        self._waiting: list[tuple[Asked, asyncio.Future[Told]]] = []
        self._gathering: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def ask(self, one: Asked) -> Told:
        """Return what is answered to one of many.

        Raises:
            Exception: What it is refused with, or what the call for all has raised.
        """
        return await self.put(one)

    def put(self, one: Asked) -> "asyncio.Future[Told]":
        """Ask; return what becomes the answer, or what it is refused with."""
        answered: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answered))
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._answer_all())
        return answered

    async def _answer_all(self) -> None:
        try:
            await asyncio.sleep(self._gather_s)
            while self._waiting:
                await self._turn.acquire()
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                answering = asyncio.create_task(self._answer_batch(batch))
                self._answering.add(answering)
                answering.add_done_callback(self._answered)
        finally:
            self._gathering = None

    def _answered(self, answering: asyncio.Task[None]) -> None:
        self._answering.discard(answering)
        self._turn.release()

    async def _answer_batch(self, batch: Sequence[tuple[Asked, asyncio.Future[Told]]]) -> None:
        called = run_in_threadpool(self._answer, [one for one, _ in batch])
        (told,) = await asyncio.gather(called, return_exceptions=True)
        if isinstance(told, Exception) and not isinstance(told, HwnasError) and len(batch) > 1:
            for alone in batch:  # one of them has broken the call: the others are not to suffer for it
                await self._answer_batch([alone])
            return
        each = [told] * len(batch) if isinstance(told, BaseException) else told
        for (_, answered), one in zip(batch, each, strict=True):
            if answered.cancelled():
                continue  # whoever asked has gone
            if isinstance(one, BaseException):
                answered.set_exception(one)
            else:
                answered.set_result(one)

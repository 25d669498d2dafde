"""Those who ask at one moment are answered by one call, each with its own answer."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from api.together import Together
from search_spaces.errors import StoreError, UsageError


class Book:
    """Answers numbers with their doubles and notes what it was asked at once."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.within = 0
        self.most_within = 0

    def answer(self, asked: Sequence[int]) -> list[int | Exception]:
        """Return the doubles; numbers below zero are refused, 98 and 99 break the call."""
        self.within += 1
        self.most_within = max(self.most_within, self.within)
        self.calls.append(list(asked))
        assert threading.current_thread() is not threading.main_thread()
        self.within -= 1
        if 98 in asked:
            raise StoreError("database_unreachable", "the database has gone")
        if 99 in asked:
            raise OverflowError("out of range")
        return [UsageError("negative", "below zero") if one < 0 else 2 * one for one in asked]


def test_one_call_answers_all_that_came_meanwhile() -> None:
    book = Book()

    async def ask() -> list[int]:
        together = Together(book.answer, asyncio.Lock(), most=100)
        return list(await asyncio.gather(*(together.ask(n) for n in range(50))))

    assert asyncio.run(ask()) == [2 * n for n in range(50)]
    assert book.calls == [list(range(50))]


def test_no_more_than_so_many_in_one_call_and_one_call_after_another() -> None:
    book = Book()

    async def ask() -> list[int]:
        turn = asyncio.Lock()
        pair = [Together(book.answer, turn, most=4), Together(book.answer, turn, most=4)]
        return list(await asyncio.gather(*(pair[n % 2].ask(n) for n in range(20))))

    assert asyncio.run(ask()) == [2 * n for n in range(20)]
    assert sorted(len(call) for call in book.calls) == [2, 2, 4, 4, 4, 4]
    assert book.most_within == 1


def test_as_many_calls_at_a_time_as_the_turn_lets() -> None:
    both, calls = threading.Barrier(2, timeout=30), list[int]()

    def answer(asked: Sequence[int]) -> list[int]:
        both.wait()  # until another call runs beside it
        calls.append(len(asked))
        return list(asked)

    async def ask() -> list[int]:
        together = Together(answer, asyncio.Semaphore(2), most=3)
        return list(await asyncio.gather(*(together.ask(n) for n in range(12))))

    assert asyncio.run(ask()) == list(range(12))
    assert calls == [3, 3, 3, 3]


def test_who_is_refused_does_not_harm_the_others() -> None:
    async def ask() -> list[object]:
        together = Together(Book().answer, asyncio.Lock(), most=100)
        return list(await asyncio.gather(*(together.ask(n) for n in (1, -1, 2)), return_exceptions=True))

    first, refused, second = asyncio.run(ask())
    assert (first, second) == (2, 4)
    assert isinstance(refused, UsageError)


def test_what_ends_the_call_all_are_told_and_the_next_is_answered() -> None:
    book = Book()

    async def ask() -> tuple[list[object], int]:
        together = Together(book.answer, asyncio.Lock(), most=100)
        broken = await asyncio.gather(*(together.ask(n) for n in (1, 98)), return_exceptions=True)
        return list(broken), await together.ask(3)

    broken, after = asyncio.run(ask())
    assert [type(one) for one in broken] == [StoreError, StoreError]
    assert after == 6
    assert book.calls == [[1, 98], [3]], "a database that is away is not asked again for each"


def test_who_breaks_the_call_breaks_it_for_nobody_else() -> None:
    async def ask() -> list[object]:
        together = Together(Book().answer, asyncio.Lock(), most=100)
        return list(await asyncio.gather(*(together.ask(n) for n in (1, 99, 3)), return_exceptions=True))

    first, broken, third = asyncio.run(ask())
    assert (first, third) == (2, 6)
    assert isinstance(broken, OverflowError)


def test_who_has_gone_is_left_out() -> None:
    async def ask() -> int:
        together = Together(Book().answer, asyncio.Lock(), most=100)
        gone = asyncio.create_task(together.ask(1))
        stays = asyncio.create_task(together.ask(2))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert asyncio.run(ask()) == 4

import asyncio
import threading

import pytest

from api.readiness import Readiness
from search_spaces.errors import StoreError


def test_a_database_that_hangs_holds_one_thread_and_nobody_for_long() -> None:
    answers, looks = threading.Event(), list[int]()

    def look() -> None:
        looks.append(1)
        answers.wait(10)

    async def asked() -> list[BaseException | None]:
        readiness = Readiness(look, wait_s=0.05)
        hanging = await asyncio.gather(*(readiness.check() for _ in range(50)), return_exceptions=True)
        answers.set()
        later = await asyncio.gather(readiness.check(), return_exceptions=True)
        return [*hanging, *later]

    *hanging, later = asyncio.run(asked())
    assert all(isinstance(one, StoreError) and one.code == "database_unreachable" for one in hanging)
    assert later is None
    assert len(looks) == 1


def test_what_is_wrong_with_the_database_is_said() -> None:
    def look() -> None:
        raise StoreError("database_busy", "it is busy")

    with pytest.raises(StoreError, match="it is busy"):
        asyncio.run(Readiness(look).check())

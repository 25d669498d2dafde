"""Workers of one training as threads of this process."""

import threading
from collections.abc import Callable
from typing import TypeVar

from nas.training.group import Group, Meeting, join_group

Result = TypeVar("Result")
KEY = b"of the tests"


def together(size: int, work: Callable[[Group], Result]) -> list[Result]:
    """Run the same work as so many workers; return their results in the order of their numbers."""
    meeting = Meeting("127.0.0.1", KEY)
    results: dict[int, Result] = {}

    def one(rank: int) -> None:
        joined = join_group(meeting.address, KEY, rank, size) if rank else meeting.group(size)
        with joined as group:
            results[group.rank] = work(group)

    threads = [threading.Thread(target=one, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [results[rank] for rank in range(size)]

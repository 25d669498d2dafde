from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from nas.store.counters import Count, add_counts, read_counts
from nas.store.session import reading, writing


def counted(engine: Engine) -> tuple[Count, ...]:
    with reading(engine) as connection:
        return read_counts(connection)


def test_what_happens_adds_up(engine: Engine) -> None:
    for seconds in (1.5, 2.0):
        with writing(engine) as connection:
            add_counts(connection, [Count("phases", "train", total=seconds), Count("losses", times=2)])
    assert counted(engine) == (Count("losses", "", 4, 0.0), Count("phases", "train", 2, 3.5))


def test_many_at_once_lose_nothing_and_wait_for_nobody_for_ever(engine: Engine) -> None:
    def add(number: int) -> None:
        happened = [Count("a"), Count("b")]
        with writing(engine) as connection:
            add_counts(connection, happened if number % 2 else reversed(happened))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(20)))
    assert counted(engine) == (Count("a", "", 20), Count("b", "", 20))

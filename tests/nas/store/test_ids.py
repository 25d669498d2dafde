"""Identifiers sort by their age, however quickly they are given, and begin with a name."""

import re
from concurrent.futures import ThreadPoolExecutor

from nas.store import ids
from nas.store.ids import new_id


def test_identifiers_sort_in_the_order_they_were_given() -> None:
    given = [new_id() for _ in range(5_000)]
    assert given == sorted(set(given)), "many of one microsecond, too"


def test_threads_never_share_a_time() -> None:
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: new_id()[:13], range(5_000)))
    assert len(set(given)) == len(given)


def test_a_clock_that_is_set_back_gives_no_earlier_one() -> None:
    clock = ids._Clock()
    before = clock.tick()
    clock._told += 3_600_000_000
    assert before + 3_600_000_000 < clock.tick() < clock.tick()


def test_a_name_comes_first_and_leaves_room_in_its_column() -> None:
    long = new_id("Phones & tablets, all of them, twice")
    assert re.fullmatch(r"phones-tablets-all-[0-9a-f]{20}", long), long
    assert len(new_id("x" * 200)) == 40
    assert re.fullmatch(r"[0-9a-f]{20}", new_id("!"))

"""A worker's name is its own while it lives."""

import pytest
from sqlalchemy import Engine, update

from nas.leases import LeaseLost
from nas.store.session import writing
from nas.store.tables import workers
from nas.store.workers import DatabaseWorkers
from search_spaces.errors import UsageError


def let_die(engine: Engine) -> None:
    """Let all names run out."""
    with writing(engine) as connection:
        connection.execute(update(workers).values(lease_until_ms=1))


def test_two_workers_with_one_name_are_refused(engine: Engine) -> None:
    found = DatabaseWorkers(engine)
    first = found.register("board", {"host": "a"})
    with pytest.raises(UsageError) as caught:
        found.register("board", {"host": "b"})
    assert caught.value.code == "worker_name_taken"
    found.renew(first)
    assert [(one.name, one.facts) for one in found.alive()] == [("board", {"host": "a"})]


def test_the_name_of_a_dead_worker_is_free_and_the_dead_stay_dead(engine: Engine) -> None:
    found = DatabaseWorkers(engine)
    dead = found.register("board", {})
    let_die(engine)
    assert found.alive() == ()
    alive = found.register("board", {})
    with pytest.raises(LeaseLost):
        found.renew(dead)
    found.leave(dead)
    found.renew(alive)
    assert len(found.alive()) == 1


def test_a_name_that_was_given_back_is_free_at_once(engine: Engine) -> None:
    found = DatabaseWorkers(engine)
    found.leave(found.register("board", {}))
    found.register("board", {})


def test_a_paused_worker_whose_name_nobody_took_goes_on(engine: Engine) -> None:
    found = DatabaseWorkers(engine)
    lease = found.register("board", {})
    let_die(engine)
    found.renew(lease)
    assert len(found.alive()) == 1


def test_only_the_dead_worker_that_was_seen_is_taken_off(engine: Engine) -> None:
    found = DatabaseWorkers(engine)
    found.register("board", {})
    (dead,) = found.alive()
    let_die(engine)
    found.register("board", {"host": "a"})
    found.leave(dead.lease)
    assert [one.facts for one in found.alive()] == [{"host": "a"}]
    (alive,) = found.alive()
    assert alive.lease.token not in repr(alive)

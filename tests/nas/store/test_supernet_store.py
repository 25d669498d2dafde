"""Supernets are found by what they were trained from; two checkpoints of a training are kept."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import NoResultFound

from nas.jobs import Cancelled, Fault, Faulted, Outcome, Released, Succeeded, Waiting
from nas.leases import Lease
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.session import open_engine
from nas.store.supernet_store import DISCARDED, DatabaseSupernetStore, StoredCheckpoint
from search_spaces.errors import UsageError
from tests.nas.store.queued import REQUEST, TENANT, claim_one, running
from tests.nas.store.trained import DIGEST, KEY


@pytest.fixture
def supernets(engine: Engine) -> DatabaseSupernetStore:
    """Supernets in the database."""
    return DatabaseSupernetStore(engine)


def checkpoint(epoch: int) -> StoredCheckpoint:
    """A checkpoint with two files, of which one never changes."""
    return StoredCheckpoint(epoch, {"weights": f"{epoch:064x}", "space": DIGEST}, epoch * 1.5)


def test_a_supernet_is_begun_once(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    first = supernets.begin(lease, KEY, 10)
    assert supernets.begin(running(store, queue), KEY, 10) == supernets.begin(lease, KEY, 10) == first
    assert (first.weights, first.trainer, first.finished_at_ms) == ("", lease.job_id, 0)
    others = [
        supernets.begin(running(store, queue), KEY, 20),
        supernets.begin(running(store, queue), replace(KEY, seed=1), 10),
    ]
    assert len({first.id, *(other.id for other in others)}) == 3


@pytest.mark.parametrize("end", [Cancelled(), Released(), Waiting(), Faulted(Fault.CRASH, "x", "m")])
def test_a_training_is_taken_over_when_the_attempt_at_it_has_ended(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore, end: Outcome
) -> None:
    first, second = running(store, queue), running(store, queue)
    begun = supernets.begin(first, KEY, 10)
    supernets.save_checkpoint(first, begun.id, checkpoint(1))
    assert supernets.begin(second, KEY, 10).trainer == first.job_id
    queue.settle(first, end)
    taken = supernets.begin(second, KEY, 10)
    assert (taken.id, taken.trainer) == (begun.id, second.job_id)
    assert supernets.checkpoints(TENANT, taken.id) == (checkpoint(1),)


def test_a_later_attempt_of_the_same_job_goes_on_with_its_training(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    first = running(store, queue)
    begun = supernets.begin(first, KEY, 10)
    queue.settle(first, Released())
    again = claim_one(queue).lease
    assert supernets.begin(again, KEY, 10) == begun
    other = running(store, queue)
    assert supernets.begin(other, KEY, 10).trainer == first.job_id, "its second attempt runs"


def test_what_is_trained_is_nobodys_to_train(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    first, second = running(store, queue), running(store, queue)
    begun = supernets.begin(first, KEY, 10)
    supernets.finish(first, begun.id, DIGEST, {})
    queue.settle(first, Succeeded())
    assert supernets.begin(second, KEY, 10) == supernets.get(TENANT, begun.id)
    assert supernets.get(TENANT, begun.id).trainer == first.job_id


def test_tenants_train_each_their_own(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    store.submit("other", REQUEST)
    others = claim_one(queue).lease
    begun = supernets.begin(lease, KEY, 10)
    own = supernets.begin(others, KEY, 20, enough=1)
    assert (own.trainer, own.epochs) == (others.job_id, 20)
    assert own.id != begun.id


def test_whoever_takes_any_number_of_epochs_takes_what_is_trained_else_what_is_in_training(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    first, second, third = (running(store, queue) for _ in range(3))
    small, large = supernets.begin(first, KEY, 10), supernets.begin(second, KEY, 40)
    assert supernets.begin(third, KEY, 20, enough=1) == large
    supernets.finish(first, small.id, DIGEST, {})
    assert supernets.begin(third, KEY, 20, enough=1).id == small.id
    assert supernets.begin(third, KEY, 20).trainer == third.job_id


def test_two_that_begin_at_the_same_moment_train_once(
    url: str, store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    together = Barrier(4)

    def begin(lease: Lease, epochs: int) -> str:
        engine = open_engine(url)
        together.wait()
        found = DatabaseSupernetStore(engine).begin(lease, KEY, epochs, enough=1)
        engine.dispose()
        return found.trainer

    leases = [running(store, queue) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        trainers = list(pool.map(begin, leases, (10, 11, 12, 13)))
    assert len(set(trainers)) == len(supernets.list_all(TENANT)) == 1


def test_supernets_of_a_key_are_found_with_the_most_epochs_first(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    for epochs in (10, 30, 20):
        supernets.begin(lease, KEY, epochs)
    supernets.begin(lease, replace(KEY, recipe="sandwich"), 99)
    assert [found.epochs for found in supernets.find(TENANT, KEY)] == [30, 20, 10]
    assert len(supernets.list_all(TENANT)) == 4
    assert supernets.find("other", KEY) == supernets.list_all("other") == ()


def test_pages_of_supernets_stand_still_while_others_are_begun(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    for epochs in range(1, 6):
        supernets.begin(lease, KEY, epochs)
    expected = supernets.list_all(TENANT)
    first = supernets.page(TENANT, 2)
    supernets.begin(lease, KEY, 99)
    second = supernets.page(TENANT, 2, first.cursor)
    last = supernets.page(TENANT, 2, second.cursor)
    assert (first.items + second.items + last.items, last.cursor) == (expected, None)
    assert supernets.page("other").items == ()
    with pytest.raises(UsageError) as caught:
        supernets.page(TENANT, 2, "none")
    assert caught.value.code == "invalid_cursor"


def test_a_trained_supernet_has_its_weights(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    begun = supernets.begin(lease, KEY, 10)
    supernets.finish(lease, begun.id, DIGEST, {"seconds": 12.5})
    found = supernets.get(TENANT, begun.id)
    assert (found.weights, found.summary) == (DIGEST, {"seconds": 12.5})
    assert found.finished_at_ms >= found.created_at_ms > 0
    for tenant, name in ((TENANT, "x"), ("other", begun.id)):
        with pytest.raises(UsageError) as caught:
            supernets.get(tenant, name)
        assert caught.value.code == "unknown_supernet"


def test_the_last_two_checkpoints_are_kept(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    begun = supernets.begin(lease, KEY, 10)
    assert supernets.save_checkpoint(lease, begun.id, checkpoint(1)) == set()
    assert supernets.save_checkpoint(lease, begun.id, checkpoint(2)) == set()
    # What another checkpoint names too is not to be removed.
    assert supernets.save_checkpoint(lease, begun.id, checkpoint(3)) == {f"{1:064x}"}
    assert supernets.checkpoints(TENANT, begun.id) == (checkpoint(3), checkpoint(2))
    assert supernets.checkpoints("other", begun.id) == ()


def test_a_checkpoint_older_than_those_kept_is_forgotten_at_once(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    begun = supernets.begin(lease, KEY, 10)
    for epoch in (4, 5):
        supernets.save_checkpoint(lease, begun.id, checkpoint(epoch))
    assert supernets.save_checkpoint(lease, begun.id, checkpoint(2)) == {f"{2:064x}"}
    assert [one.epoch for one in supernets.checkpoints(TENANT, begun.id)] == [5, 4]


def test_nothing_of_the_training_is_left_when_it_has_finished(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    begun = supernets.begin(lease, KEY, 10)
    supernets.save_checkpoint(lease, begun.id, checkpoint(9))
    supernets.save_checkpoint(lease, begun.id, checkpoint(10))
    # The last checkpoint's file may be the result itself.
    assert supernets.finish(lease, begun.id, f"{10:064x}", {}) == {f"{9:064x}", DIGEST}
    assert supernets.checkpoints(TENANT, begun.id) == ()


def test_answers_are_kept_by_name(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    begun = supernets.begin(lease, KEY, 10)
    supernets.finish(lease, begun.id, DIGEST, {"seconds": 3})
    assert supernets.answers(TENANT, begun.id) == ""
    supernets.keep_answers(lease, begun.id, f"{1:064x}")
    supernets.keep_answers(lease, begun.id, f"{2:064x}", "answers.int8")
    assert supernets.answers(TENANT, begun.id) == f"{1:064x}"
    assert supernets.answers(TENANT, begun.id, "answers.int8") == f"{2:064x}"
    assert supernets.answers(TENANT, begun.id, "answers.int4") == ""
    assert supernets.get(TENANT, begun.id).summary["seconds"] == 3


def test_a_discarded_supernet_is_trained_again_and_what_was_told_of_it_stays(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    first, second = running(store, queue), running(store, queue)
    begun = supernets.begin(first, KEY, 10)
    supernets.finish(first, begun.id, DIGEST, {"seconds": 3})
    supernets.keep_answers(first, begun.id, f"{1:064x}")
    finished_at_ms = supernets.get(TENANT, begun.id).finished_at_ms
    supernets.discard(second, begun.id, DIGEST)
    assert supernets.answers(TENANT, begun.id) == ""
    taken = supernets.begin(second, KEY, 10)
    assert (taken.id, taken.weights, taken.trainer) == (begun.id, "", first.job_id), "its attempt still runs"
    queue.settle(first, Succeeded())
    assert supernets.begin(second, KEY, 10).trainer == second.job_id
    supernets.finish(second, begun.id, f"{2:064x}", {"seconds": 4})
    old = {"seconds": 3, "answers": f"{1:064x}", "weights": DIGEST, "finished_at_ms": finished_at_ms}
    assert supernets.get(TENANT, begun.id).summary == {"seconds": 4, DISCARDED: [old]}
    supernets.discard(second, begun.id, DIGEST)
    assert supernets.get(TENANT, begun.id).weights == f"{2:064x}", "what was trained anew is not discarded"
    supernets.discard(second, begun.id, f"{2:064x}")
    told = supernets.get(TENANT, begun.id).summary[DISCARDED]
    assert [one["seconds"] for one in told] == [3, 4]


def test_nobody_discards_the_supernet_of_another_tenant(
    store: DatabaseJobStore, queue: DatabaseJobQueue, supernets: DatabaseSupernetStore
) -> None:
    lease = running(store, queue)
    begun = supernets.begin(lease, KEY, 10)
    supernets.finish(lease, begun.id, DIGEST, {})
    with pytest.raises(NoResultFound):
        supernets.discard(replace(lease, tenant="other"), begun.id, DIGEST)
    assert supernets.get(TENANT, begun.id).weights == DIGEST

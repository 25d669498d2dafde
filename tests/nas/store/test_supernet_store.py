"""Supernets are found by what they were trained from; two checkpoints of a training are kept."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.supernet_store import DatabaseSupernetStore, StoredCheckpoint
from search_spaces.errors import UsageError
from tests.nas.store.queued import TENANT, running
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
    first = supernets.begin(running(store, queue), KEY, 10)
    assert supernets.begin(running(store, queue), KEY, 10) == first
    assert (first.weights, first.finished_at_ms) == ("", 0)
    others = [
        supernets.begin(running(store, queue), KEY, 20),
        supernets.begin(running(store, queue), replace(KEY, seed=1), 10),
    ]
    assert len({first.id, *(other.id for other in others)}) == 3


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

"""What a search found: kept once, and never silently replaced by something else."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from nas.store.front_store import DatabaseFrontStore, StoredCandidate
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.supernet_store import DatabaseSupernetStore
from search_spaces.errors import ArtifactError, UsageError
from tests.nas.store.queued import TENANT, running
from tests.nas.store.trained import DIGEST, KEY


@pytest.fixture
def fronts(engine: Engine) -> DatabaseFrontStore:
    """Fronts in the database."""
    return DatabaseFrontStore(engine)


def candidates(count: int, target: int = 0) -> list[StoredCandidate]:
    """Some candidates."""
    return [
        StoredCandidate(target, f"{n:064x}", "predicted", {"size": (3, n)}, {"accuracy": n / 7})
        for n in range(count)
    ]


def test_candidates_are_kept_once(
    store: DatabaseJobStore, queue: DatabaseJobQueue, fronts: DatabaseFrontStore
) -> None:
    lease = running(store, queue)
    assert fronts.add_candidates(lease, candidates(1_200)) == 1_200
    assert fronts.add_candidates(lease, candidates(1_201)) == 1, "work that is done again changes nothing"
    assert fronts.add_candidates(lease, candidates(2, target=1)) == 2
    first = fronts.candidates(TENANT, lease.job_id, 0, limit=1_000)
    rest = fronts.candidates(
        TENANT, lease.job_id, 0, after=(first[-1].architecture_digest, first[-1].fidelity)
    )
    assert len({one.architecture_digest for one in (*first, *rest)}) == 1_201
    assert first[3] == StoredCandidate(0, f"{3:064x}", "predicted", {"size": [3, 3]}, {"accuracy": 3 / 7})
    assert fronts.candidates("other", lease.job_id, 0) == ()


def test_another_value_for_the_same_candidate_is_an_incident(
    store: DatabaseJobStore, queue: DatabaseJobQueue, fronts: DatabaseFrontStore
) -> None:
    lease = running(store, queue)
    fronts.add_candidates(lease, candidates(3))
    wrong = replace(candidates(3)[1], values={"accuracy": 0.99})
    with pytest.raises(ArtifactError) as caught:
        fronts.add_candidates(lease, [*candidates(4)[3:], wrong])
    assert caught.value.code == "result_conflict"
    assert len(fronts.candidates(TENANT, lease.job_id, 0)) == 3, "nothing of it was kept"
    verified = replace(wrong, fidelity="verified")
    assert fronts.add_candidates(lease, [verified]) == 1, "found another way it is another result"


def test_a_front_is_replaced_as_a_whole(
    store: DatabaseJobStore, queue: DatabaseJobQueue, fronts: DatabaseFrontStore
) -> None:
    lease = running(store, queue)
    assert fronts.front(TENANT, lease.job_id, 0) is None
    for content in ("[1]", "[1, 2]"):
        fronts.save_front(lease, 0, content)
    assert fronts.front(TENANT, lease.job_id, 0) == "[1, 2]"
    assert fronts.front("other", lease.job_id, 0) is None


def test_a_subnet_is_one_whoever_finds_it(
    store: DatabaseJobStore, queue: DatabaseJobQueue, fronts: DatabaseFrontStore, engine: Engine
) -> None:
    lease = running(store, queue)
    supernet = DatabaseSupernetStore(engine).begin(lease, KEY, 3)
    found = fronts.add_subnet(lease, supernet.id, DIGEST, {"depth": 2})
    assert fronts.add_subnet(running(store, queue), supernet.id, DIGEST, {"depth": 2}) == found
    assert fronts.add_subnet(lease, supernet.id, DIGEST, {"depth": 2}, weights="e" * 64).id != found.id
    assert fronts.subnet(TENANT, found.id) == found
    with pytest.raises(UsageError) as caught:
        fronts.subnet("other", found.id)
    assert caught.value.code == "unknown_subnet"


def test_a_delivered_file_is_never_another(
    store: DatabaseJobStore, queue: DatabaseJobQueue, fronts: DatabaseFrontStore
) -> None:
    lease = running(store, queue)
    kept = fronts.add_export(lease, "net-1", "onnx", DIGEST, {"accuracy": 0.9})
    assert fronts.add_export(lease, "net-1", "onnx", DIGEST, {"accuracy": 0.9}) == kept
    with pytest.raises(ArtifactError) as caught:
        fronts.add_export(lease, "net-1", "onnx", "e" * 64, {})
    assert caught.value.code == "result_conflict"
    assert fronts.exports(TENANT, lease.job_id) == (kept,)
    assert fronts.exports("other", lease.job_id) == ()

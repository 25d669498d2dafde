"""Bundles: each has a key of its own, and all that is pending, in the order of measuring."""

from sqlalchemy import Engine

from nas.store.bundle_store import DatabaseBundleStore
from tests.nas.store.boards import NAMES, subject_of
from tests.nas.store.checked_board import GOLDEN, CheckedBoard
from tests.nas.store.queued import TENANT


def test_a_bundle_is_found_by_its_tenant_alone(engine: Engine) -> None:
    store = DatabaseBundleStore(engine)
    made, other = store.make(TENANT, "pi5"), store.make(TENANT, "pi5")
    assert made.key != other.key
    assert store.find(TENANT, made.id) == made
    assert store.find("another", made.id) is None
    assert not store.has_answered(TENANT, "pi5")
    store.taken(made.id, "a" * 64)
    assert store.has_answered(TENANT, "pi5")
    assert not store.has_answered("another", "pi5")
    assert not store.has_answered(TENANT, "pi6")
    found = store.find(TENANT, made.id)
    assert found is not None
    assert found.imported == "a" * 64
    assert made.key not in repr(made)


def test_golden_subjects_come_first_in_a_bundle_too(engine: Engine) -> None:
    board = CheckedBoard.of(engine)
    board.asked(*NAMES)
    first, second = DatabaseBundleStore(engine).work(board.agent.device.digest)
    assert set(first.artifacts) == GOLDEN
    assert set(second.artifacts) == set(map(subject_of, NAMES))

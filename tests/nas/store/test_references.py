"""What the database names in columns is what has to be in the store."""

import hashlib
from pathlib import Path

from nas.store.references import named_artifacts
from nas.store.session import reading
from nas.store.stores import Stores, opened_stores
from tests.nas.store.backed_up import filled, train
from tests.nas.store.boards import tasks_for
from tests.nas.store.checked_board import GOLDEN, CheckedBoard
from tests.nas.store.queued import TENANT
from tests.nas.store.trained import KEY

UPLOADED, DELIVERED, WEIGHTS, MANIFEST = (letter * 64 for letter in "1234")


def named(stores: Stores) -> tuple[str, ...]:
    """What is named now."""
    with reading(stores.engine) as connection:
        return named_artifacts(connection)


def test_what_is_named_is_in_the_store_checkpoints_first(tmp_path: Path) -> None:
    settings, lease = filled(tmp_path / "home")
    with opened_stores(settings) as stores:
        train(stores, lease, 2)
        supernet = stores.supernets.begin(lease, KEY, 10)
        kept = {
            one
            for each in stores.supernets.checkpoints(TENANT, supernet.id)
            for one in each.artifacts.values()
        }
        found = named(stores)
        assert len(kept) == 4
        assert set(found[:4]) == kept
        assert found[4:] == (stores.results.artifact(TENANT, lease.job_id, "arrays/answers"),)
        assert stores.artifacts.digests() > set(found), "one is named by nobody"


def test_weights_deliveries_and_uploads_are_named(tmp_path: Path) -> None:
    settings, lease = filled(tmp_path / "home")
    with opened_stores(settings) as stores:
        supernet = stores.supernets.begin(lease, KEY, 10)
        stores.supernets.finish(lease, supernet.id, WEIGHTS, {"manifest": MANIFEST})
        stores.fronts.add_export(lease, "net", "onnx", DELIVERED, {})
        stores.datasets.add(TENANT, "parts", {"name": "uploaded", "file": UPLOADED, "content": "images"})
        stores.datasets.add(TENANT, "mine", {"name": "digits"})
        answers = stores.results.artifact(TENANT, lease.job_id, "arrays/answers")
        assert set(named(stores)) == {WEIGHTS, MANIFEST, DELIVERED, UPLOADED, answers}


def test_files_that_are_to_be_measured_are_named_and_golden_subjects_always(tmp_path: Path) -> None:
    settings, _ = filled(tmp_path / "home")
    with opened_stores(settings) as stores:
        board = CheckedBoard.of(stores.engine)
        before = set(named(stores))
        board.asked("one")
        golden = {hashlib.sha256(subject.encode()).hexdigest() for subject in GOLDEN}
        (one,) = tasks_for(board.agent, ["one"])
        assert set(named(stores)) - before == golden | {one.artifact}
        board.works()
        board.works()
        assert board.idle()
        assert set(named(stores)) - before == golden, "they are measured again one day"

"""A search that is killed goes on, and ends with the same weights."""

import json
import signal

import numpy as np
import pytest

from tests.e2e.command import Ended, search, with_tables_of

# The shared search runs in the set-up of whichever test comes first, on a restless machine twice.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(400)]


def weights_of(ended: Ended) -> str:
    (summary,) = (ended.home / "supernets").glob("*/epochs-3/training.json")
    return str(json.loads(summary.read_text())["weight_hash"])


@pytest.fixture(scope="module")
def killed(finished: Ended, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Killed in the second epoch, when the weights of its checkpoint are written but not its manifest."""
    home = with_tables_of(finished, tmp_path_factory.mktemp("killed") / "home")
    return search(home, FAULTS_DIE_BEFORE="checkpoint-00000002.json")


def test_a_kill_leaves_the_last_whole_epoch(killed: Ended) -> None:
    assert killed.status == -signal.SIGKILL
    assert killed.answer == ""
    (folder,) = (killed.home / "supernets").glob("*/epochs-3")
    manifests = {path.name for path in folder.glob("checkpoint-*.json")}
    assert manifests == {"checkpoint-00000001.json"}
    assert not killed.run.finished


def test_a_killed_search_goes_on_to_the_same_weights(killed: Ended, finished: Ended) -> None:
    again = search(killed.home)
    assert again.status == 0, again.told
    assert "phase profile is done already" in again.told
    assert "training goes on after epoch 1 of 3" in again.told
    assert again.run.id == killed.run.id == finished.run.id
    assert weights_of(again) == weights_of(finished)
    first, second = (ended.run.load_arrays("predict") for ended in (finished, again))
    np.testing.assert_array_equal(first["archs"], second["archs"])
    np.testing.assert_array_equal(first["correct"], second["correct"])

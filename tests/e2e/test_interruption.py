"""A search that is killed goes on, and ends with the same weights."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from nas.pipeline.finetune import FinetunePlan
from nas.pipeline.runner import open_context
from nas.pipeline.single import single_task
from nas.pipeline.train import load_trained
from nas.settings import Settings
from nas.training.events import Trained
from nas.training.finetune import finetune
from search_spaces.base import architecture_digest, architecture_from_values
from tests.e2e.command import DOCUMENT, Ended, search, with_supernet_of, with_tables_of
from tests.nas.pipeline.small_search import Recorder

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


TUNED = {**DOCUMENT, "finetune": {"share": 4.0, "points": 1}}


def test_a_kill_while_a_network_is_trained_on_changes_nothing_of_it(finished: Ended, tmp_path: Path) -> None:
    home = with_supernet_of(finished, tmp_path / "home")
    killed = search(home, document=TUNED, FAULTS_DIE_BEFORE="checkpoint-00000002.json")
    assert killed.status == -signal.SIGKILL
    (folder,) = (killed.run.path / "finetune").iterdir()
    assert {path.name for path in folder.glob("checkpoint-*.json")} == {"checkpoint-00000001.json"}
    again = search(home, document=TUNED)
    assert again.status == 0, again.told
    assert again.run.path == killed.run.path
    assert "phase verify is done already" in again.told
    ctx = open_context(again.result.spec, Settings(home=home), Recorder(), again.run)
    ((digest, epochs),) = ctx.run.load("finetune.plan", FinetunePlan).epochs.items()
    (network,) = [one for one in again.result.targets[0].networks if one.architecture_digest == digest]
    architecture = architecture_from_values(ctx.space, network.architecture)
    assert architecture_digest(ctx.space, architecture) == digest
    task = single_task(ctx, tmp_path / "undisturbed", epochs)
    *_, undisturbed = finetune(task, ctx.dataset, load_trained(ctx), architecture)
    assert isinstance(undisturbed, Trained)
    assert (folder / undisturbed.path.name).read_bytes() == undisturbed.path.read_bytes()

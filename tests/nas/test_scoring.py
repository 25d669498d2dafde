from pathlib import Path

import numpy as np

from nas.scoring import open_evaluator, score_subnets
from nas.task_events import NetworkTrained, SubnetScored
from nas.tasks import ScoreSubnets
from nas.training.tasks import train_network
from nas.training_options import Augmentation
from nas.workplace import Workplace
from tests.contracts.compute_contract import SEED, SHORT, architectures, inputs, training
from tests.contracts.folder_artifacts import FolderArtifacts


def test_each_subnet_is_scored_in_turn_with_statistics_of_its_own(tmp_path: Path) -> None:
    workplace = Workplace(FolderArtifacts(tmp_path / "artifacts"), tmp_path / "scratch", tmp_path)
    *_, end = train_network(training(options=SHORT), workplace)
    assert isinstance(end, NetworkTrained)
    task = ScoreSubnets(inputs(), end.weights, architectures(2), "test", SEED, Augmentation())
    evaluator = open_evaluator(task, workplace)
    events = score_subnets(task, workplace)
    for index, architecture in enumerate(task.architectures):
        event = next(events)
        assert isinstance(event, SubnetScored)
        assert event.index == index
        np.testing.assert_array_equal(event.correct, evaluator.correct(architecture, "test"))

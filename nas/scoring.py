"""The task of scoring subnets."""

from collections.abc import Iterator
from contextlib import closing

from latency_predictors.lease import host_share
from nas.evaluation import SubnetEvaluator
from nas.task_events import Event, SubnetScored
from nas.tasks import ScoreSubnets
from nas.training.tasks import load_weights
from nas.training_options import NUM_TRIAL_IMAGES
from nas.workplace import Workplace


def score_subnets(task: ScoreSubnets, workplace: Workplace) -> Iterator[Event]:
    """Score each architecture of a task."""
    evaluator = open_evaluator(task, workplace)
    with closing(host_share()) as share:
        for index, architecture in enumerate(task.architectures):
            with share:
                correct = evaluator.correct(architecture, task.part)
            yield SubnetScored(index, correct)


def open_evaluator(task: ScoreSubnets, workplace: Workplace) -> SubnetEvaluator:
    """Return what scores the subnets of a task.

    Raises:
        ArtifactError: The weights are missing, damaged, or of another space.
    """
    dataset, space = workplace.open(task.inputs)
    supernet = load_weights(task.weights, space, workplace, "scored")
    return SubnetEvaluator(supernet, dataset, task.seed, task.augmentation, NUM_TRIAL_IMAGES)

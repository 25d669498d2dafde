"""Which subnets are scored, and which images a predictor may see."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select, update

from nas.evaluation import SubnetEvaluator
from nas.pipeline import predict
from nas.pipeline.context import Done, PhaseContext
from nas.pipeline.options import augmentation_of
from nas.pipeline.predict import PredictDocument, fit_fold, sampled_subnets
from nas.pipeline.train import TrainDocument
from nas.ports import Run
from nas.store.arrays import unpacked
from nas.store.model_tables import supernets
from nas.store.session import writing
from nas.task_events import SubnetScored
from nas.tasks import ScoreSubnets, Task
from nas.training.weights import load_supernet
from search_spaces.sampling import as_architecture, canonical, largest, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import NUM_SUBNETS, Home, Recorder


def test_sampled_subnets_are_distinct_and_hold_both_ends(home: Home) -> None:
    ctx = home.unsubmitted()
    archs = sampled_subnets(ctx)
    assert archs.shape == (NUM_SUBNETS, len(ctx.space.choices))
    assert len(np.unique(archs, axis=0)) == NUM_SUBNETS
    np.testing.assert_array_equal(archs[:2], np.concatenate([smallest(ctx.space), largest(ctx.space)]))
    np.testing.assert_array_equal(canonical(ctx.space, archs), archs)


def test_the_seed_decides_which(home: Home) -> None:
    np.testing.assert_array_equal(sampled_subnets(home.unsubmitted()), sampled_subnets(home.unsubmitted()))
    assert not np.array_equal(sampled_subnets(home.unsubmitted()), sampled_subnets(home.unsubmitted(seed=1)))


def test_answers_are_those_of_the_supernet_on_all_validation_images(finished: FinishedSearch) -> None:
    ctx = finished.context()
    arrays = finished.run.load_arrays("predict")
    assert arrays["correct"].shape == (NUM_SUBNETS, 80)
    weights = finished.run.load("train", TrainDocument).weights
    supernet = load_supernet(finished.home.placed(weights), ctx.space)
    evaluator = SubnetEvaluator(supernet, ctx.dataset, ctx.spec.seed, augmentation_of(ctx.spec))
    for row in (0, 1, 30):
        again = evaluator.correct(as_architecture(arrays["archs"][row]), "validation")
        np.testing.assert_array_equal(again, arrays["correct"][row])


def test_a_predictor_sees_select_images_only(finished: FinishedSearch) -> None:
    """Answers on images that confirm may be anything: predictions do not change."""
    ctx = finished.context()
    arrays = finished.run.load_arrays("predict")
    fold = ctx.dataset.folds[0]
    others = arrays["correct"].copy()
    others[:, fold.confirm] = ~others[:, fold.confirm]
    first, second = (
        fit_fold(ctx, fold, arrays["archs"], correct).predict(arrays["archs"])
        for correct in (arrays["correct"], others)
    )
    np.testing.assert_array_equal(first.point, second.point)
    np.testing.assert_array_equal(first.upper, second.upper)
    seen = arrays["correct"].copy()
    seen[:, fold.select] = ~seen[:, fold.select]
    changed = fit_fold(ctx, fold, arrays["archs"], seen).predict(arrays["archs"])
    assert not np.array_equal(first.point, changed.point)


def test_the_report_of_the_predictor_is_left_for_the_result(finished: FinishedSearch) -> None:
    document = finished.run.load("predict", PredictDocument)
    assert document.num_subnets == NUM_SUBNETS
    assert document.report == finished.result.predictor
    assert {"spearman", "coverage"} <= set(document.report)


def trained(home: Home, finished: FinishedSearch) -> PhaseContext:
    """Another search on the supernet of the finished one."""
    ctx = home.context()
    ctx.run.save("train", finished.run.load("train", TrainDocument))
    return ctx


class Backwards:
    """Says the answers of subnets in another order than they were asked in, as several processes may.

    The digit of each image that a subnet gets right is that of its own index.
    """

    at_once = 1

    def __init__(self) -> None:
        self.asked: list[Task] = []

    def run(self, task: Task) -> Run:
        assert isinstance(task, ScoreSubnets)
        self.asked.append(task)
        count = len(task.architectures)
        return (SubnetScored(index, np.arange(80) % count == index) for index in reversed(range(count)))


def test_another_search_on_the_supernet_scores_nothing(copied: Home, finished: FinishedSearch) -> None:
    scorer = Backwards()
    ctx = replace(trained(copied, finished), compute=scorer)
    assert predict.run(ctx) == Done()
    assert scorer.asked == []
    again, before = (run.load_arrays("predict") for run in (ctx.run, finished.run))
    for name, array in before.items():
        np.testing.assert_array_equal(again[name], array)
    assert ctx.run.load("predict", PredictDocument).report == finished.result.predictor


def test_answers_belong_to_their_subnets_in_whatever_order_they_come(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx = replace(trained(copied, finished), compute=Backwards())
    # As if nobody had scored anything: the key of the answers is gone from what is told of the supernet.
    document = ctx.run.load("train", TrainDocument)
    forget_answers(copied, document.id)
    assert predict.run(ctx) == Done()
    found = ctx.run.load_arrays("predict")
    np.testing.assert_array_equal(found["archs"], sampled_subnets(ctx))
    np.testing.assert_array_equal(
        found["correct"], np.arange(80) % NUM_SUBNETS == np.arange(NUM_SUBNETS)[:, None]
    )
    assert isinstance(ctx.progress, Recorder)
    assert ctx.progress.steps[-1][:3] == ("predict", NUM_SUBNETS, NUM_SUBNETS)
    # Kept with the supernet for the next search.
    answers = copied.stores.supernets.answers("local", document.id)
    np.testing.assert_array_equal(unpacked(copied.stores.artifacts.get(answers))["archs"], found["archs"])


@pytest.mark.parametrize("lost", ["damaged", "gone"])
def test_answers_that_are_lost_are_scored_again(copied: Home, finished: FinishedSearch, lost: str) -> None:
    ctx = trained(copied, finished)
    answers = copied.stores.supernets.answers("local", ctx.run.load("train", TrainDocument).id)
    if lost == "gone":
        copied.stores.artifacts.remove(answers)
    else:
        copied.damage(answers)
    assert predict.run(ctx) == Done()
    again, before = (run.load_arrays("predict") for run in (ctx.run, finished.run))
    np.testing.assert_array_equal(again["correct"], before["correct"])
    assert unpacked(copied.stores.artifacts.get(answers)).keys() == again.keys()
    (told,) = copied.events(ctx.run, "damaged")
    assert told["code"] == ("artifact_missing" if lost == "gone" else "artifact_damaged")
    assert str(told["what"]).startswith("answers of supernet ")


def forget_answers(home: Home, supernet_id: str) -> None:
    with writing(home.stores.engine) as connection:
        own = supernets.c.id == supernet_id
        summary = connection.execute(select(supernets.c.summary).where(own)).scalar_one()
        left = {name: value for name, value in summary.items() if name != "answers"}
        connection.execute(update(supernets).where(own).values(summary=left))

"""Which subnets are scored, and which images a predictor may see."""

from pathlib import Path

import numpy as np

from nas.pipeline.predict import NUM_SUBNETS, PredictDocument, fit_fold, make_evaluator, sampled_subnets
from nas.pipeline.train import load_trained
from search_spaces.sampling import as_architecture, canonical, largest, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import context


def test_sampled_subnets_are_distinct_and_hold_both_ends(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    archs = sampled_subnets(ctx)
    assert archs.shape == (NUM_SUBNETS, len(ctx.space.choices))
    assert len(np.unique(archs, axis=0)) == NUM_SUBNETS
    np.testing.assert_array_equal(archs[:2], np.concatenate([smallest(ctx.space), largest(ctx.space)]))
    np.testing.assert_array_equal(canonical(ctx.space, archs), archs)


def test_the_seed_decides_which(tmp_path: Path) -> None:
    np.testing.assert_array_equal(sampled_subnets(context(tmp_path)), sampled_subnets(context(tmp_path)))
    assert not np.array_equal(sampled_subnets(context(tmp_path)), sampled_subnets(context(tmp_path, seed=1)))


def test_answers_are_those_of_the_supernet_on_all_validation_images(finished: FinishedSearch) -> None:
    ctx = finished.context()
    arrays = finished.run.load_arrays("predict")
    assert arrays["correct"].shape == (NUM_SUBNETS, 80)
    evaluator = make_evaluator(ctx, load_trained(ctx))
    for row in (0, 1, 50):
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

"""What a specification means for training."""

from pathlib import Path

import pytest

from nas.pipeline.options import augmentation_of, options_of, recipe_of, trial_of
from nas.training.recipes import get_recipe
from tests.nas.pipeline.small_search import context, small_spec


@pytest.mark.parametrize("name", ["default", "sandwich", "uniform"])
def test_the_recipe_is_the_one_named(name: str) -> None:
    assert recipe_of(small_spec(supernet={"recipe": name})) == get_recipe(name)


@pytest.mark.parametrize("flip", [True, False])
def test_images_are_mirrored_only_where_that_was_asked_for(flip: bool) -> None:
    spec = small_spec(supernet={"flip": flip})
    assert augmentation_of(spec).flip is flip
    assert options_of(spec, 7).augmentation.flip is flip
    assert options_of(spec, 7).epochs == 7


def test_what_is_timed_is_what_will_be_trained(tmp_path: Path) -> None:
    ctx = context(tmp_path, seed=5)
    trial = trial_of(ctx.spec, ctx.dataset, ctx.space)
    assert (trial.space, trial.dataset, trial.seed) == (ctx.space, ctx.dataset, 5)
    assert trial.recipe == recipe_of(ctx.spec)
    assert trial.options == options_of(ctx.spec, epochs=1)

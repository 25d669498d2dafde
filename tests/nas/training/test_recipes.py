import numpy as np
import pytest

from nas.training.recipes import (
    RECIPES,
    Extremes,
    Progressive,
    Sandwich,
    Uniform,
    get_recipe,
    spread_architectures,
)
from search_spaces.base import Architecture, Space
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.network import fixed_space, layers, resolution
from search_spaces.sampling import (
    as_architecture,
    as_array,
    canonical,
    largest,
    option_counts,
    random_architectures,
    smallest,
)

TINY = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)
CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)


def macs(architecture: Architecture) -> int:
    return sum(layer.macs for layer in layers(TINY, architecture))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("space", [TINY, CELL], ids=["tiny", "cell"])
def test_subnets_of_a_step_share_a_resolution_and_are_canonical(name: str, space: Space) -> None:
    for number in range(20):
        step = get_recipe(name).step(space, number, 20, np.random.default_rng(number))
        assert len({resolution(space, subnet) for subnet in step.subnets}) == 1
        rows = as_array(*step.subnets)
        assert np.array_equal(rows, canonical(space, rows))
        assert len(set(step.subnets)) == len(step.subnets)


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_is_a_function_of_its_generator_alone(name: str) -> None:
    recipe = get_recipe(name)
    first, second = (recipe.step(TINY, 8, 20, np.random.default_rng([1, 8])) for _ in range(2))
    assert first == second


def test_every_resolution_is_visited_equally_often() -> None:
    steps = [Uniform().step(TINY, n, 600, np.random.default_rng(n)) for n in range(600)]
    sides = [resolution(TINY, step.subnets[0]) for step in steps]
    assert [110 < sides.count(side) < 190 for side in (12, 16, 24, 32)] == [True] * 4


def test_uniform_trains_one_subnet_from_labels() -> None:
    step = Uniform().step(TINY, 0, 1, np.random.default_rng(0))
    assert len(step.subnets) == 1
    assert not step.distils


def test_progressive_training_adds_resolutions_one_after_the_other() -> None:
    steps = [Progressive().step(TINY, n, 1_000, np.random.default_rng(n)) for n in range(1_000)]
    sides = [resolution(TINY, step.subnets[0]) for step in steps]
    assert set(sides[:400]) == {16}
    assert set(sides[400:700]) == {16, 24}
    assert set(sides[700:]) == {12, 16, 24, 32}
    assert 50 < sides[700:].count(32) < 100
    assert not any(step.distils or len(step.subnets) > 1 for step in steps)


def test_progressive_training_of_a_space_with_one_resolution_is_uniform() -> None:
    found = [Progressive().step(CELL, 0, 9, np.random.default_rng(seed)) for seed in range(20)]
    assert found == [Uniform().step(CELL, 0, 9, np.random.default_rng(seed)) for seed in range(20)]


def test_a_sandwich_starts_with_the_largest_and_the_smallest() -> None:
    step = Sandwich().step(TINY, 0, 1, np.random.default_rng(0))
    assert step.distils
    assert len(step.subnets) == 4
    top, bottom, *between = step.subnets
    # But for the resolution, which is the first choice and the same for all, these are the ends of the space.
    assert top[1:] == as_architecture(largest(TINY)[0])[1:]
    assert bottom[1:] == as_architecture(smallest(TINY)[0])[1:]
    assert all(macs(bottom) <= macs(subnet) <= macs(top) for subnet in between)


def test_extremes_come_every_few_steps() -> None:
    steps = [Extremes(every=3).step(TINY, n, 7, np.random.default_rng(n)) for n in range(7)]
    # Now and then the random subnet is one of the ends itself.
    assert [len(step.subnets) > 1 for step in steps] == [True, False, False, True, False, False, True]
    assert [step.distils for step in steps] == [True, False, False, True, False, False, True]


@pytest.mark.parametrize("name", RECIPES)
def test_a_space_without_choices_has_its_one_network_trained_once_a_step(name: str) -> None:
    only = fixed_space(TINY, as_architecture(smallest(TINY)[0]))
    assert get_recipe(name).step(only, 0, 1, np.random.default_rng(0)).subnets == ((),)


def test_spread_architectures_use_every_option_equally_often() -> None:
    drawn = spread_architectures(TINY, 6_000, np.random.default_rng(0))
    # The widths of all stages are active in every architecture.
    names = [choice.name for choice in TINY.choices]
    for name in ("resolution", "stage2.width", "stage3.width", "stage3.depth"):
        column = names.index(name)
        shares = np.bincount(drawn[:, column]) / len(drawn)
        np.testing.assert_allclose(shares, 1 / option_counts(TINY)[column], atol=0.03)


def test_spread_architectures_reach_further_than_independent_ones() -> None:
    rng = np.random.default_rng(0)
    spread, independent = (
        np.log([macs(as_architecture(row)) for row in draw(TINY, 300, rng)])
        for draw in (spread_architectures, random_architectures)
    )
    assert np.quantile(spread, 0.1) < np.quantile(independent, 0.1)
    assert np.quantile(spread, 0.9) > np.quantile(independent, 0.9)
    assert spread.std() > 1.25 * independent.std()


def test_an_unknown_recipe_is_refused_with_what_exists() -> None:
    with pytest.raises(UsageError, match="sandwich") as caught:
        get_recipe("club")
    assert caught.value.code == "unknown_recipe"

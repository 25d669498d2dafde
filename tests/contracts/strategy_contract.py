"""What every search strategy keeps: each strategy's test inherits `StrategyContract`, with its factory."""

from functools import partial

import numpy as np
import pytest

from nas.strategies.strategy import StrategyFactory
from search_spaces.base import Choice, FloatArray, IntArray, Slot, Space, Standing
from search_spaces.catalogue import get_space
from search_spaces.layers import ConvNormAct
from search_spaces.sampling import canonical


def _convolution(channels: int, scale: int) -> Standing:
    return ConvNormAct((channels, 8, 8), 8 * scale, 3, 1, "relu")


def grid_space(num_choices: int, num_options: int) -> Space:
    """Return a space of num_options ** num_choices networks: every choice is always active."""
    names = [f"scale{i}" for i in range(num_choices)]
    return Space(
        f"grid{num_choices}x{num_options}",
        tuple(Choice(name, tuple(range(1, num_options + 1))) for name in names),
        tuple(Slot(name, (name,), partial(_convolution, i + 1)) for i, name in enumerate(names)),
    )


def distance_to_two_corners(archs: IntArray) -> FloatArray:
    """Return two objectives in conflict, shape (n, 2): distances to the first options and to those at 3."""
    steps = np.arange(1, archs.shape[1] + 1)
    distances = [(archs * steps).sum(axis=1), ((3 - archs) ** 2).sum(axis=1)]
    return np.stack(distances, axis=1).astype(np.float64)


class StrategyContract:
    """Inherit this in a class whose name begins with `Test`."""

    factory: StrategyFactory

    @pytest.fixture
    def space(self) -> Space:
        """A space with choices that are inactive in many architectures."""
        return get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)

    def asked(self, space: Space, seed: int, rounds: int = 5) -> IntArray:
        """Run a strategy for some rounds and return everything that it proposed."""
        strategy = type(self).factory(space, np.random.default_rng(seed))
        batches = []
        for _ in range(rounds):
            archs = strategy.ask(40)
            strategy.tell(archs, distance_to_two_corners(archs), np.zeros(len(archs)))
            batches.append(archs)
        return np.concatenate(batches)

    def test_proposals_have_the_number_and_shape_asked_for(self, space: Space) -> None:
        archs = type(self).factory(space, np.random.default_rng(0)).ask(7)
        assert archs.shape == (7, len(space.choices))
        assert archs.dtype == np.int64

    def test_proposals_are_canonical(self, space: Space) -> None:
        archs = self.asked(space, seed=1)
        assert np.array_equal(archs, canonical(space, archs))

    def test_nothing_is_proposed_twice(self, space: Space) -> None:
        archs = self.asked(space, seed=2)
        assert len(np.unique(archs, axis=0)) == len(archs) == 200

    def test_the_same_seed_gives_the_same_proposals(self, space: Space) -> None:
        assert np.array_equal(self.asked(space, seed=3), self.asked(space, seed=3))
        assert not np.array_equal(self.asked(space, seed=3), self.asked(space, seed=4))

    def test_no_global_randomness_is_used(self, space: Space) -> None:
        before = np.random.get_state(legacy=False)  # noqa: NPY002
        self.asked(space, seed=5)
        after = np.random.get_state(legacy=False)  # noqa: NPY002
        assert str(before) == str(after)

    def test_a_small_space_is_exhausted_and_then_nothing_is_proposed(self) -> None:
        space = grid_space(3, 3)
        archs = self.asked(space, seed=6, rounds=30)
        assert len(archs) == len(np.unique(archs, axis=0)) == 27

    def test_told_arrays_are_left_as_they_are(self, space: Space) -> None:
        strategy = type(self).factory(space, np.random.default_rng(7))
        archs = strategy.ask(20)
        values, violations = distance_to_two_corners(archs), np.linspace(0.0, 1.0, 20)
        told = archs.copy(), values.copy(), violations.copy()
        strategy.tell(archs, values, violations)
        strategy.ask(20)
        assert all(
            np.array_equal(now, was) for now, was in zip((archs, values, violations), told, strict=True)
        )

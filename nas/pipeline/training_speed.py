"""How fast a supernet will train, told without running it: from the work of a step, and earlier trainings.

The work is that of the subnets which a recipe draws. Seconds for it were counted on a small machine; where
searches have trained here already, whatever these took for their work corrects them: machines differ by more
than spaces do.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from latency_predictors.predictor import exact_cost
from nas.data.facts import facts_of
from nas.pipeline.durations import CHECKPOINT_S
from nas.pipeline.options import options_of, recipe_of
from nas.specs import SearchSpec
from nas.store.stores import Stores
from nas.store.supernet_store import StoredSupernet
from nas.task_events import SupernetTimed
from nas.training.recipes import spread_architectures
from nas.training_options import steps_per_epoch
from search_spaces.base import SearchSpace
from search_spaces.catalogue import get_space
from search_spaces.errors import HwnasError
from search_spaces.sampling import as_array

SUBNET_S: Final = 0.017
GMAC_S: Final = 0.3
"""A training step takes the first for each subnet and the second for 10^9 of its MACs, over all images."""

IMAGE_S: Final = 3e-5
SCORED_GMAC_S: Final = 0.09
"""The same for scoring an image."""

NUM_EARLIER: Final = 5
"""Trainings that are looked at, the newest first."""

How = Literal["measured", "fitted", "modelled"]

WITHIN: Final[dict[How, float]] = {"measured": 1.25, "fitted": 1.6, "modelled": 3.0}
"""What training takes lies within this factor, by how it is known."""

_DRAWN: Final = 200


@dataclass(frozen=True)
class Speed:
    """Seconds of a training step and of an inference.

    Attributes:
        how: From an earlier training of the same supernet; from trainings of others here; or from seconds
            that were counted elsewhere.
    """

    timed: SupernetTimed
    how: How


def training_speed(
    stores: Stores,
    tenant: str,
    spec: SearchSpec,
    space: SearchSpace,
    num_train: int,
    same: StoredSupernet | None,
) -> Speed:
    """Return how fast the supernet of a search trains.

    Args:
        stores: Where earlier trainings are.
        tenant: Whose.
        spec: Of the search.
        space: Of the search.
        num_train: Images that it trains on.
        same: A finished training of the same supernet.
    """
    expected = expected_speed(spec, space)
    if same is not None:
        step_s = _step_s(same, spec, num_train)
        return Speed(SupernetTimed(step_s, expected.image_s * step_s / expected.step_s), "measured")
    factors = list(_factors(stores, tenant))
    if not factors:
        return Speed(expected, "modelled")
    factor = statistics.median(factors)
    return Speed(SupernetTimed(factor * expected.step_s, factor * expected.image_s), "fitted")


def expected_speed(spec: SearchSpec, space: SearchSpace) -> SupernetTimed:
    """Return what is expected of a small machine."""
    recipe, batch = recipe_of(spec), options_of(spec, epochs=1).batch_size
    macs_of = exact_cost(space, "num_macs")
    steps = [recipe.step(space, n, _DRAWN, np.random.default_rng([spec.seed, n])) for n in range(_DRAWN)]
    subnets = sum(len(step.subnets) for step in steps) / _DRAWN
    drawn = as_array(*(subnet for step in steps for subnet in step.subnets))
    gmacs = float(macs_of(drawn).sum()) * batch / 1e9 / _DRAWN
    scored = float(macs_of(spread_architectures(space, _DRAWN, np.random.default_rng(spec.seed))).mean())
    return SupernetTimed(SUBNET_S * subnets + GMAC_S * gmacs, IMAGE_S + SCORED_GMAC_S * scored / 1e9)


def _step_s(finished: StoredSupernet, spec: SearchSpec, num_train: int) -> float:
    """Return the seconds that a step of a finished training took."""
    steps = steps_per_epoch(num_train, options_of(spec, epochs=1).batch_size)
    epoch_s = float(finished.summary["seconds"]) / finished.epochs
    return max(epoch_s - CHECKPOINT_S, 0.1 * epoch_s) / steps


def _factors(stores: Stores, tenant: str) -> Iterator[float]:
    """Yield for each of the last trainings what its steps took, over what was expected of them."""
    whole = [one for one in stores.supernets.list_all(tenant) if one.weights and _is_supernet(one)]
    for one in sorted(whole, key=lambda one: one.finished_at_ms, reverse=True)[:NUM_EARLIER]:
        try:
            yield _factor(stores, tenant, one)
        except HwnasError:
            continue  # what its search has left can no longer be read


def _factor(stores: Stores, tenant: str, finished: StoredSupernet) -> float:
    search = stores.stored(stores.jobs.get(tenant, finished.trainer))
    spec, images = search.spec(), facts_of(search.result().dataset)
    wanted = spec.space
    space = get_space(
        wanted.name,
        preset=wanted.preset,
        num_classes=images.num_classes,
        in_channels=images.num_channels,
    )
    return _step_s(finished, spec, images.num_train) / expected_speed(spec, space).step_s


def _is_supernet(one: StoredSupernet) -> bool:
    """Whether it is the training of a whole space, and not of one network."""
    return not any(word == "alone" or word.startswith("from ") for word in one.key.recipe.split(", "))

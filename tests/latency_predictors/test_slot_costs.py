from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from latency_predictors.slot_costs import CHUNK, SlotCosts
from search_spaces.base import ABSENT, PASS, Choice, SearchSpace, Slot, Space, Standing
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.layers import ConvNormAct, LayerSpec
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, random_architectures
from search_spaces.slot_tables import distinct_layers


def conv(width: int) -> LayerSpec:
    return ConvNormAct((3, 8, 8), width, 3, 1, "relu")


def optional(skip: str, width: int) -> Standing:
    return {"skip": PASS, "absent": ABSENT}.get(skip, conv(width))


TOY = Space(
    "toy",
    (Choice("width", (4, 8)), Choice("last", (16, 32, 64)), Choice("skip", ("no", "skip", "absent"))),
    (
        Slot("wide", ("width",), conv),
        Slot("middle", ("skip", "width"), optional),
        Slot("fixed", (), lambda: conv(5)),
        Slot("head", ("last",), conv),
    ),
)

Reduce = Callable[[list[NDArray[np.float64]]], NDArray[np.float64]]


def naive(
    space: SearchSpace, costs: NDArray[np.float64], archs: NDArray[np.int64], reduce: Reduce
) -> NDArray[np.float64]:
    place = {spec: i for i, spec in enumerate(distinct_layers(space))}
    rows = []
    for row in archs:
        rows.append(reduce([costs[place[spec]] for spec in layers(space, as_architecture(row))]))
    return np.array(rows)


@pytest.mark.parametrize(
    ("space", "n"),
    [
        (TOY, 200),
        (get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3), 200),
        (get_space("mobilenet_v3", preset="imagenet", num_classes=10, in_channels=3), 40),
        (get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3), 200),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_gathered_costs_are_those_of_a_loop_over_layers(space: SearchSpace, n: int) -> None:
    rng = np.random.default_rng(0)
    costs = rng.random((len(distinct_layers(space)), 3))
    archs = random_architectures(space, n, rng)
    sums = naive(space, costs, archs, lambda found: np.sum(found, axis=0))
    np.testing.assert_allclose(SlotCosts(space, costs)(archs), sums, rtol=1e-12)
    peaks = naive(space, costs, archs, lambda found: np.max(found, axis=0))
    np.testing.assert_array_equal(SlotCosts(space, costs, np.maximum)(archs), peaks)


def test_skipped_and_absent_slots_cost_nothing() -> None:
    costs = np.array([[float(spec.out_shape[0])] for spec in distinct_layers(TOY)])
    found = SlotCosts(TOY, costs)(np.array([[1, 0, 0], [1, 0, 1], [1, 0, 2]]))
    assert found[:, 0].tolist() == [8 + 8 + 5 + 16, 8 + 5 + 16, 8 + 5 + 16]


def test_slots_of_nested_scope_share_one_array() -> None:
    costs = SlotCosts(TOY, np.ones((len(distinct_layers(TOY)), 1)))
    assert sorted(len(array) for array in costs._costs) == [3, 6]


@pytest.mark.parametrize("n", [0, 1, CHUNK, CHUNK + 1])
def test_any_number_of_architectures_is_taken(n: int) -> None:
    costs = SlotCosts(TOY, np.ones((len(distinct_layers(TOY)), 2), dtype=np.float32))
    found = costs(np.zeros((n, 3), dtype=np.int64))
    assert found.shape == (n, 2)
    assert (found == 4.0).all()


@pytest.mark.parametrize("row", [[2, 0, 0], [0, 0, -1]])
def test_an_index_that_is_no_option_is_refused(row: list[int]) -> None:
    costs = SlotCosts(TOY, np.ones((len(distinct_layers(TOY)), 1)))
    with pytest.raises(UsageError) as caught:
        costs(np.array([[0, 0, 0], row]))
    assert caught.value.code == "invalid_architecture"


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(UsageError, match="3 choices"):
        SlotCosts(TOY, np.ones((len(distinct_layers(TOY)), 1)))(np.zeros((2, 4), dtype=np.int64))

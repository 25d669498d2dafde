"""One target while it is verified: which images a network may show, and what its front is."""

from dataclasses import dataclass, replace

import numpy as np

from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import LookupTable
from latency_predictors.memory import peak_memory_bytes
from latency_predictors.spread import Measured
from nas.data.contents import Fold
from nas.pipeline.costs import known_predictors
from nas.pipeline.networks import Exported
from nas.pipeline.verification import Verification
from nas.results import Figure
from nas.specs import ContextSpec, TargetSpec
from search_spaces.base import architecture_digest
from search_spaces.catalogue import get_space
from search_spaces.network import network
from search_spaces.sampling import as_architecture, random_architectures

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
ARCHS = np.unique(random_architectures(SPACE, 40, np.random.default_rng(0)), axis=0)
FIRST, SECOND = np.arange(0, 10), np.arange(10, 20)
SWAPPED = (Fold(FIRST, SECOND), Fold(SECOND, FIRST))


@dataclass(frozen=True)
class Beliefs:
    """What a search believes of a network."""

    accuracy: Figure
    latency: Figure
    energy: Figure | None = None


BELIEVED = Beliefs(
    Figure(value=0.6, lower=0.5, upper=0.7, kind="fitted"),
    Figure(value=2.0, lower=1.8, upper=2.2, kind="table"),
)


def state(limit_ms: float = 100.0, folds: tuple[Fold, ...] = SWAPPED) -> Verification:
    """A target with two halves of ten images each, swapped by default; nothing is verified yet."""
    return Verification(
        TargetSpec(limits={"latency_ms": limit_ms}),
        ("accuracy", "latency_ms"),
        folds,
        LookupTable(device=host_device(), context=host_context()),
        ARCHS[:0],
        np.zeros((0, 20), dtype=bool),
    )


def add(found: Verification, row: int, right: tuple[int, int], ms: float) -> str:
    """Verify an architecture that gets so many images of each half right; return its name."""
    correct = np.zeros(20, dtype=bool)
    correct[FIRST[: right[0]]] = correct[SECOND[: right[1]]] = True
    architecture = as_architecture(ARCHS[row])
    digest = architecture_digest(SPACE, architecture)
    exported = Exported(SPACE, architecture, digest, f"{row:064}", 1_000, 1e-6, correct)
    measured = Measured(digest, ms, 0.95 * ms, 1.05 * ms, 1.1 * ms, 0.01, ("s1", "s2"), suspect=False)
    found.add(exported, found.described(exported, measured, BELIEVED, round_=1), measured)
    return f"net-{digest[:6]}"


def test_with_swapped_folds_accuracy_comes_from_both_halves() -> None:
    found = state()
    add(found, 0, (9, 5), 1.0)
    (one,) = found.found.values()
    assert (one.network.accuracy.value, one.network.accuracy.num_images) == (0.7, 20)
    assert one.network.accuracy.part == "validation"


def test_with_one_fold_accuracy_comes_from_its_confirm_images() -> None:
    found = state(folds=(Fold(FIRST, SECOND),))
    add(found, 0, (9, 5), 1.0)
    (one,) = found.found.values()
    assert (one.network.accuracy.value, one.network.accuracy.num_images) == (0.5, 10)
    assert one.network.accuracy.part == "confirm"


def test_limits_and_measurements_decide_what_stands_on_the_front() -> None:
    found = state(limit_ms=5.0)
    slow_good = add(found, 0, (9, 9), 4.0)
    fast = add(found, 1, (5, 5), 1.0)
    dominated = add(found, 2, (4, 4), 2.0)
    # The median keeps the limit, the upper end of its interval (5.04) does not.
    over = add(found, 3, (10, 10), 4.8)
    found.publish()
    assert {one.network.name: one.network.status for one in found.found.values()} == {
        slow_good: "front",
        fast: "front",
        dominated: "dominated",
        over: "over_limit",
    }
    objectives = found.measured_objectives()
    assert sorted(map(tuple, objectives.tolist())) == [(-0.9, 4.0), (-0.5, 1.0), (-0.4, 2.0)]


def test_what_a_fold_predicts_is_held_against_answers_on_the_same_images() -> None:
    found = state(limit_ms=5.0)
    add(found, 0, (9, 5), 4.0)
    add(found, 1, (3, 8), 1.0)
    add(found, 2, (10, 10), 5.0)
    found.publish()
    # The last one is over the limit. Of the first fold the first half is `select`, of the second the other.
    assert found.objectives_on_select(0).tolist() == [[-0.9, 4.0], [-0.3, 1.0]]
    assert found.objectives_on_select(1).tolist() == [[-0.5, 4.0], [-0.8, 1.0]]
    assert found.measured_objectives().tolist() == [[-0.7, 4.0], [-0.55, 1.0]]


def test_what_was_verified_teaches_the_predictors() -> None:
    found = state()
    add(found, 0, (9, 5), 1.0)
    add(found, 1, (3, 2), 2.0)
    np.testing.assert_array_equal(found.archs, ARCHS[:2])
    assert found.correct.sum(axis=1).tolist() == [14, 5]


def test_before_anything_is_verified_there_is_nothing_measured() -> None:
    assert state().measured_objectives().shape == state().objectives_on_select(1).shape == (0, 2)
    assert state().limits == {"latency_ms": 100.0}


def test_points_of_the_front_that_cannot_be_told_apart_are_tied() -> None:
    found = state()
    first = add(found, 0, (9, 9), 2.0)
    second = add(found, 1, (8, 8), 1.0)
    far = add(found, 2, (1, 1), 0.5)
    found.publish()
    tied = {one.network.name: one.network.tied_with for one in found.found.values()}
    # Two answers differ between the first two (p = 0.5), fourteen between the last two (p = 2 / 2^14).
    assert tied == {first: (second,), second: (first,), far: ()}


def test_what_was_believed_stands_beside_what_was_measured() -> None:
    found = state()
    add(found, 0, (9, 5), 1.0)
    (one,) = found.found.values()
    assert one.network.predicted_accuracy == BELIEVED.accuracy
    assert one.network.predicted_latency == BELIEVED.latency
    assert one.network.latency.median_ms == 1.0
    assert one.network.round == 1


def test_a_limit_of_memory_is_held_against_all_images_of_the_batch() -> None:
    """Each image alone would keep it."""
    found, alone = state(), peak_memory_bytes(network(SPACE, as_architecture(ARCHS[0])))
    found.target = TargetSpec(context=ContextSpec(batch=8), limits={"peak_memory_bytes": 2.0 * alone})
    found.table = LookupTable(device=host_device(), context=replace(host_context(), batch=8))
    add(found, 0, (9, 9), 1.0)
    found.publish()
    (one,) = found.found.values()
    assert (one.network.peak_memory_bytes, one.network.status) == (8 * alone, "over_limit")


def test_an_int8_network_keeps_a_limit_of_memory_that_its_fp32_form_does_not() -> None:
    """What is published is what was predicted, and neither counts integers as floats."""
    found, nodes = state(), network(SPACE, as_architecture(ARCHS[0]))
    int8, fp32 = (peak_memory_bytes(nodes, precision=precision) for precision in ("int8", "fp32"))
    found.target = TargetSpec(
        context=ContextSpec(precision="int8"), limits={"peak_memory_bytes": (int8 + fp32) / 2}
    )
    found.table = LookupTable(device=host_device(), context=replace(host_context(), precision="int8"))
    add(found, 0, (9, 9), 1.0)
    found.publish()
    (one,) = found.found.values()
    assert (one.network.peak_memory_bytes, one.network.status) == (int8, "front")
    assert int8 < fp32
    predicted = known_predictors(SPACE, found.table)["peak_memory_bytes"](np.array(ARCHS[:1]))
    assert isinstance(predicted, np.ndarray)
    assert predicted.tolist() == [int8]

"""Shares of single layers: found where there are some, none where there are none, in any unit."""

import time

import numpy as np
import pytest

from latency_predictors.calibration import fit_points, predict_left_out, predict_points
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from latency_predictors.layer_shares import LayerParts, _Effects, fit_shares
from search_spaces.base import FloatArray

NUM_LAYERS = 30


def points(
    m: int,
    *,
    seed: int,
    effects: FloatArray | None = None,
    unit: float = 1.0,
    kinds: int = NUM_LAYERS,
    drawn_from: int | None = None,
    spread: float = 0.0,
) -> list[CalibrationPoint]:
    """Networks of eight layers each, some twice, whose latency repeats within 0.3 %.

    Args:
        m: How many.
        seed: Of the choice and the noise.
        effects: What each layer takes in a network more than alone, as a share.
        unit: Of what layers take alone, in milliseconds.
        kinds: How many layers there are.
        drawn_from: The first so many layers are in them, the others are not; None for all.
        spread: How far sums may be off because of their entries, as a share.
    """
    rng, alone = np.random.default_rng(seed), np.geomspace(0.01, 0.1, kinds)
    inside = alone * (1.0 + (np.zeros(kinds) if effects is None else effects))
    found = []
    for i in range(m):
        counts = np.bincount(rng.integers(0, drawn_from or kinds, 8), minlength=kinds)
        measured = 0.9 * float(counts @ inside) + 0.02
        parts = {str(j): unit * float(counts[j] * alone[j]) for j in np.flatnonzero(counts)}
        found.append(
            CalibrationPoint(
                digest=f"{seed}-{i}",
                sum_ms=sum(parts.values()),
                num_layers=8,
                num_macs=1000,
                measured_ms=measured * float(np.exp(rng.normal(0, 0.003))),
                rel_sd=0.001,
                layer_ms=parts,
                spread_ms=spread * sum(parts.values()),
            )
        )
    return found


def without(seen: list[CalibrationPoint]) -> list[CalibrationPoint]:
    """The same networks, of whose layers nothing is known."""
    return [point.model_copy(update={"layer_ms": {}}) for point in seen]


def errors(known: list[CalibrationPoint], new: list[CalibrationPoint]) -> FloatArray:
    """How far predictions of other networks are off, as shares."""
    predicted, _ = predict_points(fit_points(known), new)
    off: FloatArray = np.abs(predicted / [point.measured_ms for point in new] - 1.0)
    return off


@pytest.fixture(scope="module")
def effects() -> FloatArray:
    """Layers that take some 5 % more or less in a network."""
    drawn: FloatArray = np.random.default_rng(0).normal(0, 0.05, NUM_LAYERS)
    return drawn


def test_what_single_layers_take_in_networks_is_found(effects: FloatArray) -> None:
    known, new = points(60, seed=1, effects=effects), points(200, seed=2, effects=effects)
    assert np.median(errors(known, new)) < 0.6 * np.median(errors(without(known), without(new)))
    found = fit_points(known)
    assert found.half_width < 0.7 * fit_points(without(known)).half_width
    shares = np.array([found.shares.get(str(j), 0.0) for j in range(NUM_LAYERS)])
    assert np.corrcoef(shares, effects)[0, 1] > 0.8


def test_where_all_layers_are_alike_nothing_is_lost() -> None:
    known, new = points(60, seed=3), points(200, seed=4)
    assert np.median(errors(known, new)) < 1.1 * np.median(errors(without(known), without(new)))


def test_intervals_cover_new_networks_as_often_as_they_say(effects: FloatArray) -> None:
    new = points(200, seed=5, effects=effects)
    measured = np.array([point.measured_ms for point in new])
    inside = []
    for seed in range(40):
        predicted, factors = predict_points(fit_points(points(45, seed=100 + seed, effects=effects)), new)
        inside.append(np.mean(np.abs(np.log(predicted / measured)) <= np.log(factors)))
    assert 0.86 <= np.mean(inside) <= 0.95


def test_the_unit_of_sums_does_not_matter(effects: FloatArray) -> None:
    known, scaled = (points(45, seed=6, effects=effects, unit=unit) for unit in (1.0, 40.0))
    first, second = fit_points(known), fit_points(scaled)
    assert first.shares
    assert second.shares == pytest.approx(first.shares, rel=1e-6, abs=1e-9)
    assert second.half_width == pytest.approx(first.half_width, rel=1e-6)


def test_left_out_networks_are_predicted_by_the_others(effects: FloatArray) -> None:
    known = points(45, seed=7, effects=effects)
    alone = known[11].layer_ms | {"in no other": 0.05}
    known[11] = known[11].model_copy(update={"layer_ms": alone, "sum_ms": sum(alone.values())})
    predicted, factors = predict_left_out(known)
    for i in (0, 11, 44):
        others = fit_points([point for j, point in enumerate(known) if j != i])
        expected, factor = predict_points(others, [known[i]])
        assert predicted[i : i + 1] == pytest.approx(expected)
        assert factors[i : i + 1] == pytest.approx(factor)
        assert (factor > 1.0 + 1.01 * others.half_width).all() == (i == 11)


@pytest.mark.parametrize("ratio", [0.3, 10.0])
def test_leave_one_out_errors_are_those_of_fits_without_the_network(
    ratio: float, effects: FloatArray
) -> None:
    known = points(25, seed=8, effects=effects)
    found = LayerParts.of(known)
    measured = np.array([point.measured_ms for point in known])
    rows = np.stack([[point.sum_ms for point in known], np.ones(25)], axis=1) / measured[:, np.newaxis]
    parts = found.ms / measured[:, np.newaxis]
    _, _, residuals = _Effects(rows, parts).fitted(ratio)
    for i in range(25):
        others = np.arange(25) != i
        coefficients, effects, _ = _Effects(rows[others], parts[others]).fitted(ratio)
        predicted = rows[i] @ coefficients + parts[i] @ effects
        assert abs(np.log(predicted)) == pytest.approx(residuals[i], rel=1e-6)


def test_few_networks_leave_layers_alike(effects: FloatArray) -> None:
    assert fit_points(points(39, seed=9, effects=effects)).shares == {}


def test_a_layer_of_no_network_has_no_share(effects: FloatArray) -> None:
    known = [point for point in points(80, seed=10, effects=effects) if "3" not in point.layer_ms]
    new = points(1, seed=11)[0].model_copy(update={"layer_ms": {"3": 0.1}, "sum_ms": 0.1})
    correction = fit_points(known)
    assert correction.shares
    assert "3" not in correction.shares
    assert predict_points(correction, [new])[0] == pytest.approx(0.1 * correction.a + correction.b)


def inside(correction: Correction, new: list[CalibrationPoint]) -> float:
    """How many of some networks are in their intervals, as a share."""
    predicted, factors = predict_points(correction, new)
    off = np.log(predicted / [point.measured_ms for point in new])
    return float(np.mean(np.abs(off) <= np.log(factors)))


def test_intervals_cover_networks_with_layers_of_no_other() -> None:
    drawn = np.random.default_rng(1)
    held, held_before, differ = [], [], []
    for seed in range(20):
        effects = drawn.normal(0, 0.02, NUM_LAYERS)
        known = points(60, seed=200 + seed, effects=effects, drawn_from=20, spread=0.002)
        correction = fit_points(known)
        new = points(100, seed=300 + seed, effects=effects, spread=0.002)
        held.append(inside(correction, new))
        without_sd = correction.model_copy(update={"share_sd": 0.0})
        held_before.append(inside(without_sd, new))
        differ.append(correction.share_sd)
        (_, factors), (_, before) = (predict_points(one, known) for one in (correction, without_sd))
        np.testing.assert_array_equal(factors, before, "none has such a layer")
    assert np.mean(held_before) < 0.85
    assert 0.88 <= np.mean(held) <= 0.97
    assert np.mean(differ) == pytest.approx(0.02, rel=0.25)


def seldom_in(times: int, seed: int, effects: FloatArray) -> list[CalibrationPoint]:
    """Networks of which at most so many have each of the last ten layers, and far more each other one."""
    known = points(50, seed=seed, effects=effects, drawn_from=20, spread=0.002)
    left = dict.fromkeys(map(str, range(20, NUM_LAYERS)), times)
    for point in points(400, seed=500 + seed, effects=effects, spread=0.002):
        rare = left.keys() & point.layer_ms.keys()
        if rare and all(left[key] for key in rare):
            known.append(point)
            left |= {key: left[key] - 1 for key in rare}
    return known


@pytest.mark.parametrize("times", [1, 2])
def test_intervals_cover_networks_with_layers_of_few_others(times: int) -> None:
    drawn = np.random.default_rng(2)
    held, held_before = [], []
    for seed in range(20):
        effects = drawn.normal(0, 0.03, NUM_LAYERS)
        correction = fit_points(seldom_in(times, 600 + seed, effects))
        assert set(correction.seldom) == correction.shares.keys() & set(map(str, range(20, NUM_LAYERS)))
        new = points(100, seed=700 + seed, effects=effects, spread=0.002)
        held.append(inside(correction, new))
        held_before.append(inside(correction.model_copy(update={"seldom": ()}), new))
    assert np.mean(held_before) < 0.84
    assert 0.88 <= np.mean(held) <= 0.985


def test_intervals_are_as_wide_as_residuals_say_where_most_layers_are_seldom() -> None:
    drawn, kinds = np.random.default_rng(3), 600
    held, wider, much_wider = [], [], []
    for seed in range(10):
        effects = drawn.normal(0, 0.05, kinds)
        correction = fit_points(points(120, seed=800 + seed, effects=effects, kinds=kinds, spread=0.002))
        assert correction.hull is not None
        assert len(correction.seldom) > kinds / 3
        new = points(100, seed=900 + seed, effects=effects, kinds=kinds, spread=0.002)
        untold = correction.hull.model_copy(update={"seldom_spread": 0.0})
        updates: list[dict[str, object]] = [{"share_sd": 0.0}, {}, {"hull": untold}]
        widths = [
            np.median(predict_points(correction.model_copy(update=update), new)[1]) - 1.0
            for update in updates
        ]
        held.append(inside(correction, new))
        wider.append(widths[1] / widths[0])
        much_wider.append(widths[2] / widths[0])
    assert np.mean(much_wider) > 1.4
    assert np.mean(wider) < 1.15
    assert 0.88 <= np.mean(held) <= 0.96


def test_layers_that_two_networks_have_are_seldom_and_so_is_what_two_others_have() -> None:
    ms = np.array([[0, 1, 2, 1, 1], [0, 0, 3, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1.0]])
    parts = LayerParts(("none", "one", "two", "three", "four"), ms)
    assert parts.seldom() == ("one", "two")
    assert parts.seldom_ms().tolist() == [4.0, 4.0, 1.0, 0.0]


def test_what_would_have_layers_take_next_to_nothing_is_no_fit() -> None:
    """Lone times that are mostly calls say little: shares would carry the whole latency, and be cut off."""
    rng = np.random.default_rng(12)
    parts = rng.uniform(0.0, 1.0, (40, 2)) * [1.0, 0.2]
    measured = parts @ [1.0, 0.0] + 1e-3
    assert fit_shares(parts.sum(axis=1, keepdims=True), measured, LayerParts(("x", "y"), parts)) is None


def test_where_sums_say_nothing_there_are_no_shares() -> None:
    matrix = np.stack([np.linspace(1.0, 2.0, 12), np.ones(12)], axis=1)
    measured = 3.0 - matrix[:, 0]  # whatever takes longer alone is faster
    assert fit_shares(matrix, measured, LayerParts(("x",), np.full((12, 1), 1e-9))) is None


def test_where_layers_of_one_network_are_not_known_there_are_no_shares(effects: FloatArray) -> None:
    known = points(45, seed=13, effects=effects)
    correction = fit_points(known)
    assert correction.shares
    assert fit_points([*known, *without(points(1, seed=14))]).shares == {}
    (told, narrow), (untold, wide) = (
        predict_points(correction, some) for some in (known, [*known[:-1], *without(known[-1:])])
    )
    np.testing.assert_array_equal(told[:-1], untold[:-1])
    np.testing.assert_array_equal(narrow[:-1], wide[:-1])
    in_network_ms = correction.a * known[-1].sum_ms
    assert untold[-1] == pytest.approx(in_network_ms + correction.b)
    beyond = 1.644854 * correction.share_sd * in_network_ms / untold[-1]
    assert wide[-1] == pytest.approx(1.0 + np.hypot(correction.half_width, beyond))


def test_with_and_without_shares_are_told_apart_by_the_same_networks_left_out() -> None:
    # Two networks alone tell a term: where both are left out, neither is predicted well without shares.
    known = points(100, seed=16)
    for i, point in enumerate(known):
        known[i] = point.model_copy(update={"boundary_mib": 1.0 if i % 50 == 7 else 0.001})
    for i in (7, 57):
        known[i] = known[i].model_copy(update={"measured_ms": known[i].measured_ms - 0.1})
    correction = fit_points(known)
    assert correction.d == pytest.approx(0.1, rel=0.05)
    assert correction.shares == {}


def test_many_networks_are_fitted_in_a_moment(effects: FloatArray) -> None:
    known, started = points(500, seed=15, effects=effects), time.process_time()
    assert fit_points(known).shares
    assert time.process_time() - started < 2.0

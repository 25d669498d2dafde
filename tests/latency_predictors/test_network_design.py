"""Designed networks tell coefficients apart; drawn ones are drawn."""

from itertools import combinations

import numpy as np
import pytest

from latency_predictors.network_design import (
    MAX_DRAWN,
    Regressors,
    at_random,
    correction_regressors,
    design_networks,
    regressors,
    spread_by_cost,
    telling_apart,
    variance_optimal,
)
from latency_predictors.network_features import network_features
from search_spaces.base import FloatArray, IntArray
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.sampling import random_architectures

SPACE = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)


def mean_variance(found: Regressors, chosen: IntArray) -> float:
    """The mean variance of predictions for all networks by a fit on the chosen; a response has 1."""
    normal = found.rows[chosen].T @ found.rows[chosen] + np.diag(found.precision)
    return float(np.einsum("nr,rs,ns->n", found.rows, np.linalg.inv(normal), found.rows).mean())


def candidates(n: int, seed: int = 0) -> FloatArray:
    """Features of random networks."""
    return network_features(SPACE)(random_architectures(SPACE, n, np.random.default_rng(seed)))


def test_units_do_not_matter() -> None:
    features = candidates(50)
    found = regressors(features)
    np.testing.assert_allclose(found.rows[:, :9].mean(axis=1), 1.0)
    np.testing.assert_allclose(regressors(features * 10.0 ** np.arange(9)).rows, found.rows)


def test_products_of_features_are_expected_to_be_small() -> None:
    found = regressors(candidates(50))
    assert found.rows.shape == (50, 9 + 36)
    assert (found.precision[:9] < 0.01).all()
    assert (found.precision[9:] == 1.0).all()
    assert found.rows[:, 9:].std(axis=0).max() == pytest.approx(1 / 6)


def test_a_feature_that_no_network_has_counts_nothing() -> None:
    features = candidates(50)
    features[:, 4] = 0.0
    rows = regressors(features).rows
    assert np.isfinite(rows).all()
    assert (rows[:, 4] == 0).all()


def test_the_cheapest_and_the_dearest_are_chosen() -> None:
    found = regressors(candidates(300))
    ends = {int(found.rows[:, 0].argmin()), int(found.rows[:, 0].argmax())}
    assert ends <= set(variance_optimal(found, 8).tolist())


def test_no_other_choice_with_both_ends_predicts_better_where_all_can_be_tried() -> None:
    found = regressors(candidates(16))
    ends = [int(found.rows[:, 0].argmin()), int(found.rows[:, 0].argmax())]
    others = [i for i in range(16) if i not in ends]
    best = min(mean_variance(found, np.array([*ends, *some])) for some in combinations(others, 3))
    # An exchange of one at a time may end in a neighbour of the best.
    assert mean_variance(found, variance_optimal(found, 5)) <= 1.05 * best


def test_the_mean_variance_is_that_of_predictions_by_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    found = Regressors(rng.random((12, 3)), np.array([0.5, 1.0, 2.0]))
    chosen = np.array([1, 4, 5, 9])
    draws = 20_000
    truth = rng.normal(size=(draws, 3)) / np.sqrt(found.precision)
    seen = truth @ found.rows[chosen].T + rng.normal(size=(draws, 4))
    normal = found.rows[chosen].T @ found.rows[chosen] + np.diag(found.precision)
    fitted = np.linalg.solve(normal, found.rows[chosen].T @ seen.T).T
    errors = ((fitted - truth) @ found.rows.T) ** 2
    assert mean_variance(found, chosen) == pytest.approx(errors.mean(), rel=0.03)


def test_designed_networks_predict_far_better_than_drawn_ones() -> None:
    rng = np.random.default_rng(0)
    found = regressors(candidates(1_000))
    designed = mean_variance(found, variance_optimal(found, 20))
    drawn = [mean_variance(found, rng.choice(1_000, 20, replace=False)) for _ in range(20)]
    assert designed < 0.9 * min(drawn)


@pytest.mark.parametrize(("count", "drawn"), [(6, 3), (10, 5), (20, MAX_DRAWN), (40, MAX_DRAWN)])
def test_some_are_drawn_at_random_whatever_was_designed(count: int, drawn: int) -> None:
    features = candidates(500)
    first, second = (design_networks(features, count, np.random.default_rng(seed)) for seed in (1, 2))
    assert len(set(first.chosen.tolist())) == count
    assert len(first.drawn) == drawn
    np.testing.assert_array_equal(first.designed, second.designed)
    assert first.drawn.tolist() != second.drawn.tolist()
    again = design_networks(features, count, np.random.default_rng(1))
    np.testing.assert_array_equal(first.chosen, again.chosen)


def test_every_network_that_is_not_designed_is_as_likely_drawn() -> None:
    features = candidates(30)
    rng = np.random.default_rng(0)
    counts = np.zeros(30)
    for _ in range(2_000):
        counts[design_networks(features, 10, rng).drawn] += 1
    kept = np.delete(counts, design_networks(features, 10, rng).designed)
    # 5 of 25: 400 of 2,000 each, standard deviation 18.
    assert (np.abs(kept - 400) < 90).all()


@pytest.mark.parametrize(("count", "n"), [(5, 100), (20, 19)])
def test_too_few_are_refused(count: int, n: int) -> None:
    with pytest.raises(UsageError) as caught:
        design_networks(candidates(n), count, np.random.default_rng(0))
    assert caught.value.code == "too_few_networks"


def test_chosen_networks_span_the_costs() -> None:
    costs = np.exp(np.random.default_rng(0).normal(0, 1, 500))
    chosen = spread_by_cost(costs, 20, at_random(np.random.default_rng(1)))
    assert len(set(chosen.tolist())) == 20
    picked = costs[chosen]
    assert (np.diff(picked) >= 0).all()
    assert (picked[0], picked[-1]) == (costs.min(), costs.max())
    steps = np.diff(np.log(picked))
    assert steps.max() < 3 * np.log(picked[-1] / picked[0]) / 19


def test_whoever_picks_is_asked_once_a_stratum_beside_those_chosen() -> None:
    costs = np.exp(np.random.default_rng(0).uniform(0, 3, 500))
    asked: list[tuple[list[int], list[int]]] = []

    def pick(some: IntArray, chosen: list[int]) -> int:
        asked.append((some.tolist(), list(chosen)))
        return int(some[-1])

    found = spread_by_cost(costs, 20, pick)
    assert len(asked) == 18
    for some, chosen in asked:
        assert not set(some) & set(chosen)
        assert some[-1] in found
        assert np.ptp(np.log(costs[some])) <= 3 / 18 + 1e-9


def test_all_are_chosen_where_there_are_not_enough() -> None:
    chosen = spread_by_cost(np.array([3.0, 1.0, 2.0]), 10, at_random(np.random.default_rng(0)))
    assert chosen.tolist() == [1, 2, 0]


def drawn_tables(n: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Sums, numbers of layers, activations, weights, MACs of networks: what is large is so in everything."""
    rng = np.random.default_rng(3)
    sums = np.exp(rng.uniform(np.log(0.02), np.log(0.3), n))
    parts = [sums * np.exp(rng.normal(0.0, 0.3, n)) for _ in range(4)]
    return sums, np.ceil(60 * parts[0]), parts[1], 6 * parts[2], 1e7 * parts[3]


def test_picks_of_strata_tell_what_a_table_is_corrected_with_apart() -> None:
    table = drawn_tables(1_000)
    found, sums = correction_regressors(*table), table[0]
    picked = spread_by_cost(sums, 20, telling_apart(found))
    drawn = [
        mean_variance(found, spread_by_cost(sums, 20, at_random(np.random.default_rng(seed))))
        for seed in range(20)
    ]
    assert mean_variance(found, picked) < 0.9 * min(drawn)
    assert mean_variance(found, picked) < 0.7 * np.median(drawn)


def test_a_pick_is_the_best_of_those_it_is_given_beside_the_chosen() -> None:
    found = correction_regressors(*drawn_tables(40))
    some, chosen = np.array([5, 11, 17, 23, 29]), [0, 1, 2, 3, 4, 6, 7]
    best = min(some, key=lambda one: mean_variance(found, np.array([*chosen, one])))
    assert telling_apart(found)(some, chosen) == best


def test_units_of_a_table_do_not_matter_and_what_no_network_has_counts_nothing() -> None:
    sums, num_layers, boundary, weights, macs = drawn_tables(50)
    rows = correction_regressors(sums, num_layers, boundary, weights, macs).rows
    np.testing.assert_allclose(np.mean(rows**2, axis=0), 1.0)
    others = correction_regressors(sums, num_layers, 1_024 * boundary, 1_024 * weights, macs / 1e9).rows
    np.testing.assert_allclose(others, rows)
    without = correction_regressors(sums, num_layers, boundary, 0 * weights, macs).rows
    gone = [4, 6, 7]
    np.testing.assert_array_equal(without[:, gone], 0.0)
    np.testing.assert_array_equal(np.delete(without, gone, axis=1), np.delete(rows, gone, axis=1))

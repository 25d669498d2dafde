import math

import numpy as np
import pytest

from nas.accuracy_scale import Scale


@pytest.mark.parametrize("logistic", [False, True])
def test_accuracies_come_back(logistic: bool) -> None:
    scale = Scale(logistic, num_images=40)
    accuracies = np.arange(41) / 40
    assert scale.backward(scale.forward(accuracies)) == pytest.approx(accuracies)


def test_the_logistic_scale_is_the_log_odds_with_half_a_success_and_half_a_failure() -> None:
    values = Scale(True, num_images=10).forward(np.array([0.0, 0.5, 1.0]))
    assert values == pytest.approx([math.log(0.5 / 10.5), 0.0, math.log(10.5 / 0.5)])


@pytest.mark.parametrize("logistic", [False, True])
def test_the_variance_is_that_of_counting(logistic: bool) -> None:
    scale = Scale(logistic, num_images=500)
    share = 0.8
    drawn = np.random.default_rng(0).binomial(500, share, size=200_000) / 500
    expected = float(scale.variance(scale.forward(np.array([share])))[0])
    assert np.var(scale.forward(drawn)) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("logistic", [False, True])
def test_nothing_leaves_0_to_1_and_no_variance_is_zero(logistic: bool) -> None:
    scale = Scale(logistic, num_images=20)
    ends = scale.forward(np.array([0.0, 1.0]))
    assert scale.backward(ends + np.array([-5.0, 5.0])) == pytest.approx([0.0, 1.0])
    assert np.all(scale.variance(ends) > 0.0)

from itertools import pairwise

import pytest

from nas.training.schedule import learning_rate_share


def test_the_rate_rises_to_its_peak_and_falls_along_a_cosine() -> None:
    shares = [learning_rate_share(step, 14, warmup_share=0.25) for step in range(14)]
    # Four of 14 steps warm up; the peak is step 4, half of the way down is step 9.
    assert shares[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert shares[9] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in pairwise(shares[4:]))
    assert 0 < shares[-1] < 0.05


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    assert learning_rate_share(0, 1, warmup_share=0.0) == 1.0

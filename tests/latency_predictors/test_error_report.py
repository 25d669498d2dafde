import numpy as np
import pytest

from latency_predictors.error_report import error_report, form_errors, spearman
from tests.latency_predictors.invented import networks


def test_the_report_sets_the_forms_side_by_side() -> None:
    rng = np.random.default_rng(0)
    seen = networks(rng, 20, b=0.0, c=0.005, d=0.1, e=0.1, cache=1.0, noise=0.01)
    report = error_report(seen.columns("f"), seen.measured, num_macs=1e6 * rng.uniform(1, 5, 20))
    assert report is not None
    assert report.corrected.mape < 0.02 < report.affine.mape < report.bare_sum.mape
    assert report.macs.mape > report.affine.mape
    assert report.corrected.within_5 >= 0.95
    assert report.bare_sum == form_errors(seen.sums, seen.measured)
    assert 0.7 <= report.coverage <= 1.0
    assert 0.005 < report.median_half_width < 0.06


def test_three_networks_are_too_few_to_leave_one_out() -> None:
    seen = networks(np.random.default_rng(0), 3)
    assert error_report(seen.columns(), seen.measured, seen.giga_macs) is None


def test_errors_are_counted_by_hand() -> None:
    errors = form_errors(np.array([1.1, 2.0, 2.7, 5.2]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert errors.mape == pytest.approx((0.1 + 0.0 + 0.1 + 0.3) / 4)
    assert errors.median_error == pytest.approx(0.1)
    assert errors.within_5 == 0.25
    assert errors.spearman == pytest.approx(1.0)


def test_spearman_gives_ties_their_mean_rank() -> None:
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: correlation 4.5 / sqrt(4.5 * 5).
    assert spearman(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(
        4.5 / np.sqrt(22.5)
    )
    assert spearman(np.ones(4), np.arange(4.0)) == 0.0

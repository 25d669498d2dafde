"""The fit finds the weights, its interval covers, and its report is honest."""

import numpy as np
import pytest

from latency_predictors.error_report import form_errors
from latency_predictors.few_shot import FewShotPoint, latency_ms
from latency_predictors.few_shot_fitting import (
    OVERLAPS,
    fit_design,
    fit_few_shot,
    non_negative_weights,
    refit_few_shot,
    robust_weights,
)
from latency_predictors.network_features import FEATURES
from search_spaces.errors import UsageError
from tests.latency_predictors.drawn_networks import WEIGHTS_MS, networks, overlapping, points


def test_exact_latencies_are_predicted_exactly() -> None:
    found = networks(500, seed=0)
    model = fit_few_shot(points(found, 20, seed=0))
    assert model.overlap == 1.0
    np.testing.assert_allclose(model.point(found.features), found.measured_ms, rtol=1e-6)


def test_weights_of_many_noisy_networks_come_near_the_truth() -> None:
    found = networks(4_000, seed=1, noise=0.02)
    weights = dict(zip(FEATURES, non_negative_weights(found.features, found.measured_ms), strict=True))
    assert min(weights.values()) >= 0
    assert weights["macs"] == pytest.approx(WEIGHTS_MS["macs"], rel=0.15)
    assert weights["grouped_macs"] == pytest.approx(WEIGHTS_MS["grouped_macs"], rel=0.3)


def test_starting_and_working_at_once_is_found_out() -> None:
    found = overlapping(500, seed=2, noise=0.01)
    model = fit_few_shot(points(found, 20, seed=2))
    assert model.overlap > 1.0
    predicted = model.point(found.features)
    plain = found.features @ non_negative_weights(found.features, found.measured_ms)
    assert form_errors(predicted, found.measured_ms).mape < 0.75 * form_errors(plain, found.measured_ms).mape


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_the_fit_finds_weights_that_exactly_explain(overlap: float) -> None:
    found = networks(300, seed=3)
    exact = latency_ms(found.features, np.array([WEIGHTS_MS[name] for name in FEATURES]), overlap)
    weights = robust_weights(found.features, exact, overlap)
    assert weights.min() >= 0
    np.testing.assert_allclose(latency_ms(found.features, weights, overlap), exact, rtol=2e-3)


def test_one_measurement_that_is_far_too_long_changes_little() -> None:
    found = networks(300, seed=4, noise=0.005)
    features, measured = found.features[:30], found.measured_ms[:30].copy()
    sound = robust_weights(features, measured, overlap=1.0)
    measured[3] *= 1.5
    for fit, limit in ((robust_weights(features, measured, overlap=1.0), 0.01), (sound, 0.01)):
        assert form_errors(found.features @ fit, found.measured_ms).mape < limit
    dragged = found.features @ non_negative_weights(features, measured)
    assert form_errors(dragged, found.measured_ms).mape > 0.01


def test_a_feature_that_no_network_has_weighs_nothing() -> None:
    found = networks(50, seed=3)
    found.features[:, 4] = 0.0
    for overlap in OVERLAPS:
        assert robust_weights(found.features, found.measured_ms, overlap)[4] == 0.0


def test_intervals_cover_networks_drawn_like_the_drawn_ones() -> None:
    inside, rank_errors = [], []
    for seed in range(30):
        found = networks(400, seed=seed, noise=0.05)
        model = fit_few_shot(points(found, 20, seed=seed))
        predicted, factor = model.point(found.features), model.factor(found.features)
        off = np.maximum(found.measured_ms / predicted, predicted / found.measured_ms)
        inside.append((off <= factor).mean())
        rank_errors.append(form_errors(predicted, found.measured_ms).mape)
    # Nine residuals: the largest covers nine of ten on average, with a wide spread.
    assert 0.86 <= np.mean(inside) <= 0.95
    assert np.mean(rank_errors) < 0.06


def test_the_report_tells_errors_of_networks_that_were_left_out() -> None:
    found = networks(2_000, seed=4, noise=0.01)
    model = fit_few_shot(points(found, 20, seed=4))
    report = model.report
    assert (report.num_networks, report.num_drawn) == (20, 9)
    unseen = form_errors(model.point(found.features), found.measured_ms)
    assert 0.4 * unseen.mape < report.fitted.mape < 2.5 * unseen.mape
    assert report.macs.mape > report.fitted.mape
    assert 0.5 <= report.coverage <= 1.0
    assert report.median_half_width > 0


def test_an_interval_is_never_narrower_than_a_repeat() -> None:
    found = networks(300, seed=5)
    model = fit_few_shot(points(found, 12, seed=5, rel_sd=0.1))
    assert model.half_width == pytest.approx(1.645 * 0.1, rel=1e-3)
    assert model.report.repeat_rel_sd == pytest.approx(0.1)


def test_errors_of_designed_networks_do_not_widen_the_interval() -> None:
    found = networks(300, seed=6, noise=0.02)
    some = points(found, 20, seed=6)
    model = fit_few_shot(some)
    every = fit_few_shot([point.model_copy(update={"drawn": True}) for point in some])
    # Both are fitted on the same networks; but for the ends, which are predicted from afar.
    assert every.weights_ms == model.weights_ms
    assert (model.report.num_drawn, every.report.num_drawn) == (9, 20)
    assert every.half_width != model.half_width


def test_the_same_networks_give_the_same_model() -> None:
    some = points(networks(300, seed=7, noise=0.05), 20, seed=7)
    first, second = (fit_few_shot(some).model_copy(update={"created_at": ""}) for _ in range(2))
    assert first == second


def test_many_networks_are_cross_validated_in_folds() -> None:
    found = networks(600, seed=8, noise=0.05)
    every = [point.model_copy(update={"drawn": True}) for point in points(found, 400, seed=8)]
    report = fit_few_shot(every).report
    assert report.num_drawn == 400
    assert 0.86 <= report.coverage <= 0.94


@pytest.mark.parametrize(("count", "num_drawn"), [(5, 5), (10, 2)])
def test_too_few_are_refused(count: int, num_drawn: int) -> None:
    some = points(networks(300, seed=9), 20, seed=9)[:count]
    marked = [point.model_copy(update={"drawn": i < num_drawn}) for i, point in enumerate(some)]
    with pytest.raises(UsageError, match="measure at least 6") as caught:
        fit_few_shot(marked)
    assert caught.value.code == "too_few_networks"


def test_a_latency_that_is_not_positive_is_refused() -> None:
    some = points(networks(300, seed=9), 20, seed=9)
    with pytest.raises(UsageError) as caught:
        fit_few_shot([*some[1:], some[0].model_copy(update={"measured_ms": 0.0})])
    assert caught.value.code == "invalid_calibration"


def test_networks_that_a_search_verified_join_the_fit_and_are_counted_apart() -> None:
    found = networks(200, seed=6, noise=0.01)
    model = fit_few_shot(points(found, 20, seed=6))
    first = model.points[0]
    verified = [
        FewShotPoint(
            digest=f"verified-{n}",
            features=tuple(found.features[n].tolist()),
            measured_ms=float(found.measured_ms[n]),
            rel_sd=0.01,
            drawn=False,
            predicted_ms=(0.0, float(found.measured_ms[n]) * (2.0 if n else 0.5)),
        )
        for n in range(4)
    ]
    again = first.model_copy(update={"measured_ms": 2 * first.measured_ms, "predicted_ms": (0.0, 99.0)})
    joined = refit_few_shot(model, [*verified, again])
    assert (joined.report.num_networks, joined.report.num_drawn) == (24, model.report.num_drawn)
    # One of four lay above; the network that the model was fitted on before counts as no prediction.
    assert (joined.report.num_verified, joined.report.verified_coverage) == (4, 0.75)
    (renewed,) = [point for point in joined.points if point.digest == first.digest]
    assert renewed == first.model_copy(update={"measured_ms": 2 * first.measured_ms})
    assert (model.report.num_verified, model.report.verified_coverage) == (0, None)
    # What was predicted the first time stays.
    other = verified[0].model_copy(update={"predicted_ms": (0.0, 99.0)})
    assert refit_few_shot(joined, [other]).report.verified_coverage == 0.75


def test_a_suspect_run_does_not_replace_a_calm_one_that_the_interval_rests_on() -> None:
    model = fit_few_shot(points(networks(200, seed=6, noise=0.01), 20, seed=6))
    drawn = next(one for one in model.points if one.drawn)
    slowed = {"measured_ms": 1.8 * drawn.measured_ms, "suspect": True, "drawn": False}
    again = refit_few_shot(model, [drawn.model_copy(update=slowed)])
    assert again.points == model.points
    assert again.half_width == model.half_width
    calm = drawn.model_copy(update={"measured_ms": 1.01 * drawn.measured_ms})
    (replaced,) = [one for one in refit_few_shot(model, [calm]).points if one.digest == drawn.digest]
    assert replaced == calm


def test_networks_that_are_known_stay_beside_a_new_design_and_only_it_says_which_are_drawn() -> None:
    found = networks(200, seed=6, noise=0.01)
    design, other = points(found, 20, seed=6), points(found, 12, seed=6)
    known = fit_few_shot(other)
    prediction = {"drawn": False, "predicted_ms": (0.0, 1e6)}
    both = next(one for one in design if one.drawn and all(one.digest != it.digest for it in other))
    free = next(n for n in range(200) if f"{n:064x}" not in {one.digest for one in (*design, *other)})
    alone = FewShotPoint(
        digest=f"{free:064x}",
        features=tuple(found.features[free].tolist()),
        measured_ms=float(found.measured_ms[free]),
        rel_sd=0.01,
        **prediction,  # type: ignore[arg-type]
    )
    known = refit_few_shot(known, [alone, both.model_copy(update=prediction)])
    model = fit_design(design, known)
    kept = {one.digest: one for one in model.points}
    assert kept.keys() == {one.digest for one in (*design, *other, alone)}
    assert {one.digest for one in model.points if one.drawn} == {one.digest for one in design if one.drawn}
    assert kept[alone.digest] == alone
    assert kept[both.digest] == both.model_copy(update={"predicted_ms": (0.0, 1e6)})
    assert (model.report.num_verified, model.report.verified_coverage) == (2, 1.0)
    # A later profile of the same networks is the same model.
    again, model = (one.model_copy(update={"created_at": ""}) for one in (fit_design(design, model), model))
    assert again == model


def test_networks_whose_features_another_version_counted_are_left_out() -> None:
    design = points(networks(200, seed=6, noise=0.01), 20, seed=6)
    fewer = [
        one.model_copy(update={"digest": f"old-{one.digest}", "features": one.features[:-1]})
        for one in design
    ]
    old = fit_few_shot(design).model_copy(update={"points": tuple(fewer)})
    assert fit_design(design, old).points == tuple(design)


def test_suspect_networks_are_counted_in_the_report() -> None:
    calm = points(networks(100, seed=0, noise=0.02), 20, seed=0)
    restless = [one.model_copy(update={"suspect": number < 7}) for number, one in enumerate(calm)]
    assert (fit_few_shot(calm).report.num_suspect, fit_few_shot(restless).report.num_suspect) == (0, 7)


def test_published_latencies_are_counted_in_the_report_also_once_measured_ones_join() -> None:
    measured = points(networks(100, seed=0, noise=0.02), 21, seed=0)
    served = [one.model_copy(update={"published": True}) for one in measured[:-1]]
    model = fit_few_shot(served)
    assert (model.report.num_published, fit_few_shot(measured).report.num_published) == (20, 0)
    joined = refit_few_shot(model, [measured[-1]]).report
    assert (joined.num_networks, joined.num_published) == (21, 20)


def test_models_of_measured_networks_are_kept_as_before() -> None:
    model = fit_few_shot(points(networks(100, seed=0, noise=0.02), 20, seed=0))
    kept = model.model_dump(mode="json")
    assert "num_published" not in kept["report"]
    assert not any("published" in point for point in kept["points"])

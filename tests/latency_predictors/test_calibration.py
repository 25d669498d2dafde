import numpy as np
import pytest

from latency_predictors.calibration import (
    calibrate,
    calibration_point,
    fit_points,
    is_outdated,
    predict_left_out,
    predict_points,
    refit,
    summed_again,
    united,
)
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.spread import SINGLE_SESSION_REL_SD
from search_spaces.layers import ConvNormAct
from tests.latency_predictors.invented import networks
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session


def points(m: int, seed: int = 0, d: float = 0.0, e: float = 0.0, f: float = 0.0) -> list[CalibrationPoint]:
    found = networks(np.random.default_rng(seed), m, d=d, e=e, f=f, cache=1.0, noise=0.01)
    return [
        CalibrationPoint(
            digest=f"{seed}-{i}",
            sum_ms=found.sums[i],
            num_layers=int(found.layers[i]),
            num_macs=round(1e9 * found.giga_macs[i]),
            measured_ms=found.measured[i],
            rel_sd=0.001,
            boundary_mib=found.boundary[i],
            touched_mib=found.touched[i],
        )
        for i in range(m)
    ]


def test_a_point_is_what_the_table_says_of_the_layers() -> None:
    layers = [ConvNormAct((3, 8, 8), 4, 3, 1, "relu"), ConvNormAct((4, 8, 8), 8, 3, 2, "relu")]
    costs = {layer_key(layers[0]): 0.1, layer_key(layers[1]): 0.3}
    table = LookupTable(device=DEVICE, context=CONTEXT).merged(layers, [session("s1", costs)])
    point = calibration_point(table, layers, digest="net", measured_ms=0.35, rel_sd=0.01)
    assert point.sum_ms == pytest.approx(0.4)
    assert point.num_layers == 2
    assert point.num_macs == 3 * 4 * 9 * 64 + 4 * 8 * 9 * 16
    assert point.boundary_mib == 4 * (3 * 64 + 4 * 64 + 4 * 64 + 8 * 16) / 2**20
    weights = 4 * sum(layer.num_params for layer in layers) / 2**20
    assert point.touched_mib == point.boundary_mib + weights
    assert (point.digest, point.measured_ms, point.rel_sd) == ("net", 0.35, 0.01)
    assert point.spread_ms == pytest.approx(SINGLE_SESSION_REL_SD * np.hypot(0.1, 0.3))


def test_a_point_is_summed_again_where_entries_have_changed() -> None:
    layers = [ConvNormAct((3, 8, 8), 4, 3, 1, "relu"), ConvNormAct((4, 8, 8), 8, 3, 2, "relu")]
    first, second = (layer_key(layer) for layer in layers)
    empty = LookupTable(device=DEVICE, context=CONTEXT)
    before = empty.merged(layers, [session("s1", {first: 0.1, second: 0.3})])
    after = empty.merged(layers, [session("s2", {first: 0.1, second: 0.2})])
    told = {"digest": "net", "measured_ms": 0.35, "rel_sd": 0.01}
    point = calibration_point(before, layers, **told, architecture=(1, 0))  # type: ignore[arg-type]
    expected = calibration_point(after, layers, **told, architecture=(1, 0))  # type: ignore[arg-type]
    assert summed_again(after, layers, point) == expected
    old = point.model_copy(update={"boundary_mib": 0.0, "touched_mib": 0.0})
    assert summed_again(after, layers, old) == expected
    assert expected.sum_ms == pytest.approx(0.3)
    assert point.model_dump()["architecture"] == (1, 0)
    assert "architecture" not in calibration_point(before, layers, **told).model_dump()  # type: ignore[arg-type]


def test_points_are_predicted_with_all_terms() -> None:
    seen = points(20, d=0.1, e=0.1)
    correction = fit_points(seen)
    assert {"d", "e"} <= set(correction.terms)
    point, factor = predict_points(correction, seen)
    measured = np.array([one.measured_ms for one in seen])
    assert np.median(np.abs(point / measured - 1)) < 0.015
    assert (factor == 1 + correction.half_width).all()


def test_points_know_their_arithmetic() -> None:
    seen = points(24, f=30.0)
    correction = fit_points(seen)
    assert correction.f == pytest.approx(30.0, rel=0.15)
    point, _ = predict_points(correction, seen)
    assert np.median(np.abs(point / [one.measured_ms for one in seen] - 1)) < 0.015


@pytest.mark.parametrize("field", ["boundary_mib", "touched_mib", "num_macs"])
def test_what_is_not_known_of_a_network_left_out_is_known_of_none(field: str) -> None:
    seen = points(20, d=0.1, e=0.1)
    doubted = seen[0].model_copy(update={field: 0.0, "suspect": True})
    predicted, factors = predict_left_out([doubted, *seen[1:]])
    known = [one.model_copy(update={field: 0.0}) for one in (doubted, *seen[1:])]
    expected, wide = predict_left_out(known)
    np.testing.assert_array_equal(predicted, expected)
    np.testing.assert_array_equal(factors, wide)


@pytest.mark.parametrize(("field", "term"), [("boundary_mib", "d"), ("touched_mib", "e"), ("num_macs", "f")])
def test_points_stored_without_something_still_calibrate(field: str, term: str) -> None:
    old = [point.model_copy(update={field: 0.0}) for point in points(10, d=0.1, e=0.1)]
    correction = calibrate([*old, *points(10, seed=1, d=0.1, e=0.1)])
    assert term not in correction.terms
    assert correction.kind == "table"


def test_a_refit_keeps_old_networks_and_replaces_those_measured_again() -> None:
    first = calibrate(points(10))
    again = first.points[3].model_copy(update={"measured_ms": 99.0})
    second = refit(first, [again, *points(5, seed=1)])
    assert [point.digest for point in second.points] == [f"0-{i}" for i in range(10)] + [
        f"1-{i}" for i in range(5)
    ]
    assert second.points[3].measured_ms == 99.0
    assert second.report is not None
    assert second.report.num_networks == 15
    assert first.points[3].measured_ms != 99.0


def test_a_correction_of_an_earlier_version_is_outdated_where_its_networks_tell_more() -> None:
    new = calibrate(points(24, f=30.0))
    assert new.hull is not None
    assert not is_outdated(new)
    old = new.model_copy(update={"f": 0.0, "hull": new.hull.model_copy(update={"giga_macs": None})})
    assert is_outdated(old)
    assert refit(old, []).f == new.f
    untold = tuple(point.model_copy(update={"num_macs": 0}) for point in new.points)
    assert not is_outdated(old.model_copy(update={"points": untold}))
    assert not is_outdated(old.model_copy(update={"points": ()}))
    assert not is_outdated(calibrate(points(2)))


def verified(found: list[CalibrationPoint], inside: int) -> list[CalibrationPoint]:
    """The same networks, of which so many were measured where a search had predicted them."""
    return [
        point.model_copy(
            update={
                "predicted_ms": (0.9 * point.measured_ms, (1.1 if i < inside else 0.95) * point.measured_ms)
            }
        )
        for i, point in enumerate(found)
    ]


def test_the_coverage_among_verified_networks_is_told_beside_that_of_random_ones() -> None:
    drawn = calibrate(points(10))
    assert drawn.report is not None
    assert (drawn.report.num_verified, drawn.report.verified_coverage) == (0, None)
    report = refit(drawn, verified(points(4, seed=1), inside=3)).report
    assert report is not None
    assert (report.num_networks, report.num_verified, report.verified_coverage) == (14, 4, 0.75)


def test_a_prediction_that_has_seen_the_network_does_not_count() -> None:
    drawn = points(10)
    # Verified by a search though it was calibrated with: what was predicted had seen it.
    again = refit(calibrate(drawn), verified(drawn[:3], inside=3))
    assert again.report is not None
    assert again.report.num_verified == 0
    # Verified twice: the first prediction counts.
    once = refit(calibrate(drawn), verified(points(4, seed=1), inside=1))
    twice = refit(once, verified(points(4, seed=1), inside=4))
    assert twice.report is not None
    assert twice.report.verified_coverage == 0.25


def test_corrections_of_two_searches_join() -> None:
    first = calibrate(points(10))
    one, other = refit(first, points(3, seed=1)), refit(first, points(4, seed=2))
    both = united(one, other)
    assert {point.digest for point in both.points} == {
        point.digest for point in (*points(10), *points(3, seed=1), *points(4, seed=2))
    }
    assert both.report is not None
    assert both.report.num_networks == 17
    assert united(both, one) is both, "nothing new"
    assert united(first, one) is one, "nothing is missing"


def test_what_was_measured_again_meanwhile_stays_though_a_search_publishes_what_it_began_with() -> None:
    day, next_day = (f"2026-11-0{day}T00:00:00+00:00" for day in (1, 2))
    drawn = [one.found_in(("s1", "s2"), day) for one in points(12)]
    drawn[4] = drawn[4].model_copy(update={"measured_ms": 1.5 * drawn[4].measured_ms, "suspect": True})
    begun = calibrate(drawn)
    calm = points(12)[4].found_in(("s3", "s4"), next_day)
    later = drawn[9].model_copy(update={"measured_ms": 0.9 * drawn[9].measured_ms})
    later = later.found_in(("s1", "s2", "s3"), next_day)
    profiled, searched = refit(begun, [calm, later]), refit(begun, points(3, seed=1))
    for there in (profiled, refit(profiled, points(1, seed=2))):
        both = united(there, searched)
        kept = {point.digest: point for point in both.points}
        assert (kept[calm.digest], kept[later.digest]) == (calm, later)
        assert kept.keys() == {point.digest for point in (*there.points, *searched.points)}
        assert both.report is not None
        assert both.report.num_suspect == 0
    assert united(profiled, begun) is profiled
    assert united(begun, profiled) is profiled


def test_a_correction_that_is_fitted_anew_predicts_the_same_latency_as_before() -> None:
    tail = LatencyMetric("p95", pause_ms=20.0)
    first = calibrate(points(10)).model_copy(update={"metric": tail})
    one, other = refit(first, points(3, seed=1)), refit(first, points(4, seed=2))
    assert (one.metric, united(one, other).metric) == (tail, tail)


def test_each_network_is_predicted_by_the_others() -> None:
    seen = points(12)
    predicted, factors = predict_left_out(seen)
    rest = fit_points(seen[1:])
    expected, factor = predict_points(rest, seen[:1])
    assert predicted[0] == pytest.approx(expected[0])
    assert factors[0] == pytest.approx(factor[0], rel=1e-2)  # the pooled spread is that of all


def test_a_network_of_unsure_entries_has_a_wider_interval() -> None:
    seen = [point.model_copy(update={"spread_ms": 0.001 * point.sum_ms}) for point in points(20)]
    correction = fit_points(seen)
    unsure = [point.model_copy(update={"spread_ms": 0.2 * point.sum_ms}) for point in seen]
    assert (predict_points(correction, unsure)[1] > 1.2 * predict_points(correction, seen)[1]).all()
    # Where those that were calibrated with were as unsure, their residuals have it.
    _, factors = predict_points(fit_points(unsure), unsure)
    np.testing.assert_allclose(factors, predict_points(correction, seen)[1], rtol=0.05)


def test_calibration_without_networks_is_the_bare_sum() -> None:
    correction = calibrate([])
    assert (correction.kind, correction.report, correction.points) == ("modelled", None, ())


def test_suspect_networks_are_counted_in_the_report() -> None:
    calm = points(10)
    report = calibrate([*(one.model_copy(update={"suspect": True}) for one in calm[:4]), *calm[4:]]).report
    assert report is not None
    assert (report.num_suspect, report.num_networks) == (4, 10)
    sound = calibrate(calm).report
    assert sound is not None
    assert report == sound.model_copy(update={"num_suspect": 4}), "errors are as they were"


def slowed(m: int) -> list[CalibrationPoint]:
    """Networks that other work slowed down while they were measured."""
    return [
        one.model_copy(update={"measured_ms": 1.3 * one.measured_ms, "suspect": True})
        for one in points(m, seed=1)
    ]


def test_suspect_networks_are_kept_and_do_not_count_where_others_are_enough() -> None:
    calm, disturbed = points(20), slowed(8)
    expected, found = calibrate(calm), refit(calibrate(calm), disturbed)
    assert fit_points([*disturbed, *calm]) == fit_points(calm)
    assert expected.half_width < 0.05
    assert (found.terms, found.a, found.half_width) == (expected.terms, expected.a, expected.half_width)
    assert found.points == (*calm, *disturbed)
    assert expected.report is not None
    assert found.report == expected.report.model_copy(update={"num_left_out": 8})
    assert fit_points([*points(9), *disturbed]).half_width > 0.15, "nine are too few"


def test_a_suspect_network_is_predicted_by_those_that_count() -> None:
    calm, disturbed = points(12, d=0.1), slowed(3)
    predicted, factors = predict_left_out([*disturbed, *calm])
    expected, widths = predict_points(fit_points(calm), disturbed)
    np.testing.assert_allclose((predicted[:3], factors[:3]), (expected, widths))
    np.testing.assert_allclose((predicted[3:], factors[3:]), predict_left_out(calm))


def test_what_is_suspect_does_not_replace_what_is_not() -> None:
    first = calibrate(points(10))
    (again,) = (one.model_copy(update={"measured_ms": 99.0, "suspect": True}) for one in first.points[3:4])
    assert refit(first, [again]).points == first.points
    calm = again.model_copy(update={"suspect": False})
    assert refit(calibrate([again]), [calm]).points == (calm,)


def test_a_point_keeps_that_its_network_is_suspect() -> None:
    layers = [ConvNormAct((3, 8, 8), 4, 3, 1, "relu")]
    table = LookupTable(device=DEVICE, context=CONTEXT).merged(
        layers, [session("s1", {layer_key(layers[0]): 0.1})]
    )
    told = {"digest": "net", "measured_ms": 0.35, "rel_sd": 0.01}
    assert calibration_point(table, layers, **told, suspect=True).suspect  # type: ignore[arg-type]
    assert not calibration_point(table, layers, **told).suspect  # type: ignore[arg-type]

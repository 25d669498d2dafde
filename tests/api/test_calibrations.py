"""What is told of a correction: its formula, its errors, and each network beside its prediction."""

import io

import pytest
from rich.console import Console

from api.calibrations import calibration_of
from latency_predictors.calibration import calibrate, fit_points, predict_points, refit
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction


def points(name: str, m: int) -> list[CalibrationPoint]:
    """Networks that run nearly as the sum of their layers says."""
    return [
        CalibrationPoint(
            digest=f"{name}{n}",
            sum_ms=0.1 * (n + 5),
            num_layers=n + 5,
            num_macs=1_000 * (n + 5),
            measured_ms=0.1 * (n + 5) * (1.02 if n % 2 else 0.98),
            rel_sd=0.01,
        )
        for n in range(m)
    ]


def drawn(correction: Correction) -> str:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(calibration_of("ab" * 32, correction))
    return console.export_text()


def test_each_network_was_predicted_by_what_had_not_seen_it() -> None:
    seen = points("n", 8)
    told = calibration_of("ab" * 32, calibrate(seen))
    expected, _ = predict_points(fit_points(seen[1:]), seen[:1])
    assert [line.digest for line in told.networks] == [point.digest for point in seen]
    assert told.networks[0].predicted_ms == pytest.approx(expected[0])
    assert told.networks[0].measured_ms == seen[0].measured_ms
    assert not any(line.verified for line in told.networks)


def test_what_a_search_verified_stands_beside_what_it_believed() -> None:
    found = [point.model_copy(update={"predicted_ms": (0.4, 0.9)}) for point in points("v", 2)]
    told = calibration_of("ab" * 32, refit(calibrate(points("n", 8)), found))
    lines = [line for line in told.networks if line.verified]
    assert [(line.digest, line.lower_ms, line.upper_ms) for line in lines] == [
        ("v0", 0.4, 0.9),
        ("v1", 0.4, 0.9),
    ]
    assert lines[0].predicted_ms == pytest.approx(0.6)


def test_the_drawing_has_the_report_and_the_plot() -> None:
    found = [point.model_copy(update={"predicted_ms": (0.4, 0.55)}) for point in points("v", 2)]
    text = " ".join(drawn(refit(calibrate(points("n", 8)), found)).split())
    assert "corrected sum, as used" in text
    assert "50.0 % of 2 that searches verified" in text
    assert "measured over predicted, %" in text
    assert "networks repeat within 1.00 %" in text


def test_the_formula_names_every_term() -> None:
    terms = {"a": 0.9, "b": 0.02, "c": 0.001, "d": 0.3, "e": 0.04}
    correction = calibrate(points("n", 8)).model_copy(update=terms)
    without_weights = "0.900 * sum + 0.0200 ms - 0.00100 ms * layers - 0.300 ms * MiB in and out of layers"
    told = calibration_of("ab" * 32, correction)
    assert told.formula == f"{without_weights} + 0.0400 ms * MiB touched"
    kept = calibration_of("ab" * 32, correction.model_copy(update={"cache_mib": 0.5}))
    assert kept.formula == f"{without_weights} + 0.0400 ms * MiB touched beyond 0.500"
    arithmetic = calibration_of("ab" * 32, correction.model_copy(update={"f": 17.0}))
    assert arithmetic.formula == f"{told.formula} + 17.0 ms * billion MACs of an image"
    shared = calibration_of("ab" * 32, correction.model_copy(update={"shares": {"x": -0.031, "y": 0.052}}))
    assert shared.formula.startswith("0.900 * sum (single layers -3.1 to +5.2 %) + 0.0200 ms")


def test_networks_are_predicted_by_the_terms_that_their_correction_has() -> None:
    known = [
        point.model_copy(
            update={"num_macs": 10**6 * (1 + i * i), "measured_ms": point.measured_ms + 0.05 * i * i}
        )
        for i, point in enumerate(points("n", 12))
    ]
    new = calibrate(known)
    assert new.f > 0
    assert new.hull is not None
    old = new.model_copy(update={"f": 0.0, "hull": new.hull.model_copy(update={"giga_macs": None})})
    untold = calibrate([point.model_copy(update={"num_macs": 0}) for point in known])
    found = [calibration_of("ab" * 32, one).networks for one in (new, old, untold)]
    assert found[1] == found[2] != found[0]


def test_networks_that_are_left_out_are_not_among_those_it_was_fitted_on() -> None:
    disturbed = [point.model_copy(update={"suspect": True}) for point in points("v", 3)]
    told = calibration_of("ab" * 32, calibrate([*points("n", 12), *disturbed]))
    assert (told.num_networks, len(told.networks)) == (12, 15)


def test_too_few_networks_say_so() -> None:
    assert "too few for an error report" in drawn(calibrate(points("n", 3)))
    assert calibration_of("ab" * 32, calibrate(())).networks == ()

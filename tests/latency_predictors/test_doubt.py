"""Networks that sessions in doubt have measured: marked where they are shown, left out where one fits."""

import numpy as np
import pytest

from latency_predictors.calibration import calibrate
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from latency_predictors.doubt import Doubt, doubting, joined, without_doubted
from latency_predictors.latency_metric import LatencyMetric

DOUBT = Doubt({"s2": "x 1.40; its fan has stopped"})


def points(
    numbers: range, *sessions: str, slower: float = 1.0, verified: bool = False
) -> list[CalibrationPoint]:
    """Networks, each with its number as its sum, that sessions have measured."""
    rng = np.random.default_rng(0)
    return [
        CalibrationPoint(
            digest=f"{n:064x}",
            sum_ms=n,
            num_layers=10 + n,
            num_macs=n * 1_000,
            measured_ms=slower * 0.8 * n * float(rng.uniform(0.99, 1.01)),
            rel_sd=0.01,
            predicted_ms=(0.0, 100.0) if verified else None,
            session_ids=sessions,
        )
        for n in numbers
    ]


def digests(correction: Correction | None) -> list[int]:
    """The numbers of the networks that a correction was fitted on."""
    assert correction is not None
    return [int(point.digest, 16) for point in correction.points]


SOUND = points(range(1, 13), "s1")
DOUBTED = points(range(13, 25), "s1", "s2", slower=1.4)


def test_a_network_is_in_doubt_where_one_of_its_sessions_is() -> None:
    assert [DOUBT.why(one) for one in (SOUND[0], DOUBTED[0])] == ["", "x 1.40; its fan has stopped"]


def test_networks_that_name_no_session_are_in_doubt_where_all_of_them_are() -> None:
    (old,) = points(range(1, 2))
    assert DOUBT.why(old) == ""
    doubt = Doubt(DOUBT.sessions, unnamed="x 1.50; another power supply")
    assert doubt.why(old) == "x 1.50; another power supply"
    assert doubt.why(SOUND[0]) == "", "it names one"


def test_what_is_in_doubt_is_suspect_where_it_is_shown_and_predicts_as_before() -> None:
    known = calibrate([*SOUND, *DOUBTED])
    shown = doubting(known, DOUBT)
    assert [point.suspect for point in shown.points] == [False] * 12 + [True] * 12
    assert shown.report is not None
    assert known.report is not None
    assert (known.report.num_suspect, shown.report.num_suspect) == (0, 12)
    update = {"points": known.points, "report": known.report}
    assert shown.model_copy(update=update) == known
    assert doubting(shown, DOUBT) == shown
    assert doubting(known, Doubt({})) == known


def test_what_was_left_out_of_a_fit_is_not_counted_among_what_it_rests_on() -> None:
    disturbed = [one.model_copy(update={"suspect": True}) for one in points(range(25, 29), "s2")]
    shown = doubting(calibrate([*SOUND, *DOUBTED, *disturbed]), DOUBT)
    assert shown.report is not None
    assert (shown.report.num_suspect, shown.report.num_left_out) == (12, 4)
    bare = doubting(calibrate(DOUBTED[:1]), DOUBT)
    assert (bare.report, bare.points[0].suspect) == (None, True), "of one network there is no report"


def test_a_fit_leaves_out_what_is_in_doubt() -> None:
    known, metric = calibrate([*SOUND, *DOUBTED]), LatencyMetric("p95")
    assert known.half_width > 0.1
    left = without_doubted(known.model_copy(update={"metric": metric}), DOUBT)
    assert left is not None
    assert digests(left) == list(range(1, 13))
    assert (left.metric, left.half_width < 0.02) == (metric, True)
    assert left.a == pytest.approx(0.8, rel=0.01)
    assert without_doubted(known, Doubt({})) is known


def test_where_too_few_are_left_that_were_drawn_there_is_no_correction() -> None:
    verified = points(range(25, 45), "s1", verified=True)
    assert without_doubted(calibrate([*SOUND[:10], *DOUBTED]), DOUBT) is not None
    for few in range(10):
        assert without_doubted(calibrate([*SOUND[:few], *DOUBTED, *verified]), DOUBT) is None
    few_in_all = calibrate(SOUND[:5])
    assert without_doubted(few_in_all, DOUBT) is few_in_all, "nothing of it is in doubt"


def test_what_was_measured_again_is_joined_with_nothing_in_doubt() -> None:
    there, new = calibrate(points(range(9, 33), "s2", slower=0.7)), calibrate(points(range(1, 25), "s3"))
    assert joined(there, new, DOUBT) == new
    assert joined(None, new, DOUBT) is new
    assert digests(joined(there, new, Doubt({}))) == [*range(9, 33), *range(1, 9)]


def test_few_networks_that_were_measured_again_are_a_correction() -> None:
    """A space may have no more: what is measured again has to be used."""
    there, new = calibrate(points(range(1, 5), "s2")), calibrate(points(range(1, 5), "s3"))
    assert joined(there, new, DOUBT) == new


def test_who_brings_networks_in_doubt_replaces_none_that_were_measured_again() -> None:
    there = calibrate(points(range(1, 25), "s3"))
    verified = points(range(30, 33), "s4", verified=True)
    brought = calibrate([*points(range(1, 25), "s2", slower=0.7), *verified])
    found = joined(there, brought, DOUBT)
    assert found is not None
    assert found.points == (*there.points, *verified)
    assert joined(there, calibrate(points(range(1, 25), "s2")), DOUBT) is there


def test_what_is_in_doubt_on_both_sides_makes_no_correction() -> None:
    brought = calibrate([*DOUBTED, *points(range(30, 33), "s4", verified=True)])
    assert joined(calibrate(DOUBTED), brought, DOUBT) is None
    assert joined(None, brought, DOUBT) is None
    assert digests(joined(calibrate(SOUND), brought, DOUBT)) == [*range(1, 13), 30, 31, 32]

from itertools import combinations

from latency_predictors.calibration_point import CalibrationPoint

POINT = CalibrationPoint(
    digest="net", sum_ms=1.0, num_layers=9, num_macs=10**6, measured_ms=1.1, rel_sd=0.01, boundary_mib=0.2
)


def test_as_predicted_is_inside_the_interval_and_not_without_one() -> None:
    assert not POINT.as_predicted
    assert POINT.model_copy(update={"predicted_ms": (1.0, 1.1)}).as_predicted
    assert not POINT.model_copy(update={"predicted_ms": (1.11, 1.2)}).as_predicted
    assert not POINT.model_copy(update={"predicted_ms": (0.9, 1.09)}).as_predicted


def test_what_earlier_versions_did_not_know_is_left_out_where_it_is_not_known() -> None:
    stored = POINT.model_dump(mode="json")
    assert not {"layer_ms", "architecture", "session_ids", "measured_at", "kernels"} & stored.keys()
    assert CalibrationPoint.model_validate(stored) == POINT
    known = POINT.model_copy(
        update={"layer_ms": {"conv": 1.0}, "architecture": (1, 0), "kernels": {"Conv": 2}}
    )
    known = known.found_in(("s1", "s2"), "2026-01-01T00:00:02+00:00")
    assert (known.session_ids, known.measured_at) == (("s1", "s2"), "2026-01-01T00:00:02+00:00")
    assert CalibrationPoint.model_validate_json(known.model_dump_json()) == known


def test_the_first_prediction_and_kernels_that_nobody_asked_for_again_stay() -> None:
    first = POINT.model_copy(update={"predicted_ms": (1.0, 1.2), "kernels": {"Conv": 2}})
    again = POINT.model_copy(update={"measured_ms": 1.3, "predicted_ms": (1.2, 1.4)})
    assert again.replacing(first) == first.model_copy(update={"measured_ms": 1.3})
    asked = again.model_copy(update={"kernels": {"Conv": 3}})
    assert asked.replacing(first).kernels == {"Conv": 3}
    assert again.replacing(POINT).predicted_ms is None


def test_of_two_measurements_the_calm_then_the_later_then_that_of_more_sessions_counts() -> None:
    first, later, last = (f"2026-01-0{day}T00:00:02+00:00" for day in (1, 2, 3))
    ranked = [
        POINT.model_copy(update={"suspect": True}).found_in(("s1", "s2", "s3", "s4"), last),
        POINT,  # of an earlier version: nobody knows when
        POINT.found_in(("s1", "s2", "s3"), first),
        POINT.found_in(("s4", "s5"), later),
        POINT.found_in(("s1", "s4", "s5"), later),
    ]
    for less, more in combinations(ranked, 2):
        assert less.beside(more) == more.beside(less) == more
    alike = POINT.model_copy(update={"measured_ms": 1.2})
    assert alike.beside(POINT) == alike


def test_whichever_counts_the_published_prediction_and_known_kernels_stay() -> None:
    day, next_day = (f"2026-01-0{day}T00:00:02+00:00" for day in (1, 2))
    there = POINT.model_copy(update={"predicted_ms": (1.0, 1.2), "kernels": {"Conv": 2}})
    mine = POINT.model_copy(update={"measured_ms": 1.3, "predicted_ms": (1.2, 1.4)}).found_in(("s1",), day)
    assert mine.beside(there) == there.model_copy(update={"measured_ms": 1.3}).found_in(("s1",), day)
    unasked = there.model_copy(update={"kernels": {}}).found_in(("s2",), next_day)
    asked = mine.model_copy(update={"kernels": {"Conv": 3}})
    assert asked.beside(unasked) == unasked.model_copy(update={"kernels": {"Conv": 3}})

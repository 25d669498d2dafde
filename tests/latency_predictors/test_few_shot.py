"""A model predicts as any predictor of costs does, and is labelled fitted."""

import numpy as np
import pytest

from latency_predictors.few_shot import FewShotModel, FewShotPoint, FewShotPredictor
from latency_predictors.few_shot_fitting import fit_few_shot
from search_spaces.errors import UsageError
from tests.latency_predictors.drawn_networks import FEATURES_OF, SPACE, networks, points

FOUND = networks(400, seed=0, noise=0.03)
MODEL = fit_few_shot(points(FOUND, 20, seed=0))


def test_costs_have_intervals_and_are_fitted() -> None:
    costs = FewShotPredictor(SPACE, MODEL).predict(FOUND.archs)
    assert costs.kind == "fitted"
    assert costs.point.shape == costs.lower.shape == costs.upper.shape == (400,)
    assert (costs.lower < costs.point).all()
    assert (costs.point < costs.upper).all()
    np.testing.assert_allclose(costs.point, MODEL.point(FOUND.features))
    np.testing.assert_allclose(costs.point / costs.lower, costs.upper / costs.point)


def test_an_architecture_of_another_space_is_refused() -> None:
    with pytest.raises(UsageError):
        FewShotPredictor(SPACE, MODEL).predict(FOUND.archs[:, 1:])


def test_a_quarter_beyond_what_was_measured_the_interval_is_twice_as_wide() -> None:
    inside = np.array([MODEL.highest])
    assert MODEL.factor(inside)[0] == pytest.approx(1 + MODEL.half_width)
    beyond = inside.copy()
    beyond[0, 5] *= 1.25
    assert MODEL.factor(beyond)[0] == pytest.approx(1 + 2 * MODEL.half_width)
    below = inside.copy()
    below[0, 5] = MODEL.lowest[5] - 0.25 * MODEL.highest[5]
    assert MODEL.factor(below)[0] == pytest.approx(1 + 2 * MODEL.half_width)


def test_no_prediction_is_below_a_tenth_of_the_fastest_network() -> None:
    nothing = np.zeros((1, FOUND.features.shape[1]))
    fastest = min(point.measured_ms for point in MODEL.points)
    assert MODEL.point(nothing)[0] == pytest.approx(0.1 * fastest)


def test_the_sessions_of_a_network_are_left_out_where_they_are_not_known() -> None:
    (before,) = MODEL.points[:1]
    assert not {"session_ids", "measured_at"} & before.model_dump().keys()
    assert FewShotPoint.model_validate(before.model_dump(mode="json")) == before
    told = before.model_copy(update={"session_ids": ("s1",), "measured_at": "2026-01-01T00:00:02+00:00"})
    assert FewShotPoint.model_validate_json(told.model_dump_json()) == told


def test_a_network_measured_again_keeps_what_was_first_and_stays_calm() -> None:
    first = MODEL.points[0].model_copy(update={"predicted_ms": (1.0, 2.0), "drawn": False})
    again = first.model_copy(update={"measured_ms": 99.0, "predicted_ms": (3.0, 4.0)})
    assert again.replacing(first) == first.model_copy(update={"measured_ms": 99.0})
    assert again.replacing(first.model_copy(update={"predicted_ms": None})).predicted_ms is None
    for once, then in ((True, False), (False, True)):
        drawn = again.model_copy(update={"drawn": then}).replacing(first.model_copy(update={"drawn": once}))
        assert drawn.drawn
    restless = again.model_copy(update={"suspect": True, "drawn": True})
    assert restless.replacing(first) == first.model_copy(update={"drawn": True})
    assert restless.replacing(first.model_copy(update={"suspect": True})).measured_ms == 99.0
    assert again.replacing(restless).measured_ms == 99.0


def test_a_stored_model_predicts_the_same() -> None:
    again = FewShotModel.model_validate_json(MODEL.model_dump_json())
    assert again == MODEL
    archs = FOUND.archs[:5]
    np.testing.assert_array_equal(again.point(FEATURES_OF(archs)), MODEL.point(FEATURES_OF(archs)))

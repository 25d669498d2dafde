import numpy as np
import pytest

from nas.accuracy_models import MODEL_KINDS, AccuracyModel, ModelFitter, ModelKind
from nas.choice_features import global_choices
from search_spaces.base import FloatArray, IntArray
from search_spaces.catalogue import get_space
from search_spaces.sampling import random_architectures

SPACE = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)
CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=1)
ADDITIVE, PAIRS = MODEL_KINDS[:2]
SIMILARITY = MODEL_KINDS[-1]


def additive(archs: IntArray) -> FloatArray:
    """Return a sum of effects of single choices, shape (n,)."""
    slopes = np.linspace(0.02, 0.3, archs.shape[1])
    total: FloatArray = 0.4 + archs @ slopes + 0.3 * (archs[:, 0] == 1)
    return total


def interacting(archs: IntArray) -> FloatArray:
    """Return the same with interactions of two pairs of global choices besides, shape (n,)."""
    first, second, third = global_choices(SPACE)[:3]
    together: FloatArray = additive(archs) + 0.5 * archs[:, first] * archs[:, second]
    together -= 0.8 * (archs[:, second] == 2) * (archs[:, third] == 0)
    return together


def fitted(kind: ModelKind, values: FloatArray, archs: IntArray) -> tuple[AccuracyModel, FloatArray]:
    return ModelFitter(SPACE, archs).fit(kind, values, np.ones(len(archs)))


@pytest.fixture
def archs() -> IntArray:
    return random_architectures(SPACE, 400, np.random.default_rng(0))


@pytest.mark.parametrize("kind", MODEL_KINDS, ids=lambda kind: str(kind.name))
def test_effects_that_add_up_are_recovered_by_every_kind(kind: ModelKind, archs: IntArray) -> None:
    model, _ = fitted(kind, additive(archs[:200]), archs[:200])
    truth = additive(archs[200:])
    assert np.abs(model(archs[200:]) - truth).mean() < 0.15 * np.std(truth)


def test_interactions_are_recovered_by_pairs_and_missed_by_single_effects(archs: IntArray) -> None:
    truth = interacting(archs)
    errors = [
        np.abs(fitted(kind, truth[:250], archs[:250])[0](archs[250:]) - truth[250:]).mean()
        for kind in (ADDITIVE, PAIRS)
    ]
    assert errors[1] < 0.03
    assert errors[0] > 0.1


def test_similarity_learns_what_no_pair_explains() -> None:
    archs = random_architectures(CELL, 300, np.random.default_rng(1))
    triples = ((archs[:, 0] == archs[:, 1]) & (archs[:, 1] != archs[:, 2])).astype(np.float64)
    fitter = ModelFitter(CELL, archs[:250])
    errors = {
        kind.name: np.abs(
            fitter.fit(kind, triples[:250], np.ones(250))[0](archs[250:]) - triples[250:]
        ).mean()
        for kind in (ADDITIVE, SIMILARITY)
    }
    assert errors[SIMILARITY.name] < 0.9 * errors[ADDITIVE.name]


@pytest.mark.parametrize("kind", MODEL_KINDS, ids=lambda kind: str(kind.name))
def test_left_out_residuals_are_those_of_a_fit_without_the_point(kind: ModelKind, archs: IntArray) -> None:
    values = interacting(archs) + np.random.default_rng(2).normal(scale=0.2, size=400)
    _, residuals = fitted(kind, values[:120], archs[:120])
    for i in (0, 57, 119):
        kept = np.arange(120) != i
        model, _ = fitted(kind, values[:120][kept], archs[:120][kept])
        # The regularisation is chosen anew and may differ by a step, so that the digits may not agree.
        assert values[i] - model(archs[i : i + 1])[0] == pytest.approx(residuals[i], abs=0.08)


@pytest.mark.parametrize("kind", MODEL_KINDS, ids=lambda kind: str(kind.name))
def test_the_tables_give_what_the_kernel_gives(kind: ModelKind, archs: IntArray) -> None:
    values = interacting(archs[:80])
    model, residuals = fitted(kind, values, archs[:80])
    # With next to no noise the fit runs through the points it knows, nearer than through those left out.
    assert np.abs(model(archs[:80]) - values).mean() < np.abs(residuals).mean()


def test_values_do_not_depend_on_what_else_is_predicted(archs: IntArray) -> None:
    model, _ = fitted(SIMILARITY, interacting(archs), archs)
    many = random_architectures(SPACE, 20_000, np.random.default_rng(3))
    assert model(many)[-5:] == pytest.approx(model(many[-5:]), rel=1e-5)

"""Features are physical amounts, counted from the layers of every space."""

import numpy as np
import pytest

from latency_predictors.network_features import FEATURES, MACS, layer_features, network_features
from latency_predictors.predictor import exact_cost
from search_spaces.base import SearchSpace
from search_spaces.catalogue import get_space
from search_spaces.layers import AveragePool, InvertedResidual
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, random_architectures

TINY = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)


def test_a_block_by_hand() -> None:
    # Expand, project: 65,536 + 24,576 MACs; squeeze-excite 2 * 1,024; depthwise 9 * 64 * 16 = 9,216.
    spec = InvertedResidual((16, 8, 8), 64, 24, 3, 2, 16, "hard_swish", residual=False)
    found = dict(zip(FEATURES, layer_features(spec), strict=True))
    assert found["inferences"] == 0
    assert (found["convolutions"], found["grouped_convolutions"]) == (2, 1)
    assert (found["linears"], found["others"]) == (2, 0)
    assert (found["macs"], found["grouped_macs"]) == (65_536 + 24_576 + 2_048, 9_216)
    # 1024 + 4096 values, 4096 + 1024, 64 + 16 twice beside 1024, 1024 + 384.
    assert found["activation_values"] == 5_120 + 5_120 + 2 * (80 + 1_024) + 1_408
    assert found["weights"] == spec.num_params


def test_a_pool_is_another_step() -> None:
    found = dict(zip(FEATURES, layer_features(AveragePool((8, 16, 16), 3)), strict=True))
    assert {name for name, value in found.items() if value} == {"others", "activation_values"}


@pytest.mark.parametrize("space", [TINY, CELL], ids=["chain", "cell"])
def test_a_network_has_what_its_layers_have_and_is_one_inference(space: SearchSpace) -> None:
    archs = random_architectures(space, 200, np.random.default_rng(0))
    found = network_features(space)(archs)
    assert found.shape == (200, len(FEATURES))
    for row, arch in zip(found[:20], archs, strict=False):
        by_layer = np.sum([layer_features(spec) for spec in layers(space, as_architecture(arch))], axis=0)
        np.testing.assert_array_equal(row[1:], by_layer[1:])
    assert (found[:, 0] == 1).all()
    np.testing.assert_array_equal(found[:, MACS].sum(axis=1), exact_cost(space, "num_macs")(archs))

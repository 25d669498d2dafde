"""The arena of int8 networks, by hand on small graphs, and to the byte against the runtime."""

import numpy as np
import pytest

from latency_predictors.arena import channel_block, runtime_arena
from latency_predictors.arena_int8 import int8_arena_bytes
from latency_predictors.device import host_device
from latency_predictors.runtimes.onnxruntime_arena import read_arena
from nas.pipeline.calibrating import initial_file
from search_spaces.catalogue import get_space
from search_spaces.layers import ConvNormAct, PooledHead
from search_spaces.network import network
from search_spaces.sampling import as_architecture, largest, random_architectures
from tests.latency_predictors.test_arena import chain

# 4 x 16 x 16 = 1024 values = 1 KiB of integers, 4 KiB of floats.
CONV = ConvNormAct((4, 16, 16), 4, 3, 1, "relu")
SWISH = ConvNormAct((4, 16, 16), 4, 3, 1, "hard_swish")
HEAD = PooledHead((4, 16, 16), 0, "relu", 10)
KIB = 1024


def test_integers_take_a_byte_a_value() -> None:
    # Two buffers take turns; what is pooled and the classes find room in what is free by then.
    assert int8_arena_bytes(chain(CONV, CONV, CONV, HEAD)) == 2 * KIB + 40


def test_hard_swish_is_computed_in_floats_beside_each_other() -> None:
    # The integers wait for a later tensor of their shape while three of floats are needed at once.
    assert int8_arena_bytes(chain(SWISH, CONV, HEAD)) == KIB + 3 * 4 * KIB + 40


@pytest.mark.skipif(channel_block(host_device()) is None, reason="this processor's kernels are not known")
def test_the_runtime_holds_what_is_predicted(tmp_path_factory: pytest.TempPathFactory) -> None:
    space = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
    some = random_architectures(space, 3, np.random.default_rng(11))
    for row in np.concatenate([largest(space), some]):
        path = tmp_path_factory.mktemp("arena") / "network.onnx"
        path.write_bytes(initial_file(space, as_architecture(row), "int8"))
        predicted = runtime_arena(network(space, as_architecture(row)), host_device(), "int8")
        assert predicted == read_arena(path).steady_bytes

"""The arena's plan, by hand on small graphs, and to the byte against the runtime."""

from dataclasses import replace

import numpy as np
import pytest

from latency_predictors.arena import arena_bytes, arena_of, channel_block, runtime_arena
from latency_predictors.device import host_device
from latency_predictors.memory import peak_memory_bytes
from latency_predictors.runtimes.onnxruntime_arena import read_arena
from nas.pipeline.calibrating import initial_file
from search_spaces.catalogue import get_space
from search_spaces.layers import ConvNormAct, InvertedResidual, PooledHead, ShuffleUnit
from search_spaces.network import Node, network
from search_spaces.sampling import as_architecture, random_architectures
from tests.latency_predictors.sessions import DEVICE

KIB = 1024
# 4 x 8 x 8 = 256 values = 1 KiB.
CONV = ConvNormAct((4, 8, 8), 4, 3, 1, "relu")
HEAD = PooledHead((4, 8, 8), 0, "relu", 10)


def chain(*specs: ConvNormAct | InvertedResidual | PooledHead) -> tuple[Node, ...]:
    """Layers one after the other."""
    names = ["image", *(f"layer{i}" for i in range(len(specs)))]
    return tuple(Node(names[i + 1], spec, (names[i],)) for i, spec in enumerate(specs))


def test_two_buffers_take_turns_in_a_chain() -> None:
    # a and b beside each other; c takes a's buffer, which has its shape. Pooled: 16 bytes, and 40 bytes of
    # logits before they are flattened, each 256 in the region, where a's or b's buffer is free by then.
    assert arena_bytes(chain(CONV, CONV, CONV, HEAD), 1) == 2 * KIB + 40


def test_channels_are_padded_to_blocks() -> None:
    assert arena_bytes(chain(CONV, CONV, CONV, HEAD), 8) == 2 * 2 * KIB + 40


def test_a_buffer_is_kept_for_a_later_tensor_of_its_shape() -> None:
    wide, same, narrow = (
        ConvNormAct((ins, 8, 8), outs, 3, 1, "relu") for ins, outs in ((4, 8), (8, 8), (8, 4))
    )
    nodes = chain(CONV, wide, same, narrow, HEAD)
    # CONV's buffer waits for `narrow` while two of twice its size stand beside it.
    assert arena_bytes(nodes, 1) == KIB + 2 * KIB + 2 * KIB + 40
    assert peak_memory_bytes(nodes) == 4 * KIB


def test_a_sum_is_written_over_what_is_added() -> None:
    block = InvertedResidual((4, 8, 8), 8, 4, 3, 1, 0, "relu", residual=True)
    # The input, the expansion and the depthwise step: the projection writes over the input.
    assert arena_bytes(chain(CONV, block, HEAD), 1) == KIB + 2 * KIB + 2 * KIB + 40


def test_blocks_belong_to_instruction_sets() -> None:
    assert channel_block(replace(DEVICE, cpu_features=("avx", "avx2", "avx512f"))) == 16
    assert channel_block(replace(DEVICE, cpu_features=("avx", "avx2"))) == 8
    assert channel_block(replace(DEVICE, cpu_features=("asimd",))) is None


def test_nothing_is_said_of_what_is_not_known() -> None:
    cell = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)
    nodes = network(cell, as_architecture(random_architectures(cell, 1, np.random.default_rng(0))[0]))
    assert runtime_arena(nodes, replace(DEVICE, cpu_features=("avx2",))) is None, "branches"
    shuffle = (Node("a", ShuffleUnit((4, 8, 8), 4, 1), ("image",)),)
    assert runtime_arena(shuffle, replace(DEVICE, cpu_features=("avx2",))) is None, "an unknown layer"
    assert runtime_arena(chain(CONV, HEAD), replace(DEVICE, cpu_features=("asimd",))) is None, "blocks"
    assert runtime_arena(chain(CONV, HEAD), replace(DEVICE, cpu_features=("avx2",))) == arena_bytes(
        chain(CONV, HEAD), 8
    )


@pytest.mark.skipif(channel_block(host_device()) is None, reason="block of this processor is not known")
@pytest.mark.parametrize("preset", ["tiny", "imagenet"])
def test_the_runtime_holds_what_is_predicted(preset: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    space = get_space("mobilenet_v3", preset=preset, num_classes=10, in_channels=3)
    archs = random_architectures(space, 4, np.random.default_rng(11))
    predict = arena_of(space, host_device(), "fp32")
    assert predict is not None
    for row, predicted in zip(archs, predict(archs), strict=True):
        path = tmp_path_factory.mktemp("arena") / "network.onnx"
        path.write_bytes(initial_file(space, as_architecture(row)))
        assert predicted == pytest.approx(read_arena(path).steady_bytes, rel=0.05)


def test_the_arena_of_a_space_with_branches_is_not_told() -> None:
    cells = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)
    assert arena_of(cells, replace(DEVICE, cpu_features=("avx2",)), "fp32") is None
    chain_ = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
    assert arena_of(chain_, replace(DEVICE, cpu_features=("asimd",)), "int8") is None

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from nas.export.onnx import export_onnx, trace
from nas.export.verify import check_parity
from search_spaces.errors import UsageError
from search_spaces.layers import ConvNormAct, InvertedResidual
from search_spaces.modules.static import SplitChannels, Zeros
from search_spaces.network import layers
from search_spaces.stock_networks import STOCK_NETWORKS
from tests.nas.export.networks import (
    LARGEST,
    TEN,
    TINY,
    exported,
    facts,
    network_of,
    operators,
    parameters,
    settled,
)


def test_batch_norm_is_part_of_the_convolutions() -> None:
    model = onnx.load_from_string(exported(TINY, LARGEST))
    assert "BatchNormalization" not in operators(model)
    # The only scale and shift is the normalisation of the image; the other products are squeeze-excite gates.
    gates = sum(isinstance(spec, InvertedResidual) and spec.squeeze > 0 for spec in layers(TINY, LARGEST))
    assert operators(model).count("Mul") == 1 + gates


def test_a_folded_convolution_has_the_weights_of_the_formula() -> None:
    spec = ConvNormAct((2, 4, 4), 3, 3, 1, "relu")
    static = network_of(spec)
    conv, norm = (
        static.get_submodule("layers.stem.convs.conv.conv"),
        static.get_submodule("layers.stem.convs.conv.norm"),
    )
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        norm.bias.copy_(torch.tensor([0.5, 0.0, -1.0]))
        norm.running_mean.copy_(torch.tensor([1.0, -1.0, 2.0]))
        norm.running_var.copy_(torch.tensor([4.0, 0.25, 1.0]))
    model = onnx.load_from_string(export_onnx(static, facts(TINY, LARGEST, TEN)))
    found = parameters(model)
    # weight / deviation: 1/2, 2/0.5, 3/1; bias - mean times that: 0.5-0.5, 0+4, -1-6
    np.testing.assert_allclose(found["stem/conv/bias"], [0.0, 4.0, -7.0], atol=1e-3)
    scale = np.array([0.5, 4.0, 3.0])[:, None, None, None]
    np.testing.assert_allclose(found["stem/conv/weight"], conv.weight.detach().numpy() * scale, rtol=1e-4)


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.repeat(1, 2, 1, 1)


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (nn.Softplus(), "Softplus"),
        (Doubled(), "repeat"),
        (nn.AdaptiveAvgPool2d(2), "pooling to 2"),
        (nn.Flatten(2), "flattening"),
        (nn.Conv2d(2, 2, 3, padding="same"), "padding by name"),
        (nn.BatchNorm2d(2, track_running_stats=False), "without weights or statistics"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_unknown_step_is_named(step: nn.Module, named: str) -> None:
    static = network_of(ConvNormAct((2, 4, 4), 3, 3, 1, "relu"))
    static.layers["stem"] = step
    with pytest.raises(UsageError, match=named) as caught:
        export_onnx(static, facts(TINY, LARGEST, TEN))
    assert caught.value.code == "unsupported_operator"
    assert "stem" in caught.value.message


class Alone(nn.Module):
    """Calls one module, or one function of two tensors."""

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.step(x)
        return found


class Gated(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x + x


class Joined(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x * x], dim=1)


@pytest.mark.parametrize(
    "step",
    [
        *(nn.Conv2d(4, 6, 3, stride, 1, bias=bias) for stride in (1, 2) for bias in (False, True)),
        nn.Conv2d(4, 4, 5, 2, 2, groups=4),
        nn.Conv2d(4, 2, 3, padding=2, dilation=2),
        nn.Identity(),
        nn.ReLU(),
        nn.ReLU6(),
        nn.Hardswish(),
        nn.Hardsigmoid(),
        nn.AdaptiveAvgPool2d(1),
        nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.ChannelShuffle(2),
        nn.BatchNorm2d(4),
        SplitChannels(4, second=True),
        Zeros((3, 2, 1)),
        Gated(),
        Joined(),
    ],
    ids=lambda step: type(step).__name__,
)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_step_computes_what_torch_computes(step: nn.Module, batch: int) -> None:
    static = network_of(ConvNormAct((4, 7, 6), 3, 3, 1, "relu"))
    static.layers["stem"] = Alone(step).eval()
    images = 4 * torch.randn((batch, 4, 7, 6), generator=torch.Generator().manual_seed(0))
    content = trace(static, "result", {}).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(["result"], {"image": images.numpy()})
    with torch.inference_mode():
        expected = static(images).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)
    declared = [dim.dim_param or dim.dim_value for dim in output_of(content)]
    assert declared == ["batch", *expected.shape[1:]]


def output_of(content: bytes) -> list[onnx.TensorShapeProto.Dimension]:
    (value,) = onnx.load_from_string(content).graph.output
    return list(value.type.tensor_type.shape.dim)


@pytest.mark.parametrize("name", STOCK_NETWORKS)
def test_stock_networks_are_exported_as_they_compute(name: str, tmp_path: Path) -> None:
    space = STOCK_NETWORKS[name](32, 10, 3)
    static = settled(space, ())
    path = tmp_path / "model.onnx"
    path.write_bytes(export_onnx(static, facts(space, (), TEN)))
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32)).astype(np.uint8)
    assert check_parity(static, path, images).max_difference <= 1e-4
    values = parameters(onnx.load(path)).values()
    assert sum(value.size for value in values) == sum(spec.num_params for spec in layers(space, ()))

"""Primitive steps."""

import pytest
import torch
from torch import nn

from search_spaces.operations import Operation, convolution, linear, num_values, strided


def test_values_of_a_shape_are_counted() -> None:
    assert num_values((3, 4, 5)) == 60


@pytest.mark.parametrize("size", [1, 2, 7, 8, 33])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_a_half_padded_convolution_leaves_the_size_that_torch_leaves(
    size: int, stride: int, kernel: int
) -> None:
    y = nn.Conv2d(2, 6, kernel, stride, kernel // 2)(torch.zeros(1, 2, size, size + 1))
    assert strided((2, size, size + 1), 6, stride) == tuple(y.shape[1:])


def test_a_convolution_by_hand() -> None:
    # 4 in, 8 out, 3x3: 288 weights; 6x6 -> 3x3 positions; 144 values in, 72 out, 10 held
    assert convolution((4, 6, 6), 8, 3, 2, held=10) == Operation(2592, 296, 226, "convolution", 8)


def test_a_depthwise_convolution_has_one_kernel_for_each_channel() -> None:
    assert convolution((8, 4, 4), 8, 5, groups=8) == Operation(3200, 208, 256, "grouped_convolution", 8)


def test_a_linear_step_by_hand() -> None:
    assert linear(10, 3) == Operation(30, 33, 13, "linear", 3)

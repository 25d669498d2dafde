import numpy as np
import torch

from nas.training.images import MIN_DEVIATION, as_floats, channel_moments, channels_last


def test_bytes_become_values_between_zero_and_one() -> None:
    pixels = np.array([[[[0], [51]], [[102], [255]]]], dtype=np.uint8)
    assert torch.equal(as_floats(pixels), torch.tensor([[[[0.0, 0.2], [0.4, 1.0]]]]))


def test_images_are_laid_out_channels_last() -> None:
    floats = as_floats(channels_last(np.zeros((2, 3, 8, 8), dtype=np.uint8)))
    assert floats.shape == (2, 3, 8, 8)
    assert floats.is_contiguous(memory_format=torch.channels_last)


def test_read_only_arrays_are_taken() -> None:
    pixels = np.zeros((1, 2, 2, 1), dtype=np.uint8)
    pixels.setflags(write=False)
    as_floats(pixels).add_(1.0)
    assert pixels.max() == 0


def test_channel_moments_are_those_of_all_pixels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 5, 5)).astype(np.uint8)
    mean, deviation = channel_moments(images)
    floats = images.transpose(1, 0, 2, 3).reshape(3, -1) / 255
    np.testing.assert_allclose(mean.numpy(), floats.mean(1), rtol=1e-6)
    np.testing.assert_allclose(deviation.numpy(), floats.std(1), rtol=1e-6)


def test_a_constant_channel_has_the_smallest_deviation() -> None:
    _, deviation = channel_moments(np.full((2, 1, 4, 4), 9, dtype=np.uint8))
    assert deviation.tolist() == [np.float32(MIN_DEVIATION)]

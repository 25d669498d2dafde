"""Moments as values."""

import pytest
import torch
from torch import Tensor, nn

from search_spaces.errors import UsageError
from search_spaces.modules.static import BATCH_NORM_EPSILON
from search_spaces.modules.statistics import Statistics, batch_moments
from tests.search_spaces.modules.moment_recorder import MomentRecorder

ONE, ZERO = torch.ones(1), torch.zeros(1)


def images(*values: float) -> Tensor:
    """Return one channel with the given values, (B, 1, 1, 1)."""
    return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1, 1)


def record(*batches: Tensor) -> Statistics:
    recorder = MomentRecorder()
    channels = batches[0].shape[1]
    for batch in batches:
        recorder("norm", batch, torch.ones(channels), torch.zeros(channels))
    return recorder.statistics()


def test_moments_of_batches_are_those_of_all_values_together() -> None:
    """1, 3, 5, 7 and 9: mean 5, variance (16 + 4 + 0 + 4 + 16) / 5 = 8; batches of 2 and 3 weigh 2 and 3."""
    mean, variance = record(images(1, 3), images(5, 7, 9)).of("norm", 1)
    torch.testing.assert_close(mean, torch.tensor([5.0]))
    torch.testing.assert_close(variance, torch.tensor([8.0]))


def test_moments_are_taken_for_each_channel_over_images_and_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    batches = [
        torch.randn(n, 4, size, size, generator=generator) * 3 + 2 for n, size in ((2, 5), (7, 3), (1, 4))
    ]
    together = torch.cat([batch.transpose(0, 1).reshape(4, -1) for batch in batches], 1).double()
    mean, variance = record(*batches).of("norm", 4)
    torch.testing.assert_close(mean, together.mean(1).float(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(variance, together.var(1, correction=0).float(), rtol=1e-5, atol=1e-6)
    assert mean.dtype == variance.dtype == torch.float32


def test_a_small_variance_beside_a_large_mean_is_kept() -> None:
    mean, variance = record(images(1000.0, 1000.5), images(1001.0, 1001.5)).of("norm", 1)
    torch.testing.assert_close(mean, torch.tensor([1000.75]))
    torch.testing.assert_close(variance, torch.tensor([0.3125]), rtol=1e-4, atol=0)


def test_constant_features_have_no_variance() -> None:
    assert record(images(0.1, 0.1), images(0.1, 0.1)).of("norm", 1)[1] == 0


def test_recording_normalises_by_the_batch_as_training_does() -> None:
    x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    weight, bias = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([0.0, 1.0, -1.0])
    recorder = MomentRecorder()
    torch.testing.assert_close(recorder("norm", x, weight, bias), batch_moments("norm", x, weight, bias))


def test_batch_moments_by_hand() -> None:
    """-1 and 3 have mean 1 and variance 4."""
    found = batch_moments("norm", images(-1, 3), 10 * ONE, 5 * ONE).flatten()
    torch.testing.assert_close(found, torch.tensor([-5.0, 15.0]), rtol=1e-4, atol=0)


def test_settled_statistics_normalise_as_a_batch_norm_in_evaluation_does() -> None:
    generator = torch.Generator().manual_seed(2)
    mean, variance, weight, bias = (torch.rand(3, generator=generator) + 0.5 for _ in range(4))
    norm = nn.BatchNorm2d(3, BATCH_NORM_EPSILON).eval()
    norm.load_state_dict(
        {
            "weight": weight,
            "bias": bias,
            "running_mean": mean,
            "running_var": variance,
            "num_batches_tracked": torch.tensor(1),
        }
    )
    x = torch.randn(2, 3, 4, 4, generator=generator)
    found = Statistics({"norm": (mean, variance)})("norm", x, weight, bias)
    with torch.no_grad():
        torch.testing.assert_close(found, norm(x), rtol=0, atol=0)


def test_names_are_kept_apart() -> None:
    recorder = MomentRecorder()
    recorder("first", images(1, 1), ONE, ZERO)
    recorder("second", images(4, 4), ONE, ZERO)
    found = recorder.statistics()
    assert (found.of("first", 1)[0].item(), found.of("second", 1)[0].item()) == (1, 4)


def test_statistics_do_not_change_when_recording_goes_on() -> None:
    recorder = MomentRecorder()
    recorder("norm", images(1, 1), ONE, ZERO)
    before = recorder.statistics()
    recorder("norm", images(9, 9), ONE, ZERO)
    assert before.of("norm", 1)[0].item() == 1


def test_recording_outside_of_no_grad_keeps_no_graph() -> None:
    mean, variance = record(images(1, 3).requires_grad_()).of("norm", 1)
    assert not mean.requires_grad
    assert not variance.requires_grad


@pytest.mark.parametrize(("name", "channels"), [("other", 1), ("norm", 2)])
def test_statistics_that_are_not_there_are_asked_for(name: str, channels: int) -> None:
    with pytest.raises(UsageError, match=f"'{name}'.*recalibrate") as caught:
        record(images(1, 3))(
            name, torch.zeros(1, channels, 1, 1), torch.ones(channels), torch.zeros(channels)
        )
    assert caught.value.code == "missing_statistics"

"""Stock networks get their share of the supernet's training and are measured like everything else."""

from pathlib import Path

import pytest

from nas.pipeline import options
from nas.pipeline.networks import score_file
from nas.pipeline.options import epochs_within
from nas.pipeline.references import stock_space
from nas.publication import accuracy_of
from search_spaces.network import layers
from search_spaces.stock_networks import STOCK_NETWORKS
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import context, file_ms


@pytest.mark.parametrize("name", sorted(STOCK_NETWORKS))
def test_a_stock_network_sees_the_images_of_the_search(name: str, tmp_path: Path) -> None:
    specs = layers(stock_space(context(tmp_path), name), ())
    assert specs[0].in_shape == (3, 16, 16)
    assert specs[-1].out_shape == (4, 1, 1)


@pytest.mark.parametrize(
    ("cpu_seconds", "epochs"),
    [(0.0, 1), (0.5, 1), (3.9, 3), (4.0, 4)],
)
def test_epochs_fill_the_time_that_is_given(
    cpu_seconds: float, epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """120 images in two batches of 60: at half a second a step, an epoch takes one second."""
    monkeypatch.setattr(options, "step_cpu_seconds", lambda trial: 0.5)
    ctx = context(tmp_path)
    assert epochs_within(ctx.spec, ctx.dataset, stock_space(ctx, "resnet"), cpu_seconds) == epochs


def test_the_stock_network_was_exported_scored_and_measured(finished: FinishedSearch) -> None:
    (resnet,) = finished.result.references
    assert (resnet.name, resnet.origin, resnet.architecture) == ("resnet", "reference", {})
    path = finished.run.network_path(resnet.file_sha256)
    assert resnet.latency.median_ms == pytest.approx(file_ms(path))
    ctx = finished.context()
    # No image has selected it: all validation images may show its accuracy.
    assert resnet.accuracy == accuracy_of(score_file(ctx, resnet.file_sha256, "validation"), "validation")
    assert resnet.test_accuracy == accuracy_of(score_file(ctx, resnet.file_sha256, "test"), "test")
    assert resnet.max_difference <= 1e-4
    assert (finished.run.path / "references" / "resnet").is_dir()

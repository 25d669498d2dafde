"""Sizes of files are predicted before they are exported, and held against files that are."""

import numpy as np
import pytest

from latency_predictors.file_size import file_bytes_of
from nas.pipeline.calibrating import initial_file
from search_spaces.base import Space
from search_spaces.catalogue import get_space
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, random_architectures, smallest


def space_of(name: str, preset: str, num_classes: int = 10) -> Space:
    """A space for colour images."""
    return get_space(name, preset=preset, num_classes=num_classes, in_channels=3)


@pytest.mark.parametrize(
    ("name", "preset", "precision", "count"),
    [
        ("mobilenet_v3", "tiny", "fp32", 8),
        ("mobilenet_v3", "imagenet", "fp32", 4),
        ("nas_bench_201", "tiny", "fp32", 8),
        ("mobilenet_v3", "tiny", "int8", 3),
        ("nas_bench_201", "tiny", "int8", 3),
    ],
)
def test_exported_files_lie_in_the_interval(name: str, preset: str, precision: str, count: int) -> None:
    space = space_of(name, preset)
    archs = np.concatenate([smallest(space), random_architectures(space, count, np.random.default_rng(21))])
    found = file_bytes_of(space, precision)(archs)
    exported = np.array([len(initial_file(space, as_architecture(row), precision)) for row in archs])
    assert (found.lower <= exported).all()
    assert (exported <= found.upper).all()
    assert found.kind == "fitted"


def test_most_of_a_file_are_its_weights() -> None:
    space = space_of("mobilenet_v3", "imagenet")
    archs = random_architectures(space, 5, np.random.default_rng(2))
    weights = [4 * sum(spec.num_params for spec in layers(space, as_architecture(row))) for row in archs]
    found = file_bytes_of(space)(archs)
    assert (found.lower > weights).all()
    assert found.upper == pytest.approx(np.array(weights), rel=0.03)


def test_an_int8_file_is_about_a_quarter_where_weights_are_most_of_it() -> None:
    space = space_of("mobilenet_v3", "imagenet")
    archs = random_architectures(space, 5, np.random.default_rng(2))
    share = file_bytes_of(space, "int8")(archs).point / file_bytes_of(space)(archs).point
    assert np.all((share > 0.25) & (share < 0.35))


def test_names_of_classes_widen_the_interval() -> None:
    few, many = (space_of("mobilenet_v3", "imagenet", number) for number in (10, 1000))
    arch = smallest(few)
    narrow, wide = (file_bytes_of(space)(arch) for space in (few, many))
    assert wide.upper[0] - wide.lower[0] > narrow.upper[0] - narrow.lower[0] + 30_000

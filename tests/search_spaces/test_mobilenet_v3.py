"""The geometry of MobileNetV3: what was published, and what the tiny preset promises."""

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from search_spaces import mobilenet_v3 as family
from search_spaces.base import IntArray, Space, architecture_from_values, option_values
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.layers import InvertedResidual, LayerSpec
from search_spaces.network import layers
from search_spaces.sampling import (
    as_architecture,
    canonical,
    largest,
    mutate,
    option_counts,
    random_architectures,
    smallest,
)
from search_spaces.slot_tables import distinct_layers

IMAGENET = get_space("mobilenet_v3", preset="imagenet", num_classes=1000, in_channels=3)
TINY = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
BOTH = pytest.mark.parametrize("space", [TINY, IMAGENET], ids=["tiny", "imagenet"])


def network_macs(specs: tuple[LayerSpec, ...]) -> int:
    """Return the MACs as papers count them, without the normalisation of the image."""
    return sum(spec.macs for spec in specs if spec.kind != "normalize")


def specs_of(space: Space, rows: IntArray) -> tuple[LayerSpec, ...]:
    return layers(space, as_architecture(rows[0]))


def blocks_of(space: Space, rows: IntArray) -> list[InvertedResidual]:
    return [spec for spec in specs_of(space, rows) if isinstance(spec, InvertedResidual)]


def test_the_largest_imagenet_network_is_the_published_one() -> None:
    """Once-for-All at width 1.0 and 224 pixels: 566 million MACs, 7.7 million parameters."""
    specs = specs_of(IMAGENET, largest(IMAGENET))
    assert round(network_macs(specs) / 1e6) == 566
    assert 7.6e6 < sum(spec.num_params for spec in specs) < 7.7e6


@pytest.mark.parametrize(("resolution", "millions"), [(224, 121), (128, 41)])
def test_the_smallest_imagenet_network_is_the_published_one(resolution: int, millions: int) -> None:
    rows = smallest(IMAGENET)
    rows[:, 0] = IMAGENET.choices[0].options.index(resolution)
    assert round(network_macs(specs_of(IMAGENET, rows)) / 1e6) == millions


def test_blocks_of_the_largest_imagenet_network_are_the_published_ones() -> None:
    blocks = blocks_of(IMAGENET, largest(IMAGENET))
    firsts = [block for block in blocks if not block.residual]
    assert [block.in_shape for block in firsts] == [
        (16, 112, 112), (24, 56, 56), (40, 28, 28), (80, 14, 14), (112, 14, 14),
    ]  # fmt: skip
    assert [block.out_channels for block in firsts] == [24, 40, 80, 112, 160]
    assert [block.stride for block in firsts] == [2, 2, 2, 1, 2]
    assert [block.squeeze for block in firsts] == [0, 40, 0, 120, 168]
    assert [block.activation for block in firsts] == ["relu", "relu", *["hard_swish"] * 3]
    assert blocks[0] == InvertedResidual((16, 112, 112), 16, 16, 3, 1, 0, "relu", True)
    assert len(blocks) == 1 + 5 * 4


def test_imagenet_has_few_distinct_layers_for_more_than_10_to_the_19_networks() -> None:
    assert prod(option_counts(IMAGENET).tolist()) // 25 > 10**19
    assert 1_150 <= len(distinct_layers(IMAGENET)) <= 1_300


def test_imagenet_at_five_resolutions_has_about_455_distinct_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    five = replace(family.IMAGENET, resolutions=(128, 160, 176, 192, 224))
    monkeypatch.setitem(family.PRESETS, "five", five)
    assert 400 <= len(distinct_layers(family.mobilenet_v3("five"))) <= 480


def test_tiny_has_at_most_150_distinct_layers() -> None:
    assert len(distinct_layers(TINY)) <= 150


@pytest.mark.parametrize(
    ("space", "elastic"),
    [
        (TINY, {"resolution", "depth", "width", "kernel", "expansion", "squeeze_excite"}),
        (IMAGENET, {"resolution", "depth", "kernel", "expansion"}),
    ],
    ids=["tiny", "imagenet"],
)
def test_elastic_dimensions(space: Space, elastic: set[str]) -> None:
    assert {choice.name.split(".")[-1] for choice in space.choices if len(choice.options) > 1} == elastic


def test_options_of_imagenet_are_the_published_ones() -> None:
    options = {choice.name.split(".")[-1]: choice.options for choice in IMAGENET.choices}
    assert (options["kernel"], options["expansion"], options["depth"]) == ((3, 5, 7), (3, 4, 6), (2, 3, 4))
    assert options["resolution"] == tuple(range(128, 225, 4))


@BOTH
@pytest.mark.parametrize("depth_of", [smallest, largest])
def test_depth_is_the_number_of_blocks_of_a_stage(
    space: Space, depth_of: Callable[[Space], IntArray]
) -> None:
    rows = depth_of(space)
    values = option_values(space, as_architecture(rows[0]))
    depths = [int(value) for name, value in values.items() if name.endswith(".depth")]
    stem_blocks = 1 if space is IMAGENET else 0
    assert len(blocks_of(space, rows)) == sum(depths) + stem_blocks


@BOTH
def test_smallest_and_largest_are_the_ends_of_the_range_of_work(space: Space) -> None:
    rows = random_architectures(space, 500, np.random.default_rng(0))
    drawn = [network_macs(layers(space, as_architecture(row))) for row in rows]
    assert network_macs(specs_of(space, smallest(space))) <= min(drawn)
    assert network_macs(specs_of(space, largest(space))) >= max(drawn)


@BOTH
def test_networks_of_different_rows_differ_and_mutation_always_gives_another(space: Space) -> None:
    rows = random_architectures(space, 1500, np.random.default_rng(1))
    distinct = np.unique(rows, axis=0)
    assert len({layers(space, as_architecture(row)) for row in distinct}) == len(distinct)
    for probability in (None, 0.0, 0.9):
        changed = mutate(space, rows, np.random.default_rng(2), probability)
        assert (changed != rows).any(axis=1).all()


def test_choices_of_skipped_blocks_are_at_their_first_option() -> None:
    rows = largest(TINY)
    names = [choice.name for choice in TINY.choices]
    rows[:, names.index("stage2.depth")] = 0
    found = option_values(TINY, as_architecture(canonical(TINY, rows)[0]))
    assert [found[f"stage2.block{block}.expansion"] for block in (1, 2, 3)] == [4, 1, 1]
    assert [found[f"stage2.block{block}.kernel"] for block in (1, 2, 3)] == [5, 3, 3]


def test_a_network_written_down_by_hand() -> None:
    values: dict[str, int] = {"resolution": 24}
    for stage, (depth, width) in enumerate([(1, 16), (2, 40), (1, 96)], 1):
        values |= {f"stage{stage}.depth": depth, f"stage{stage}.width": width}
        for block in (1, 2, 3):
            values |= {f"stage{stage}.block{block}.kernel": 3, f"stage{stage}.block{block}.expansion": 4}
        values[f"stage{stage}.squeeze_excite"] = int(stage == 3)
    values |= {"stage2.block2.kernel": 5, "stage2.block2.expansion": 1}
    found = layers(TINY, architecture_from_values(TINY, values))
    assert [spec.in_shape for spec in found] == [
        (3, 24, 24), (3, 24, 24), (16, 12, 12), (16, 12, 12), (40, 6, 6), (40, 6, 6), (96, 3, 3),
    ]  # fmt: skip
    assert found[2:6] == (
        InvertedResidual((16, 12, 12), 64, 16, 3, 1, 0, "relu", True),
        InvertedResidual((16, 12, 12), 64, 40, 3, 2, 0, "relu", False),
        InvertedResidual((40, 6, 6), 40, 40, 5, 1, 0, "relu", True),
        InvertedResidual((40, 6, 6), 160, 96, 3, 2, 40, "relu", False),
    )


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [
        (1, 8),
        (8, 8),
        (11, 16),
        (11.2, 16),
        (12, 16),
        (16, 16),
        (18, 24),
        (20, 24),
        (60, 64),
        (240 // 4, 64),
        (59, 56),
    ],
)
def test_channels_are_rounded_to_multiples_of_8(channels: float, rounded: int) -> None:
    """18 would become 16, which is more than 10 % less: 24."""
    assert family.divisible_by_8(channels) == rounded


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match="tiny, imagenet") as caught:
        family.mobilenet_v3("huge")
    assert caught.value.code == "unknown_preset"

"""MobileNetV3-like networks: inverted residuals, squeeze-excite, hard-swish (Howard et al. 2019).

`imagenet` is the geometry published with Once-for-All (Cai et al. 2020) at width 1.0. `tiny` is for small
images and small machines: stage widths are elastic too, and so is squeeze-excite in the last stage, which on
many CPUs costs more time than its few MACs say. Hard-swish stands in stem and head only, for the same reason.
Its ends are far apart: an expansion of 1 leaves a whole convolution out, and where a network takes ten
microseconds each operator counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from search_spaces.base import PASS, Choice, Slot, Space, Standing
from search_spaces.errors import UsageError
from search_spaces.layers import Activation, ConvNormAct, InvertedResidual, Normalize, PooledHead

NAME = "mobilenet_v3"


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks of one size.

    Attributes:
        widths: Output channels to choose from.
        kernels: Depthwise kernels to choose from, for each block.
        expansions: Hidden channels per input channel to choose from, for each block.
        depths: Numbers of blocks to choose from.
        stride: Of the first block; `total_stride` is the reduction of the image up to its input.
        squeeze_excite: Whether blocks have squeeze-excite: (0,), (1,), or (0, 1) to choose for the stage.
        activation: Of the blocks.
        first_expansions: The first block's, where they are not those of the others.
    """

    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    expansions: tuple[int, ...]
    depths: tuple[int, ...]
    stride: int
    squeeze_excite: tuple[int, ...]
    activation: Activation
    total_stride: int
    first_expansions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Geometry:
    """Everything a preset fixes.

    Attributes:
        stem_block: Whether a depthwise-separable block of the stem's width follows the stem.
        final_expand: Channels of the 1x1 convolution before pooling, 0 for none.
        features: Features of the hidden linear layer, 0 for none.
    """

    resolutions: tuple[int, ...]
    stem_width: int
    stem_block: bool
    stages: tuple[Stage, ...]
    final_expand: int
    features: int


TINY = Geometry(
    resolutions=(12, 16, 24, 32),
    stem_width=16,
    stem_block=False,
    stages=(
        Stage((16,), (3,), (1, 4), (1, 2, 3), 1, (0,), "relu", 2),
        Stage((24, 40), (3, 5), (1, 4), (1, 2, 3), 2, (0,), "relu", 2),
        Stage((48, 96), (3,), (2, 4), (1, 2, 3), 2, (0, 1), "relu", 4, first_expansions=(4,)),
    ),
    final_expand=0,
    features=128,
)

_OFA = {"kernels": (3, 5, 7), "expansions": (3, 4, 6), "depths": (2, 3, 4)}

IMAGENET = Geometry(
    resolutions=tuple(range(128, 225, 4)),
    stem_width=16,
    stem_block=True,
    stages=(
        Stage((24,), **_OFA, stride=2, squeeze_excite=(0,), activation="relu", total_stride=2),
        Stage((40,), **_OFA, stride=2, squeeze_excite=(1,), activation="relu", total_stride=4),
        Stage((80,), **_OFA, stride=2, squeeze_excite=(0,), activation="hard_swish", total_stride=8),
        Stage((112,), **_OFA, stride=1, squeeze_excite=(1,), activation="hard_swish", total_stride=16),
        Stage((160,), **_OFA, stride=2, squeeze_excite=(1,), activation="hard_swish", total_stride=16),
    ),
    final_expand=960,
    features=1280,
)

PRESETS = {"tiny": TINY, "imagenet": IMAGENET}


def mobilenet_v3(preset: str = "tiny", num_classes: int = 10, in_channels: int = 3) -> Space:
    """Return the space.

    Args:
        preset: `tiny` or `imagenet`.
        num_classes: Outputs of the classifier.
        in_channels: 1 or 3.

    Raises:
        UsageError: `unknown_preset`.
    """
    if preset not in PRESETS:
        raise UsageError(
            "unknown_preset", f"{NAME} has no preset '{preset}'; presets are {', '.join(PRESETS)}"
        )
    geometry = PRESETS[preset]
    slots = (*_stem(geometry, in_channels), *_stages(geometry), *_head(geometry, num_classes))
    return Space(f"{NAME}/{preset}", tuple(_choices(geometry)), slots)


def _choices(geometry: Geometry) -> Iterator[Choice]:
    yield Choice("resolution", geometry.resolutions)
    for number, stage in enumerate(geometry.stages, 1):
        yield Choice(f"stage{number}.depth", stage.depths)
        yield Choice(f"stage{number}.width", stage.widths)
        yield Choice(f"stage{number}.squeeze_excite", stage.squeeze_excite)
        for block in range(1, max(stage.depths) + 1):
            yield Choice(f"stage{number}.block{block}.kernel", stage.kernels)
            first = stage.first_expansions if block == 1 else ()
            yield Choice(f"stage{number}.block{block}.expansion", first or stage.expansions)


def _stem(geometry: Geometry, in_channels: int) -> tuple[Slot, ...]:
    width = geometry.stem_width
    stem = (
        Slot("normalize", ("resolution",), partial(_normalize, in_channels)),
        Slot("stem", ("resolution",), partial(_stem_convolution, in_channels, width)),
    )
    if not geometry.stem_block:
        return stem
    return (*stem, Slot("stem.block", ("resolution",), partial(_stem_block, width)))


def _stages(geometry: Geometry) -> Iterator[Slot]:
    for number, stage in enumerate(geometry.stages, 1):
        prefix = f"stage{number}"
        own_width = f"{prefix}.width"
        for block in range(1, max(stage.depths) + 1):
            own = (
                f"{prefix}.block{block}.kernel",
                f"{prefix}.block{block}.expansion",
                f"{prefix}.squeeze_excite",
                own_width,
            )
            scope: tuple[str, ...] = ("resolution", *own)
            if block == 1 and number == 1:
                yield Slot(f"{prefix}.block1", scope, partial(_first_block, stage, geometry.stem_width))
            elif block == 1:
                scope = (*scope, f"stage{number - 1}.width")
                yield Slot(f"{prefix}.block1", scope, partial(_first_block, stage, None))
            else:
                scope = (*scope, f"{prefix}.depth")
                yield Slot(f"{prefix}.block{block}", scope, partial(_later_block, stage, block))


def _head(geometry: Geometry, num_classes: int) -> Iterator[Slot]:
    last = geometry.stages[-1]
    scope = ("resolution", f"stage{len(geometry.stages)}.width")
    stride = last.total_stride * last.stride
    if geometry.final_expand:
        yield Slot("head.expand", scope, partial(_expand, stride, geometry.final_expand))
        width: int | None = geometry.final_expand
    else:
        width = None
    yield Slot("head", scope, partial(_classifier, stride, width, geometry.features, num_classes))


def _size(resolution: int, stride: int) -> int:
    return -(-resolution // stride)


def _normalize(in_channels: int, resolution: int) -> Standing:
    return Normalize((in_channels, resolution, resolution))


def _stem_convolution(in_channels: int, width: int, resolution: int) -> Standing:
    return ConvNormAct((in_channels, resolution, resolution), width, 3, 2, "hard_swish")


def _stem_block(width: int, resolution: int) -> Standing:
    size = _size(resolution, 2)
    return InvertedResidual((width, size, size), width, width, 3, 1, 0, "relu", residual=True)


def _first_block(
    stage: Stage,
    stem_width: int | None,
    resolution: int,
    kernel: int,
    expansion: int,
    squeeze_excite: int,
    width: int,
    before: int = 0,
) -> Standing:
    size = _size(resolution, stage.total_stride)
    in_width = before if stem_width is None else stem_width
    hidden = divisible_by_8(in_width * expansion)
    squeeze = _squeeze(hidden, squeeze_excite)
    # A skip connection stands where input and output are of one shape for all options.
    residual = stage.stride == 1 and stage.widths == (stem_width,)
    return InvertedResidual(
        (in_width, size, size), hidden, width, kernel, stage.stride, squeeze, stage.activation, residual
    )


def _later_block(
    stage: Stage,
    block: int,
    resolution: int,
    kernel: int,
    expansion: int,
    squeeze_excite: int,
    width: int,
    depth: int,
) -> Standing:
    if block > depth:
        return PASS
    size = _size(resolution, stage.total_stride * stage.stride)
    hidden = divisible_by_8(width * expansion)
    squeeze = _squeeze(hidden, squeeze_excite)
    return InvertedResidual(
        (width, size, size), hidden, width, kernel, 1, squeeze, stage.activation, residual=True
    )


def _squeeze(hidden: int, squeeze_excite: int) -> int:
    return divisible_by_8(hidden // 4) if squeeze_excite else 0


def _expand(stride: int, channels: int, resolution: int, width: int) -> Standing:
    size = _size(resolution, stride)
    return ConvNormAct((width, size, size), channels, 1, 1, "hard_swish")


def _classifier(
    stride: int, expanded: int | None, features: int, num_classes: int, resolution: int, width: int
) -> Standing:
    size = _size(resolution, stride)
    return PooledHead((expanded or width, size, size), features, "hard_swish", num_classes)


def divisible_by_8(channels: float) -> int:
    """Round to a multiple of 8, never below 8 nor more than 10 % down (Sandler et al. 2018)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded

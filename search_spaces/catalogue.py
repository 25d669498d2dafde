"""The search spaces by name."""

from collections.abc import Callable
from typing import Final

from search_spaces import mobilenet_v3, nas_bench_201
from search_spaces.base import Space
from search_spaces.errors import UsageError

SPACES: Final[dict[str, Callable[..., Space]]] = {
    mobilenet_v3.NAME: mobilenet_v3.mobilenet_v3,
    nas_bench_201.NAME: nas_bench_201.nas_bench_201,
}

PRESETS: Final[dict[str, tuple[str, ...]]] = {
    mobilenet_v3.NAME: tuple(mobilenet_v3.PRESETS),
    nas_bench_201.NAME: tuple(nas_bench_201.PRESETS),
}


def get_space(name: str, *, preset: str, num_classes: int, in_channels: int) -> Space:
    """Return a space for a data set.

    Args:
        name: One of `SPACES`.
        preset: One of `PRESETS[name]`.
        num_classes: Classes of the data set.
        in_channels: 1 for grey images, 3 for colour.

    Raises:
        UsageError: `unknown_space` or `unknown_preset`, naming what exists.
    """
    if name not in SPACES:
        raise UsageError("unknown_space", f"no search space '{name}'; spaces are {', '.join(SPACES)}")
    return SPACES[name](preset=preset, num_classes=num_classes, in_channels=in_channels)

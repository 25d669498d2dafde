"""The tables that `benchmarks.tables` holds against whole networks: every space in every context."""

from dataclasses import replace
from typing import Final

from benchmarks.sections.measured_networks import Case
from nas.specs import ContextSpec
from search_spaces.base import Option, Space
from search_spaces.catalogue import get_space

CONTEXTS: Final = (
    ContextSpec(),
    ContextSpec(precision="int8"),
    ContextSpec(runtime="openvino"),
    ContextSpec(runtime="openvino", precision="int8"),
)
"""One line a context."""

NUM_QUICK_CONTEXTS: Final = 2

IMAGENET_RESOLUTIONS: Final = (128, 160)


def cases(*, quick: bool = False) -> list[Case]:
    """Return every table that is measured here; in a hurry those of the small space in two contexts.

    Each takes about 3 minutes on the small space and 8 on the large one.
    """
    tiny = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
    imagenet = get_space("mobilenet_v3", preset="imagenet", num_classes=1_000, in_channels=3)
    spaces = {"tiny": tiny, "imagenet": only(imagenet, "resolution", IMAGENET_RESOLUTIONS)}
    return [
        Case(f"{name}, {context.runtime} {context.precision} x {context.threads}", space, context)
        for context in CONTEXTS[: NUM_QUICK_CONTEXTS if quick else None]
        for name, space in spaces.items()
        if name == "tiny" or not quick
    ]


def only(space: Space, name: str, options: tuple[Option, ...]) -> Space:
    """Return a space with some of the options of a choice: slots follow the options' values."""
    choices = [replace(one, options=options) if one.name == name else one for one in space.choices]
    return Space(f"{space.name}/{'-'.join(map(str, options))}", tuple(choices), space.slots)

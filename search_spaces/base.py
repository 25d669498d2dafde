"""Choices, slots, architectures: the one description that everything else is derived from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from search_spaces.digests import sha256_json
from search_spaces.errors import UsageError
from search_spaces.layers import LayerSpec

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

Option = int | float | str
Architecture = tuple[int, ...]
"""One option index for every choice of a space, in canonical form (see `sampling.canonical`)."""

IMAGE: Final = "image"
"""Name of the network's input where a slot's inputs are named."""


class Nothing(Enum):
    """What may stand in a slot instead of a layer."""

    PASS = "pass"
    """The slot's input goes on unchanged: the block is skipped."""
    ABSENT = "absent"
    """The slot contributes nothing to the slots that name it."""


PASS: Final = Nothing.PASS
ABSENT: Final = Nothing.ABSENT

Standing = LayerSpec | Nothing
"""What stands in a slot for given options."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision of a search space.

    Attributes:
        name: Unique in the space, for example `stage2.depth`.
        options: At least one, distinct. Where options have a natural order, the cheapest stands first.
    """

    name: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        if not self.options or len(set(self.options)) != len(self.options):
            raise UsageError(
                "invalid_choice", f"choice '{self.name}' needs distinct options, got {self.options}"
            )


@dataclass(frozen=True, slots=True)
class Slot:
    """One place in a network.

    Attributes:
        name: Unique in the space, for example `stage3.block2`.
        depends_on: Names of the choices that decide what stands here.
        layer: Maps the options of those choices, in that order, to a layer, `PASS` or `ABSENT`.
        inputs: Slots whose outputs are summed; () means the slot before this one (the image for the first).
    """

    name: str
    depends_on: tuple[str, ...]
    layer: Callable[..., Standing]
    inputs: tuple[str, ...] = ()


class SearchSpace(Protocol):
    """Everything the product knows of a family of networks; an immutable value."""

    def __hash__(self) -> int:
        """Spaces are keys of caches of what is derived from them."""

    @property
    def name(self) -> str:
        """Name in the catalogue."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The decisions."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The places, in order of execution. The last one is always a layer."""


@dataclass(frozen=True)
class Space:
    """A search space as a plain value; every family builds one of these."""

    name: str
    choices: tuple[Choice, ...]
    slots: tuple[Slot, ...]


def option_values(space: SearchSpace, architecture: Architecture) -> dict[str, Option]:
    """Return the option chosen for every choice, by name.

    Raises:
        UsageError: `invalid_architecture` where the indices do not fit the space.
    """
    if len(architecture) != len(space.choices):
        raise UsageError(
            "invalid_architecture",
            f"space '{space.name}' has {len(space.choices)} choices, got {len(architecture)} indices",
        )
    values = {}
    for choice, index in zip(space.choices, architecture, strict=True):
        if not 0 <= index < len(choice.options):
            raise UsageError(
                "invalid_architecture",
                f"choice '{choice.name}' has {len(choice.options)} options, got index {index}",
            )
        values[choice.name] = choice.options[index]
    return values


def architecture_from_values(space: SearchSpace, values: Mapping[str, Any]) -> Architecture:
    """Return the option indices for named options; the inverse of `option_values`.

    Raises:
        UsageError: `unknown_choice`, `missing_choice` or `unknown_option`, each naming what exists.
    """
    names = [choice.name for choice in space.choices]
    for name in values:
        if name not in names:
            raise UsageError("unknown_choice", f"no choice '{name}'; choices are {', '.join(names)}")
    indices = []
    for choice in space.choices:
        if choice.name not in values:
            raise UsageError("missing_choice", f"no option given for choice '{choice.name}'")
        value = values[choice.name]
        if isinstance(value, bool) or value not in choice.options:
            raise UsageError(
                "unknown_option",
                f"choice '{choice.name}' has no option {value!r}; options are {list(choice.options)}",
            )
        indices.append(choice.options.index(value))
    return tuple(indices)


@lru_cache(maxsize=32)
def space_digest(space: SearchSpace) -> str:
    """Return the SHA-256 of a space: choices with options, slots with everything that can stand in them."""
    from_options = {choice.name: choice.options for choice in space.choices}
    return sha256_json(
        {
            "name": space.name,
            "choices": [[choice.name, list(choice.options)] for choice in space.choices],
            "slots": [
                [slot.name, list(slot.depends_on), list(slot.inputs), _standings(slot, from_options)]
                for slot in space.slots
            ],
        }
    )


def _standings(slot: Slot, options: Mapping[str, tuple[Option, ...]]) -> list[str]:
    scope = [options[name] for name in slot.depends_on]
    shape = [len(values) for values in scope]
    found = []
    for indices in np.ndindex(*shape):
        standing = slot.layer(*(values[i] for values, i in zip(scope, indices, strict=True)))
        found.append(standing.value if isinstance(standing, Nothing) else standing.signature())
    return found


def architecture_digest(space: SearchSpace, architecture: Architecture) -> str:
    """Return the SHA-256 of the space's digest and the option values of a canonical architecture."""
    return sha256_json({"space": space_digest(space), "options": option_values(space, architecture)})

"""The graph that an architecture stands for, and spaces that hold one network only."""

from dataclasses import dataclass
from functools import partial

from search_spaces.base import (
    ABSENT,
    IMAGE,
    PASS,
    Architecture,
    SearchSpace,
    Slot,
    Space,
    Standing,
    option_values,
)
from search_spaces.errors import UsageError
from search_spaces.layers import LayerSpec
from search_spaces.operations import Shape


@dataclass(frozen=True, slots=True)
class Node:
    """One layer of a network.

    Attributes:
        slot: Name of the slot it stands in.
        spec: The layer.
        inputs: Slots (or "image") whose outputs are summed; a name twice counts twice, none means zeros.
    """

    slot: str
    spec: LayerSpec
    inputs: tuple[str, ...]


def network(space: SearchSpace, architecture: Architecture) -> tuple[Node, ...]:
    """Return the layers of an architecture in order of execution, skipped and absent slots resolved.

    Raises:
        UsageError: `invalid_architecture`, or `invalid_space` where the last slot is no layer
            or a slot takes what does not come before it.
    """
    values = option_values(space, architecture)
    sources: dict[str, tuple[str, ...]] = {IMAGE: (IMAGE,)}
    nodes = []
    before = IMAGE
    for slot in space.slots:
        standing = slot.layer(*(values[name] for name in slot.depends_on))
        wanted = slot.inputs or (before,)
        if not sources.keys() >= set(wanted):
            raise UsageError(
                "invalid_space", f"slot '{slot.name}' takes {wanted}, which are not all before it"
            )
        inputs = tuple(source for name in wanted for source in sources[name])
        before = slot.name
        if standing is ABSENT:
            sources[slot.name] = ()
        elif standing is PASS:
            sources[slot.name] = inputs
        else:
            assert isinstance(standing, LayerSpec)
            sources[slot.name] = (slot.name,)
            nodes.append(Node(slot.name, standing, inputs))
    if not nodes or nodes[-1].slot != space.slots[-1].name:
        raise UsageError("invalid_space", f"the last slot of space '{space.name}' has to be a layer")
    return tuple(nodes)


def layers(space: SearchSpace, architecture: Architecture) -> tuple[LayerSpec, ...]:
    """Return the layers of an architecture in order of execution."""
    return tuple(node.spec for node in network(space, architecture))


def input_shape(space: SearchSpace, architecture: Architecture) -> Shape:
    """Return (C, H, W) of the images an architecture takes."""
    return network(space, architecture)[0].spec.in_shape


def resolution(space: SearchSpace, architecture: Architecture) -> int:
    """Return the side in pixels of the images an architecture takes."""
    return input_shape(space, architecture)[1]


def fixed_space(space: SearchSpace, architecture: Architecture) -> Space:
    """Return a space without choices whose only network is the given one.

    What trains, measures and exports a supernet then does the same for a stand-alone network.
    """
    # A node without inputs is fed zeros: that is what the sum of one absent slot is.
    nothing = Slot("nothing", (), partial(_same, ABSENT))
    slots = (
        Slot(node.slot, (), partial(_same, node.spec), node.inputs or (nothing.name,))
        for node in network(space, architecture)
    )
    return Space(f"{space.name}/fixed", (), (nothing, *slots))


def chain(name: str, specs: dict[str, LayerSpec]) -> Space:
    """Return a space without choices that is a plain chain of named layers."""
    return Space(name, (), tuple(Slot(slot, (), partial(_same, spec)) for slot, spec in specs.items()))


def _same(standing: Standing) -> Standing:
    return standing

"""The NAS-Bench-201 cell (Dong and Yang 2020): four nodes, an operation on each of six edges.

A slot is an edge; the sum over the edges into a node is the node. An edge that cannot reach the cell's
output contributes nothing and is absent, as a graph compiler would drop it. A node that nothing reaches is
zeros: an operation on it still runs, as it does in the benchmark, but to pass zeros on is to be absent.
"""

from collections.abc import Iterator
from functools import partial

from search_spaces.base import ABSENT, PASS, Choice, Slot, Space, Standing
from search_spaces.errors import UsageError
from search_spaces.layers import (
    ActConvNorm,
    AveragePool,
    BasicBlock,
    ConvNormAct,
    NormAct,
    Normalize,
    PooledHead,
)
from search_spaces.operations import Shape

NAME = "nas_bench_201"

Edge = tuple[int, int]

EDGES: tuple[Edge, ...] = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
OUTPUT = 3
OPERATIONS = ("none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3")

# preset: (resolution, channels of the first stage, cells in each of three stages)
PRESETS = {"tiny": (16, 8, 1), "cifar": (32, 16, 5)}


def nas_bench_201(preset: str = "cifar", num_classes: int = 10, in_channels: int = 3) -> Space:
    """Return the space; `cifar` is the published geometry, `tiny` one cell a stage.

    Raises:
        UsageError: `unknown_preset`.
    """
    if preset not in PRESETS:
        raise UsageError(
            "unknown_preset", f"{NAME} has no preset '{preset}'; presets are {', '.join(PRESETS)}"
        )
    resolution, width, num_cells = PRESETS[preset]
    choices = tuple(Choice(_edge_name(edge), OPERATIONS) for edge in EDGES)
    return Space(
        f"{NAME}/{preset}",
        choices,
        tuple(_slots((in_channels, resolution, resolution), width, num_cells, num_classes)),
    )


def _slots(image: Shape, width: int, num_cells: int, num_classes: int) -> Iterator[Slot]:
    yield Slot("normalize", (), partial(_fixed, Normalize(image)))
    yield Slot("stem", (), partial(_fixed, ConvNormAct(image, width, 3, 1, "identity")))
    source: tuple[str, ...] = ("stem",)
    shape: Shape = (width, *image[1:])
    for stage in (1, 2, 3):
        if stage > 1:
            reduction = BasicBlock(shape, 2 * shape[0], 2, projection=True)
            yield Slot(f"stage{stage}.reduce", (), partial(_fixed, reduction), source)
            source, shape = (f"stage{stage}.reduce",), reduction.out_shape
        for cell in range(1, num_cells + 1):
            prefix = f"stage{stage}.cell{cell}"
            yield from _cell(prefix, source, shape)
            source = _into(prefix, OUTPUT)
    yield Slot("norm", (), partial(_fixed, NormAct(shape, "relu")), source)
    yield Slot("head", (), partial(_fixed, PooledHead(shape, 0, "identity", num_classes)), ("norm",))


def _cell(prefix: str, source: tuple[str, ...], shape: Shape) -> Iterator[Slot]:
    for edge in EDGES:
        inputs = _into(prefix, edge[0]) if edge[0] else source
        scope = (edge, *_downstream(edge[1]), *_upstream(edge[0]))
        names = tuple(_edge_name(one) for one in scope)
        yield Slot(f"{prefix}.{_edge_name(edge)}", names, partial(_operation, scope, shape), inputs)


def _downstream(node: int) -> tuple[Edge, ...]:
    return tuple(edge for edge in EDGES if edge[0] >= node)


def _upstream(node: int) -> tuple[Edge, ...]:
    return tuple(edge for edge in EDGES if edge[1] <= node)


def _into(prefix: str, node: int) -> tuple[str, ...]:
    return tuple(f"{prefix}.{_edge_name(edge)}" for edge in EDGES if edge[1] == node)


def _edge_name(edge: Edge) -> str:
    return f"edge{edge[0]}{edge[1]}"


def _fixed(standing: Standing) -> Standing:
    return standing


def _operation(scope: tuple[Edge, ...], shape: Shape, *operations: str) -> Standing:
    chosen = dict(zip(scope, operations, strict=True))
    name = operations[0]
    if name == "none" or not _reaches_output(scope[0][1], chosen):
        return ABSENT
    if name == "skip_connect":
        return PASS if _is_fed(scope[0][0], chosen) else ABSENT
    if name == "avg_pool_3x3":
        return AveragePool(shape, 3)
    return ActConvNorm(shape, shape[0], 1 if name == "nor_conv_1x1" else 3)


def _reaches_output(node: int, chosen: dict[Edge, str]) -> bool:
    if node == OUTPUT:
        return True
    return any(
        start == node and name != "none" and _reaches_output(end, chosen)
        for (start, end), name in chosen.items()
    )


def _is_fed(node: int, chosen: dict[Edge, str]) -> bool:
    if node == 0:
        return True
    operations = {start: name for (start, end), name in chosen.items() if end == node}
    return any(
        name not in ("none", "skip_connect") or (name == "skip_connect" and _is_fed(start, chosen))
        for start, name in operations.items()
    )

"""The cell of NAS-Bench-201: the published sizes, dead edges, nodes that nothing reaches."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from search_spaces.base import (
    ABSENT,
    IMAGE,
    PASS,
    Architecture,
    architecture_from_values,
    option_values,
)
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.layers import PooledHead
from search_spaces.modules.static import StaticNetwork
from search_spaces.nas_bench_201 import EDGES, OPERATIONS, nas_bench_201
from search_spaces.network import Node, network
from search_spaces.sampling import as_architecture, canonical, largest, random_architectures, smallest
from tests.contracts.space_contract import perturbed_supernet, random_images, settled

TINY = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)
CIFAR = get_space("nas_bench_201", preset="cifar", num_classes=10, in_channels=3)
EVERY = np.array(list(product(range(len(OPERATIONS)), repeat=len(EDGES))))
NONE, SKIP, POOL, CONV1, CONV3 = OPERATIONS


def cell(**operations: str) -> Architecture:
    """Return the architecture with the named operations on edges, none on the others."""
    values = {f"edge{start}{end}": NONE for start, end in EDGES}
    return architecture_from_values(TINY, values | operations)


def cell_nodes(architecture: Architecture) -> dict[str, Node]:
    """Return the nodes of the first cell by edge."""
    found = network(TINY, architecture)
    return {node.slot.split(".")[-1]: node for node in found if node.slot.startswith("stage1.cell1")}


def published_macs(nodes: tuple[Node, ...]) -> int:
    """Return what the benchmark counts: convolutions, classifier and its bias; no norms, no image."""
    head = nodes[-1].spec
    assert isinstance(head, PooledHead)
    return sum(n.spec.macs for n in nodes if n.spec.kind not in ("normalize", "norm_act")) + head.num_classes


@pytest.mark.parametrize(
    ("classes", "least", "most"), [(10, 7_783_050, 220_119_690), (100, 7_788_900, 220_125_540)]
)
def test_work_of_the_cifar_preset_is_the_published_one(classes: int, least: int, most: int) -> None:
    """NAS-Bench-201 states 7.78305 to 220.11969 million on CIFAR-10, 7.7889 to 220.12554 on CIFAR-100."""
    space = get_space("nas_bench_201", preset="cifar", num_classes=classes, in_channels=3)
    ends = [network(space, as_architecture(rows[0])) for rows in (smallest(space), largest(space))]
    assert [published_macs(nodes) for nodes in ends] == [least, most]


@pytest.mark.parametrize("end", [0, 1])
def test_parameters_of_the_cifar_preset_are_the_published_ones(end: int) -> None:
    """0.073306 to 1.531546 million; the benchmark has no batch norm after the projections to 32 and 64."""
    rows = (smallest(CIFAR), largest(CIFAR))[end]
    static = StaticNetwork(network(CIFAR, as_architecture(rows[0])))
    published = (73_306, 1_531_546)[end]
    assert sum(weight.numel() for weight in static.parameters()) == published + 2 * (32 + 64)


def test_cells_of_all_stages_are_alike() -> None:
    rows = random_architectures(CIFAR, 20, np.random.default_rng(0))
    for row in rows:
        kinds: dict[str, list[tuple[str, str]]] = {}
        for node in network(CIFAR, as_architecture(row)):
            if ".cell" in node.slot:
                prefix, edge = node.slot.rsplit(".", 1)
                kinds.setdefault(prefix, []).append((edge, node.spec.kind))
        assert len({tuple(found) for found in kinds.values()}) <= 1


def live(architecture: Architecture) -> dict[str, str]:
    """Return the operations of edges that matter, found by walking from both ends instead of recursion."""
    chosen = {edge: OPERATIONS[i] for edge, i in zip(EDGES, architecture, strict=True)}
    reaching, fed = {3}, {0}
    for start, end in sorted(EDGES, reverse=True):
        if chosen[start, end] != NONE and end in reaching:
            reaching.add(start)
    for (start, end), name in sorted(chosen.items(), key=lambda item: item[0][::-1]):
        if name in (POOL, CONV1, CONV3) or (name == SKIP and start in fed):
            fed.add(end)
    return {
        f"edge{start}{end}": name
        for (start, end), name in chosen.items()
        if name != NONE and end in reaching and not (name == SKIP and start not in fed)
    }


def test_all_15625_cells_have_the_edges_that_matter() -> None:
    slots = [slot for slot in TINY.slots if "stage2.cell1" in slot.name]
    kinds = {POOL: "average_pool", CONV1: "act_conv_norm", CONV3: "act_conv_norm"}
    for row in EVERY:
        values = option_values(TINY, as_architecture(row))
        expected = live(as_architecture(row))
        for slot in slots:
            found = slot.layer(*(values[name] for name in slot.depends_on))
            edge = slot.name.split(".")[-1]
            if edge not in expected:
                assert found is ABSENT
            elif expected[edge] == SKIP:
                assert found is PASS
            else:
                assert getattr(found, "kind", None) == kinds[expected[edge]]


def test_all_15625_cells_fall_into_as_many_rows_as_there_are_sets_of_edges_that_matter() -> None:
    rows = canonical(TINY, EVERY)
    forms: dict[tuple[tuple[str, str], ...], set[Architecture]] = {}
    for row, one in zip(EVERY, rows, strict=True):
        forms.setdefault(tuple(live(as_architecture(row)).items()), set()).add(as_architecture(one))
    assert {len(found) for found in forms.values()} == {1}
    assert len(np.unique(rows, axis=0)) == len(forms)


def test_an_edge_into_a_dead_end_is_absent() -> None:
    assert set(cell_nodes(cell(edge01=CONV3, edge02=CONV1, edge03=POOL))) == {"edge03"}


def test_an_operation_on_a_node_that_nothing_reaches_runs_on_zeros() -> None:
    nodes = cell_nodes(cell(edge13=CONV3))
    assert nodes["edge13"].inputs == ()


def test_passing_zeros_on_is_the_same_as_nothing() -> None:
    rows = canonical(TINY, np.array([cell(edge13=SKIP, edge03=CONV3), cell(edge03=CONV3)]))
    np.testing.assert_array_equal(rows[0], rows[1])


def test_inputs_of_skipped_edges_are_their_sources_and_count_each_time() -> None:
    nodes = network(TINY, cell(edge01=SKIP, edge13=SKIP, edge03=SKIP))
    after = next(node for node in nodes if node.slot == "stage2.reduce")
    assert after.inputs == ("stem", "stem")


def test_a_cell_without_edges_gives_zeros() -> None:
    nodes = network(TINY, cell())
    after = next(node for node in nodes if node.slot == "stage2.reduce")
    assert after.inputs == ()
    supernet = perturbed_supernet(TINY)
    statistics = settled(supernet, cell())
    logits = [supernet(random_images(TINY, cell(), seed=seed), cell(), statistics) for seed in (0, 1)]
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=0)


def published_cell(x: Tensor, operations: dict[str, str], convs: dict[str, nn.Module]) -> Tensor:
    """Return a cell's output as the paper defines it: every node is the sum over all edges into it."""
    nodes = [x]
    for end in (1, 2, 3):
        total = torch.zeros_like(x)
        for start in range(end):
            edge = f"edge{start}{end}"
            if operations[edge] == SKIP:
                total = total + nodes[start]
            elif operations[edge] == POOL:
                total = total + functional.avg_pool2d(nodes[start], 3, 1, 1, count_include_pad=False)
            elif operations[edge] != NONE and edge in convs:
                total = total + convs[edge](nodes[start])
        nodes.append(total)
    return nodes[3]


def run_as_published(static: StaticNetwork, architecture: Architecture, images: Tensor) -> Tensor:
    """Run the layers of a static network in the order of the paper, every edge of every cell included."""
    operations = {name: str(value) for name, value in option_values(TINY, architecture).items()}
    parts = {name.replace("/", "."): module for name, module in static.layers.items()}
    x = parts["stem"](parts["normalize"](images))
    for stage in (1, 2, 3):
        if stage > 1:
            x = parts[f"stage{stage}.reduce"](x)
        prefix = f"stage{stage}.cell1."
        convs = {name.removeprefix(prefix): part for name, part in parts.items() if name.startswith(prefix)}
        x = published_cell(x, operations, convs)
    logits: Tensor = parts["head"](parts["norm"](x))
    return logits


def test_networks_compute_what_the_paper_defines() -> None:
    supernet = perturbed_supernet(TINY)
    rows = canonical(TINY, np.random.default_rng(0).choice(EVERY, 40, replace=False))
    for row in rows:
        architecture = as_architecture(row)
        static = supernet.extract(architecture, settled(supernet, architecture))
        images = random_images(TINY, architecture, seed=3)
        with torch.no_grad():
            torch.testing.assert_close(
                static(images), run_as_published(static, architecture, images), rtol=0, atol=1e-5
            )


def test_nodes_take_the_image_only_once() -> None:
    assert [node.slot for node in network(TINY, cell(edge03=SKIP)) if IMAGE in node.inputs] == ["normalize"]


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match="tiny, cifar") as caught:
        nas_bench_201("imagenet")
    assert caught.value.code == "unknown_preset"

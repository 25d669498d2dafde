"""One verified network, as clients get it."""

import json
from typing import Any

from pydantic import BaseModel

from latency_predictors.memory import activation_bytes
from nas.jobs import JobKind
from nas.results import SearchResult, VerifiedNetwork
from nas.store.subnets import Subnet
from search_spaces.base import architecture_from_values
from search_spaces.catalogue import get_space
from search_spaces.network import Node
from search_spaces.network import network as layers_of
from search_spaces.stock_networks import STOCK_NETWORKS


class LayerResource(BaseModel):
    """One layer, as the hardware sees it.

    Attributes:
        slot: Where it stands, and
        inputs: whose outputs it takes, summed; `image` is the network's input.
        attributes: What decides its cost beside its shapes.
        activation_bytes: At the peak, while it runs in the target's precision, for one image.
    """

    slot: str
    kind: str
    inputs: tuple[str, ...]
    in_shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    attributes: dict[str, Any]
    num_macs: int
    num_params: int
    activation_bytes: int


class Lineage(BaseModel):
    """Where a network comes from.

    Attributes:
        search: That found it, and
        job: that verified this form of it: the same, or one that has trained it on.
        supernet: That it was taken from; null for a stock network.
        dataset_digest: Of the images.
        round: Of the search's verification; 0 where an earlier search on the supernet has verified it.
        finetune_epochs: That it was trained on, on its own.
    """

    search: str
    job: str
    supernet: str | None
    recipe: str
    dataset_digest: str
    seed: int
    round: int
    finetune_epochs: int
    versions: dict[str, str]


class SubnetResource(BaseModel):
    """A verified network: what it is, what it costs, how accurate it is, where it comes from.

    Attributes:
        target: Of the search, counted from 1: where it was measured.
        network: Its figures, each with interval and label, and its architecture.
        layers: In order of execution.
        links: Of what can be asked of it.
    """

    id: str
    name: str
    space: str
    preset: str
    target: int
    device: str
    context: str
    network: VerifiedNetwork
    layers: tuple[LayerResource, ...]
    lineage: Lineage
    links: dict[str, str]


def subnet_resource(found: Subnet, root: str) -> SubnetResource:
    """Return a network as clients get it."""
    result, network = found.result, found.network
    precision = found.target.target.context.precision
    return SubnetResource(
        id=found.id,
        name=network.name,
        space=result.spec.space.name,
        preset=result.spec.space.preset,
        target=found.number + 1,
        device=found.target.device_label,
        context=found.target.context_label,
        network=network,
        layers=tuple(_layer(node, precision) for node in _nodes(result, network)),
        lineage=_lineage(found),
        links=_links(found, root),
    )


def _lineage(found: Subnet) -> Lineage:
    result, network = found.result, found.network
    searched = network.origin == "search"
    return Lineage(
        search=found.search.id,
        job=found.job.id,
        supernet=result.supernet.key if searched else None,
        recipe=result.supernet.recipe if searched else "alone",
        dataset_digest=result.dataset_digest,
        seed=result.spec.seed,
        round=network.round,
        finetune_epochs=network.finetune_epochs,
        versions=result.versions,
    )


def _links(found: Subnet, root: str) -> dict[str, str]:
    here, search = f"{root}/v1/subnets/{found.id}", f"{root}/v1/searches/{found.search.id}"
    target = f"?target={found.number + 1}"
    links = {"self": f"{here}{target}", "search": search, "exports": f"{here}/exports{target}"}
    if found.network.origin == "search":
        links |= {
            "finetune": f"{here}/finetune{target}",
            "supernet": f"{root}/v1/supernets/{found.result.supernet.key}",
        }
    if found.job.kind is JobKind.SEARCH:
        links["file"] = f"{search}/networks/{found.network.name}/file{target}"
    return links


def _nodes(result: SearchResult, network: VerifiedNetwork) -> tuple[Node, ...]:
    classes, channels = len(result.class_names), int(result.dataset["num_channels"])
    if network.origin == "reference":
        return layers_of(STOCK_NETWORKS[network.stock](network.resolution, classes, channels), ())
    wanted = result.spec.space
    space = get_space(wanted.name, preset=wanted.preset, num_classes=classes, in_channels=channels)
    return layers_of(space, architecture_from_values(space, network.architecture))


def _layer(node: Node, precision: str) -> LayerResource:
    spec = node.spec
    written = json.loads(spec.signature())
    return LayerResource(
        slot=node.slot,
        kind=spec.kind,
        inputs=node.inputs,
        in_shape=spec.in_shape,
        out_shape=spec.out_shape,
        attributes={name: value for name, value in written.items() if name not in ("v", "kind", "in_shape")},
        num_macs=spec.macs,
        num_params=spec.num_params,
        activation_bytes=activation_bytes(spec, precision, zeros=not node.inputs),
    )

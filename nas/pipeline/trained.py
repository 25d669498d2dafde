"""Trainings that the store has, by what they were trained from.

A supernet, a stock network and a subnet that is trained on are kept alike.
"""

from dataclasses import dataclass
from typing import Final

from nas.pipeline.context import Reads, SearchContext
from nas.pipeline.damage import damage_of
from nas.pipeline.options import recipe_of
from nas.specs import SearchSpec
from nas.store.supernet_store import StoredSupernet, SupernetKey
from nas.task_events import TensorFiles
from nas.tasks import Network, StockNetwork, TunedSubnet
from nas.training_options import LEARNING_RATE
from nas.workplace import network_space
from search_spaces.base import Space, space_digest

ALIKE: Final = 2.0
"""Factor between the CPU-seconds of trainings that stand for each other."""


def training_key(ctx: SearchContext, network: Network) -> SupernetKey:
    """Return what tells the trainings of a search apart, whatever the number of their epochs."""
    space = network_space(network, ctx.space, ctx.dataset)
    match network:
        case TunedSubnet():
            return _key(ctx.spec, space, ctx.dataset.digest, f"from {network.supernet.tensors[:12]}")
        case StockNetwork():
            return _key(ctx.spec, space, ctx.dataset.digest, "alone")
    return supernet_key(ctx.spec, space, ctx.dataset.digest)


def supernet_key(spec: SearchSpec, space: Space, dataset_digest: str) -> SupernetKey:
    """Return what tells the supernets of a search apart likewise."""
    return _key(spec, space, dataset_digest)


def _key(spec: SearchSpec, space: Space, dataset_digest: str, *more: str) -> SupernetKey:
    words = [recipe_of(spec).name]
    if spec.supernet.flip:
        words.append("flip")
    # Not the usual one: supernets were kept before there was another.
    if spec.supernet.learning_rate != LEARNING_RATE:
        words.append(f"learning rate {spec.supernet.learning_rate!r}")
    return SupernetKey(space_digest(space), dataset_digest, ", ".join([*words, *more]), spec.seed)


@dataclass(frozen=True)
class Trained:
    """A network whose training is done.

    Attributes:
        id: In the store.
        seconds: Of all processes that trained it.
        cpu_seconds: Likewise.
    """

    id: str
    epochs: int
    weights: TensorFiles
    weight_hash: str
    num_params: int
    seconds: float
    cpu_seconds: float


def find_trained(ctx: Reads, key: SupernetKey, epochs: int | None) -> Trained | None:
    """Return the finished training of a key: of so many epochs, or of the most where no number is given.

    One whose weights are damaged does not count.
    """
    for stored in ctx.stores.supernets.find(ctx.tenant, key):
        if stored.weights and epochs in (None, stored.epochs) and damage_of(ctx, stored) is None:
            return as_trained(stored)
    return None


def find_alike(ctx: SearchContext, key: SupernetKey, cpu_seconds: float) -> Trained | None:
    """Return the finished training of a key that took about so many CPU-seconds, the nearest of several.

    How many epochs fit into CPU-seconds is found out with a stopwatch, never the same twice: what took half
    of them to double is as good as what would be trained now.
    """
    finished = [stored for stored in ctx.stores.supernets.find(ctx.tenant, key) if stored.weights]
    sound = [as_trained(stored) for stored in finished if damage_of(ctx, stored) is None]
    alike = [one for one in sound if cpu_seconds / ALIKE <= one.cpu_seconds <= cpu_seconds * ALIKE]
    return min(alike, key=lambda one: abs(one.cpu_seconds - cpu_seconds), default=None)


def started(ctx: Reads, key: SupernetKey) -> tuple[StoredSupernet, ...]:
    """Return the trainings of a key that were begun and not finished, the most epochs first."""
    return tuple(stored for stored in ctx.stores.supernets.find(ctx.tenant, key) if not stored.weights)


def as_trained(stored: StoredSupernet) -> Trained:
    """Return what the store has of a finished training."""
    summary = stored.summary
    return Trained(
        id=stored.id,
        epochs=stored.epochs,
        weights=TensorFiles(stored.weights, summary["manifest"]),
        weight_hash=summary["weight_hash"],
        num_params=summary["num_params"],
        seconds=summary["seconds"],
        cpu_seconds=summary["cpu_seconds"],
    )

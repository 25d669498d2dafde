"""Supernets that are kept, trained or in training: what a further search may go on from."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nas.report.numbers import duration
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import opened_stores
from nas.store.supernet_store import StoredSupernet


class SupernetLine(Document):
    """One supernet.

    Attributes:
        recipe: What it was trained with, and from.
        trained: Whether its training is over.
        num_params: 0 while it is trained.
        train_seconds: 0 while it is trained.
    """

    id: str
    space_digest: str
    dataset_digest: str
    recipe: str
    seed: int
    epochs: int
    trained: bool
    num_params: int
    train_seconds: float


class SupernetList(Document):
    """All supernets, and networks trained alone, newest first."""

    supernets: tuple[SupernetLine, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line each."""
        if not self.supernets:
            return Text("No supernets yet: a search trains one and keeps it for the next.")
        table = Table("supernet", "space", "data set", "recipe", "epochs", "seed", "state", box=None)
        for line in self.supernets:
            state = f"trained in {duration(line.train_seconds)}" if line.trained else "in training"
            digests = (line.space_digest[:12], line.dataset_digest[:12])
            table.add_row(line.id, *digests, line.recipe, str(line.epochs), str(line.seed), state)
        return table


def list_supernets(settings: Settings) -> SupernetList:
    """Return all supernets."""
    with opened_stores(settings) as stores:
        found = stores.supernets.list_all(settings.tenant)
    return SupernetList(supernets=tuple(supernet_line(one) for one in found))


def supernet_line(one: StoredSupernet) -> SupernetLine:
    """Return a supernet as it is told."""
    return SupernetLine(
        id=one.id,
        space_digest=one.key.space_digest,
        dataset_digest=one.key.dataset_digest,
        recipe=one.key.recipe,
        seed=one.key.seed,
        epochs=one.epochs,
        trained=bool(one.weights),
        num_params=int(one.summary.get("num_params", 0)),
        train_seconds=float(one.summary.get("seconds", 0.0)),
    )

"""Data sets under a name: registered, checked by a worker, ready or rejected with the reason."""

from pathlib import Path
from typing import Any

import yaml
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from api.searches import unbroken
from nas.results import Document
from nas.settings import Settings
from nas.specs import load_spec
from nas.store.dataset_store import StoredDataset
from nas.store.stores import opened_stores


class DatasetDetails(Document):
    """One data set.

    Attributes:
        state: `checking`, `ready` or `rejected`.
        spec: As a specification of a search names it.
        report: What was found, or why it was rejected.
    """

    id: str
    name: str
    state: str
    digest: str
    spec: dict[str, Any]
    report: dict[str, Any]

    def __rich__(self) -> RenderableType:
        """Say how it stands."""
        lines = [f"{self.name}: {self.state}", yaml.safe_dump({"dataset": self.spec}).strip()]
        if self.state == "checking":
            lines.append("a worker looks at it: hwnas worker")
        elif self.report:
            lines.append(yaml.safe_dump(self.report, sort_keys=False).strip())
        return unbroken(lines)


class DatasetList(Document):
    """All data sets, by name."""

    datasets: tuple[DatasetDetails, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line each."""
        if not self.datasets:
            return Text("No data sets registered. A search takes one from its specification without that.")
        table = Table("data set", "kind", "state", "digest", box=None)
        for one in self.datasets:
            table.add_row(one.name, str(one.spec.get("name", "?")), one.state, one.digest[:12])
        return table


def add_dataset(settings: Settings, name: str, path: Path) -> DatasetDetails:
    """Register the data set that the specification of a search names; a worker checks it.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml`, `invalid_spec` or `dataset_exists`.
    """
    spec = load_spec(path).dataset
    with opened_stores(settings) as stores:
        return _details(stores.datasets.add(settings.tenant, name, spec.model_dump(mode="json")))


def list_datasets(settings: Settings) -> DatasetList:
    """Return all data sets."""
    with opened_stores(settings) as stores:
        found = stores.datasets.list_all(settings.tenant)
    return DatasetList(datasets=tuple(_details(one) for one in found))


def show_dataset(settings: Settings, name: str) -> DatasetDetails:
    """Return one data set.

    Raises:
        UsageError: `unknown_dataset`.
    """
    with opened_stores(settings) as stores:
        return _details(stores.datasets.get(settings.tenant, name))


def _details(one: StoredDataset) -> DatasetDetails:
    return DatasetDetails(
        id=one.id,
        name=one.name,
        state=one.state,
        digest=one.digest,
        spec=dict(one.spec),
        report=dict(one.report),
    )

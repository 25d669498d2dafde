"""Data sets under a name: registered, checked by a worker, ready or rejected with the reason."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from api.searches import unbroken
from nas.data.spec import DatasetSpec, UploadedSpec, UploadRules
from nas.data.uploaded import content_of
from nas.results import Document
from nas.settings import Settings
from nas.spec_problems import problems_of
from nas.specs import load_spec
from nas.store.dataset_store import MAX_NAME, NAME, StoredDataset
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import UsageError

_PACKED: Final = (".zip", ".npz")


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


def parse_rules(given: Sequence[str]) -> UploadRules:
    """Return the rules by which packed images are read.

    Args:
        given: As typed, each `NAME=VALUE`.

    Raises:
        UsageError: `invalid_spec`, naming what is wrong.
    """
    pairs = [one.partition("=") for one in given]
    try:
        return UploadRules.model_validate({name.strip(): value for name, _, value in pairs})
    except ValidationError as error:
        raise UsageError("invalid_spec", f"such images cannot be read: {problems_of(error)}") from error


def check_packed(path: Path, given: Sequence[str]) -> bool:
    """Whether a file is named as packed images are.

    Raises:
        UsageError: `invalid_spec` where it is another file, and rules are given.
    """
    packed = path.suffix.lower() in _PACKED and path.is_file()
    if given and not packed and path.is_file():
        raise UsageError(
            "invalid_spec", f"--set is for a zip of an image folder or a .npz file: {path} says itself how"
        )
    return packed


def add_dataset(settings: Settings, name: str, path: Path, given: Sequence[str] = ()) -> DatasetDetails:
    """Register a data set; a worker checks it.

    Args:
        settings: Where it is kept.
        name: What specifications call it.
        path: A zip of an image folder or a `.npz` file, which is kept; or a specification of a search, whose
            data set is registered where it lies.
        given: Rules by which packed images are read, each `NAME=VALUE`.

    Raises:
        UsageError: `invalid_dataset_name`, `no_such_file`, `invalid_yaml`, `invalid_spec` or
            `dataset_exists`.
        DataError: What is wrong with the archive.
        ResourceError: `disk_full`.
    """
    if len(name) > MAX_NAME or not re.fullmatch(NAME, name):
        raise UsageError(
            "invalid_dataset_name",
            f"the name of a data set has 1 to {MAX_NAME} characters that are seen, none of them / or \\",
        )
    if not check_packed(path, given):
        spec = load_spec(path).dataset
        with opened_stores(settings) as stores:
            return _added(stores, settings, name, spec)
    rules = parse_rules(given)
    content = content_of(path, rules)
    with opened_stores(settings) as stores:
        told = {**rules.model_dump(), "file": stores.artifacts.put_file(path), "content": content}
        return _added(stores, settings, name, UploadedSpec.model_validate(told))


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


def _added(stores: Stores, settings: Settings, name: str, spec: DatasetSpec) -> DatasetDetails:
    return _details(stores.datasets.add(settings.tenant, name, spec.model_dump(mode="json")))


def _details(one: StoredDataset) -> DatasetDetails:
    return DatasetDetails(
        id=one.id,
        name=one.name,
        state=one.state,
        digest=one.digest,
        spec=dict(one.spec),
        report=dict(one.report),
    )

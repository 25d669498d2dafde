"""What a client asks of a service beside searches: devices, data sets, spaces, supernets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from api.connection import Connection, path_of
from api.pagination import MAX_LIMIT, Page
from api.routes.datasets import DatasetResource
from api.routes.devices import DeviceResource
from api.spaces import SpaceList, SpaceSummary
from api.supernets import SupernetLine
from search_spaces.errors import UsageError

Item = TypeVar("Item", bound=BaseModel)


class CatalogueClient:
    """The part of a client that is about what a service has; `api.client.Client` is whole.

    Args:
        line: To the service.
    """

    def __init__(self, line: Connection) -> None:
        self._line = line

    def devices(self) -> Iterator[DeviceResource]:
        """Yield the devices that are registered, by name, then the others of which something was measured."""
        return self._pages("/v1/devices", DeviceResource)

    def upload(self, name: str, file: str | Path, rules: Mapping[str, Any] | None = None) -> DatasetResource:
        """Upload images under a name; a worker checks them.

        Args:
            name: What specifications call it: `dataset: {name: stored, id: NAME}`.
            file: A zip of an image folder (one folder a class), or a `.npz` file. The same file under the
                same name is the same data set.
            rules: How it is read, as the specification of an image folder says it: `group_by`, `on_broken`,
                `channels` and the like.

        Returns:
            The data set, `checking`: ask for it again until it is `ready` or `rejected`.

        Raises:
            UsageError: `no_such_file`, `dataset_exists`, what is wrong with the archive or a rule.
        """
        path = Path(file)
        if not path.is_file():
            raise UsageError(
                "no_such_file", f"there is no file {path}: give a zip of an image folder or a .npz"
            )
        return self._line.upload("/v1/datasets", DatasetResource, path, {**(rules or {}), "name": name})

    def dataset(self, name: str) -> DatasetResource:
        """Return a data set by its name or its identifier.

        Raises:
            UsageError: `unknown_dataset`.
        """
        return self._line.get(path_of("datasets", name), DatasetResource)

    def datasets(self) -> Iterator[DatasetResource]:
        """Yield the registered data sets, by name."""
        return self._pages("/v1/datasets", DatasetResource)

    def spaces(self) -> tuple[SpaceSummary, ...]:
        """Return the families of networks that can be searched, with their presets."""
        return self._line.get("/v1/spaces", SpaceList).spaces

    def supernets(self) -> Iterator[SupernetLine]:
        """Yield the supernets, newest first."""
        return self._pages("/v1/supernets", SupernetLine)

    def _pages(self, path: str, item: type[Item], params: Mapping[str, Any] | None = None) -> Iterator[Item]:
        cursor = None
        while True:
            asked = {**(params or {}), "limit": MAX_LIMIT, **({"cursor": cursor} if cursor else {})}
            page = self._line.get(path, Page[item], asked)  # type: ignore[valid-type]
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

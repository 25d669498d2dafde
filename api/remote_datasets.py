"""What commands on data sets do with `--server`; see `remote`."""

from collections.abc import Sequence
from pathlib import Path

from api.datasets import DatasetDetails, DatasetList, check_packed, parse_rules
from api.remote import client_of
from api.routes.datasets import DatasetResource
from search_spaces.errors import UsageError


def datasets_add(server: str, name: str, source: Path, given: Sequence[str] | None = None) -> DatasetDetails:
    """Upload packed images to a service, which checks them.

    Raises:
        UsageError: `data_not_on_server` where it is no packed file; `invalid_spec`; `dataset_exists`; what is
            wrong with it.
    """
    if not check_packed(source, ()):
        raise UsageError(
            "data_not_on_server",
            f"the service does not read what {source} names: give a zip of an image folder or a .npz file",
        )
    with client_of(server) as client:
        return _details(client.upload(name, source, parse_rules(given or ()).model_dump(exclude_unset=True)))


def datasets_list(server: str) -> DatasetList:
    """Return the data sets of a service."""
    with client_of(server) as client:
        return DatasetList(datasets=tuple(_details(one) for one in client.datasets()))


def datasets_show(server: str, name: str) -> DatasetDetails:
    """Return one data set of a service.

    Raises:
        UsageError: `unknown_dataset`.
    """
    with client_of(server) as client:
        return _details(client.dataset(name))


def _details(one: DatasetResource) -> DatasetDetails:
    return DatasetDetails(
        id=one.id, name=one.name, state=one.state, digest=one.digest, spec=one.spec, report=one.report
    )

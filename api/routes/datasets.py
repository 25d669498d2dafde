"""Data sets that are registered with this server."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.resources.submissions import shown_dataset
from api.resources.times import rfc3339
from api.security import Reader
from api.state import Shared
from nas.store.dataset_store import StoredDataset

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


class DatasetResource(BaseModel):
    """A registered data set.

    Attributes:
        state: `checking`, `ready` or `rejected`.
        digest: Of its content, once it is ready.
        report: What was found, or why it was rejected.
    """

    id: str
    name: str
    state: str
    digest: str
    spec: dict[str, object]
    report: dict[str, object]
    created_at: str


class DatasetItems(BaseModel):
    """All data sets, by name."""

    items: tuple[DatasetResource, ...]


@router.get("")
def datasets(who: Reader, service: Shared) -> DatasetItems:
    """Return the registered data sets."""
    return DatasetItems(items=tuple(_resource(one) for one in service.stores.datasets.list_all(who.tenant)))


@router.get("/{dataset_id}")
def dataset(dataset_id: str, who: Reader, service: Shared) -> DatasetResource:
    """Return a data set by its name or its identifier."""
    return _resource(service.stores.datasets.get(who.tenant, dataset_id))


def _resource(one: StoredDataset) -> DatasetResource:
    return DatasetResource(
        id=one.id,
        name=one.name,
        state=one.state,
        digest=one.digest,
        spec=shown_dataset(one.spec),
        report=dict(one.report),
        created_at=rfc3339(one.created_at_ms),
    )

"""What may be submitted from outside: a search whose data set the server knows by name, never by path."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from nas.data.spec import DigitsSpec, ShapesSpec
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.specs import SearchSpec, Spec, parse_spec
from nas.store.dataset_store import StoredDataset
from nas.store.stores import Stores
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError


class StoredDatasetSpec(Spec):
    """A data set that was registered with this server.

    Attributes:
        id: Its name or its identifier.
    """

    name: Literal["stored"]
    id: Annotated[str, Field(min_length=1, max_length=200)]


class SubmittedSearch(SearchSpec):
    """A specification as clients send it.

    Attributes:
        dataset: Built in, or registered with this server: nobody from outside names a file of it.
    """

    dataset: Annotated[  # type: ignore[assignment]
        DigitsSpec | ShapesSpec | StoredDatasetSpec, Field(discriminator="name")
    ]


def search_request(stores: Stores, tenant: str, owner: str, sent: SubmittedSearch) -> JobRequest:
    """Return the job that a submitted search is.

    Raises:
        UsageError: `unknown_dataset`, `dataset_not_ready`, `unknown_space`, `unknown_preset` or
            `invalid_spec`.
    """
    spec, found = resolved(stores, tenant, sent)
    get_space(spec.space.name, preset=spec.space.preset, num_classes=10, in_channels=3)
    name = found.name if found else sent.dataset.name
    return JobRequest(JobKind.SEARCH, spec.model_dump(mode="json"), name, owner)


def resolved(stores: Stores, tenant: str, sent: SubmittedSearch) -> tuple[SearchSpec, StoredDataset | None]:
    """Return the specification with the data set that it names, and that data set where it is registered.

    Raises:
        UsageError: `unknown_dataset`, `dataset_not_ready` or `invalid_spec`.
    """
    document, found = sent.model_dump(mode="json"), None
    if isinstance(sent.dataset, StoredDatasetSpec):
        found = stores.datasets.get(tenant, sent.dataset.id)
        if found.state != "ready":
            raise UsageError(
                "dataset_not_ready",
                f"data set '{found.name}' is {found.state}: only one that is ready can be searched on",
            )
        document["dataset"] = dict(found.spec)
    return parse_spec(document), found


def shown_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification of a job without the places of files on the server."""
    dataset = spec.get("dataset")
    return {**spec, "dataset": shown_dataset(dataset)} if isinstance(dataset, dict) else dict(spec)


def shown_dataset(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification of a data set likewise."""
    return {name: value for name, value in spec.items() if name != "path"}

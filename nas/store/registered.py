"""Specifications that name a registered data set: `dataset: {name: stored, id: NAME}`."""

from collections.abc import Mapping
from typing import Any

from nas.store.dataset_store import StoredDataset
from nas.store.stores import Stores
from search_spaces.errors import UsageError


def names_registered(document: Mapping[str, Any]) -> bool:
    """Whether a specification names a registered data set."""
    dataset = document.get("dataset")
    return isinstance(dataset, Mapping) and dataset.get("name") == "stored"


def with_registered(
    stores: Stores, tenant: str, document: Mapping[str, Any]
) -> tuple[dict[str, Any], StoredDataset | None]:
    """Return a specification with the registered data set that it names in its place.

    Args:
        stores: Where it is registered.
        tenant: Whose it is.
        document: As it was written; not checked.

    Returns:
        The specification; and the data set, None where it names none that is registered.

    Raises:
        UsageError: `unknown_dataset`, `dataset_not_ready`, or `invalid_spec` where it names none.
    """
    if not names_registered(document):
        return dict(document), None
    dataset = document["dataset"]
    if set(dataset) != {"name", "id"} or not isinstance(dataset["id"], str):
        raise UsageError(
            "invalid_spec",
            "the specification is wrong: a registered data set is {name: stored, id: NAME}; how it is read "
            "was said where it was added: `hwnas datasets add NAME FILE --set group_by=...`",
        )
    found = stores.datasets.get(tenant, dataset["id"])
    if found.state != "ready":
        raise UsageError(
            "dataset_not_ready",
            f"data set '{found.name}' is {found.state}: only one that is ready can be searched on",
        )
    return {**document, "dataset": dict(found.spec)}, found

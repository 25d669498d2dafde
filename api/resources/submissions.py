"""What may be submitted from outside: a search whose data set the server knows by name, never by path."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from nas.data.spec import DigitsSpec, ShapesSpec
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.pipeline.sites import check_devices
from nas.specs import (
    BudgetSpec,
    ExportSpec,
    FinetuneSpec,
    SearchSpec,
    Spec,
    StockName,
    StrategySpec,
    TargetSpec,
    VerifySpec,
    parse_spec,
)
from nas.store.dataset_store import StoredDataset
from nas.store.registered import with_registered
from nas.store.stores import Stores
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError


class StoredDatasetSpec(Spec):
    """A data set that was registered with this server: how it is read was said where it was added.

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
        UsageError: `unknown_device`, `unknown_dataset`, `dataset_not_ready`, `unknown_space`,
            `unknown_preset` or `invalid_spec`.
    """
    spec, found = resolved(stores, tenant, sent)
    get_space(spec.space.name, preset=spec.space.preset, num_classes=10, in_channels=3)
    name = found.name if found else sent.dataset.name
    return JobRequest(JobKind.SEARCH, spec.model_dump(mode="json"), name, owner)


def resolved(stores: Stores, tenant: str, sent: SubmittedSearch) -> tuple[SearchSpec, StoredDataset | None]:
    """Return the specification with the data set that it names, and that data set where it is registered.

    Raises:
        UsageError: `unknown_device`, `unknown_dataset`, `dataset_not_ready` or `invalid_spec`.
    """
    check_devices(stores, tenant, sent.targets, sent.when_missing)
    document, found = with_registered(stores, tenant, sent.model_dump(mode="json"))
    return parse_spec(document), found


class ReusedSearch(Spec):
    """What may be asked of a supernet that is there: where, for what, how thoroughly.

    Attributes:
        targets: As in the specification of a search, like the others.
    """

    targets: Annotated[tuple[TargetSpec, ...], Field(min_length=1, max_length=32)] = (TargetSpec(),)
    search: StrategySpec = StrategySpec()
    verify: VerifySpec = VerifySpec()
    finetune: FinetuneSpec = FinetuneSpec()
    budget: BudgetSpec = BudgetSpec()
    export: ExportSpec = ExportSpec()
    references: tuple[StockName, ...] = ()


def reused_search(
    stores: Stores, tenant: str, owner: str, supernet_id: str, sent: ReusedSearch
) -> JobRequest:
    """Return the search of a supernet: its space, images, recipe, epochs and seed are those of its training.

    Raises:
        UsageError: `unknown_supernet`, `unknown_device` or `outdated_spec`; `not_a_supernet` for a network
            that was trained on its own.
    """
    supernet = stores.supernets.get(tenant, supernet_id)
    trainer = stores.jobs.get(tenant, supernet.trainer)
    words = supernet.key.recipe.split(", ")
    if trainer.kind is not JobKind.SEARCH or any(one == "alone" or one.startswith("from ") for one in words):
        raise UsageError(
            "not_a_supernet",
            f"{supernet_id} is one network that was trained on its own: there is nothing to search in it",
        )
    trained = stores.stored(trainer).spec()
    check_devices(stores, tenant, sent.targets, trained.when_missing)
    training = trained.supernet.model_copy(update={"epochs": supernet.epochs})
    changed = trained.model_copy(update={**dict(sent), "supernet": training})
    spec = parse_spec(changed.model_dump(mode="json"))
    return JobRequest(JobKind.SEARCH, spec.model_dump(mode="json"), trainer.name, owner)


def shown_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification of a job without the places of files on the server."""
    dataset = spec.get("dataset")
    return {**spec, "dataset": shown_dataset(dataset)} if isinstance(dataset, dict) else dict(spec)


def shown_dataset(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification of a data set likewise."""
    return {name: value for name, value in spec.items() if name != "path"}

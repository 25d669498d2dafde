"""The supernet of a search: trained for it, or taken from another."""

import pytest

from nas.jobs import Waiting
from nas.pipeline import train
from nas.pipeline.context import Done, PhaseContext
from nas.pipeline.train import TrainDocument, trained_supernet
from nas.pipeline.trained import training_key
from nas.store.supernet_store import StoredSupernet
from nas.tasks import TrainNetwork, WholeSpace
from nas.training.weights import load_supernet, read_manifest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home


def no_training(ctx: PhaseContext) -> int:
    raise AssertionError("nothing is to be trained")


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": [{"limits": {"latency_ms": 1.0}}]},
        {"targets": [{}, {}]},
        {"search": {"strategy": "random"}},
        {"verify": {"candidates": 9}},
        {"export": {"points": 9}},
        {"references": []},
        {"budget": {"wall_minutes": 3}},
        {"supernet": {}, "budget": {"wall_minutes": 0.001}},
        {"supernet": {"epochs": 2, "learning_rate": 0.1}},
    ],
)
def test_another_limit_target_or_budget_takes_the_same_supernet(
    changes: dict[str, object], finished: FinishedSearch
) -> None:
    found = trained_supernet(finished.home.unsubmitted(**changes))
    assert found is not None
    assert found.id == finished.result.supernet.key


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"supernet": {"recipe": "sandwich"}},
        {"supernet": {"flip": True}},
        {"supernet": {"epochs": 2, "learning_rate": 0.05}},
        {"supernet": {"epochs": 3}},
        {"supernet": {}, "budget": {"wall_minutes": 600}},
    ],
)
def test_another_seed_recipe_rate_or_image_treatment_is_another_supernet(
    changes: dict[str, object], finished: FinishedSearch
) -> None:
    assert trained_supernet(finished.home.unsubmitted(**changes)) is None


def test_a_second_search_trains_nothing_and_says_so(copied: Home, finished: FinishedSearch) -> None:
    ctx = copied.context(
        targets=[{"limits": {"latency_ms": 5.0}}], supernet={}, budget={"wall_minutes": 0.001}
    )
    assert train.run(ctx, no_training) == Done()
    document = ctx.run.load("train", TrainDocument)
    first = finished.run.load("train", TrainDocument)
    assert document.summary.reused
    assert not first.summary.reused
    assert document.model_copy(update={"summary": first.summary}) == first
    assert document.summary.key == first.id == finished.result.supernet.key
    assert copied.compute.tasks == []


def test_training_tells_its_epochs_and_leaves_verified_weights(finished: FinishedSearch) -> None:
    told = [step[1:3] for step in finished.progress.steps if step[0] == "train" and step[3]]
    assert told == [(0.5, 1), (1.0, 1)]
    document = finished.run.load("train", TrainDocument)
    path = finished.home.placed(document.weights)
    assert read_manifest(path)["weight_hash"] == document.weight_hash
    supernet = load_supernet(path, finished.context().space)
    assert document.summary.num_params == sum(parameter.numel() for parameter in supernet.parameters())
    assert document.summary.epochs == 2
    assert document.cpu_seconds > 0


def test_the_plan_is_asked_only_where_something_is_trained(home: Home) -> None:
    ctx = home.context(supernet={}, budget={"wall_minutes": 0.001})
    asked: list[str] = []

    def one_epoch(own: PhaseContext) -> int:
        asked.append(own.run.id)
        return 1

    assert train.run(ctx, one_epoch) == Done()
    assert ctx.run.load("train", TrainDocument).summary.epochs == 1
    assert train.run(ctx, one_epoch) == Done()
    assert asked == [ctx.run.id]


def begun_by_another(home: Home, epochs: int) -> StoredSupernet:
    """A supernet that the running attempt of another search trains."""
    other = home.context(supernet={"epochs": epochs})
    return home.stores.supernets.begin(other.run.lease, training_key(other, WholeSpace()), epochs)


def test_a_search_waits_for_the_supernet_that_another_trains(home: Home) -> None:
    begun = begun_by_another(home, 3)
    ctx = home.context(supernet={"epochs": 3})
    assert train.run(ctx, lambda own: 3) == Waiting(begun.id)
    assert not ctx.run.has("train")
    assert home.compute.of(TrainNetwork) == []


def test_a_search_that_names_no_epochs_waits_for_half_as_many_of_another(home: Home) -> None:
    begun = begun_by_another(home, 3)
    assert train.run(home.context(supernet={}), lambda own: 6) == Waiting(begun.id)
    assert len(home.stores.supernets.list_all("local")) == 1


def test_a_search_that_names_its_epochs_waits_for_no_others(home: Home) -> None:
    begun_by_another(home, 3)
    ctx = home.context(supernet={"epochs": 1})
    assert train.run(ctx, lambda own: 1) == Done()
    assert ctx.run.load("train", TrainDocument).summary.epochs == 1

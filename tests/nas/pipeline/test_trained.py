"""Trainings are found by what makes them, whoever has trained them and for how long."""

from dataclasses import replace

from nas.pipeline.context import PhaseContext
from nas.pipeline.train import TrainDocument
from nas.pipeline.trained import find_alike, find_trained, started, training_key
from nas.store.supernet_store import SupernetKey
from nas.task_events import TensorFiles
from nas.tasks import Network, StockNetwork, TunedSubnet, WholeSpace
from search_spaces.sampling import as_architecture, largest, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home

WHOLE = WholeSpace()


def keys(ctx: PhaseContext, *networks: Network) -> set[str]:
    return {repr(training_key(ctx, network)) for network in networks}


def test_trainings_are_told_apart_by_what_they_start_from(finished: FinishedSearch) -> None:
    ctx, weights = finished.context(), finished.run.load("train", TrainDocument).weights
    one, other = (as_architecture(ends(ctx.space)[0]) for ends in (smallest, largest))
    elsewhere = TensorFiles("e" * 64, "f" * 64)
    networks = (
        WHOLE,
        StockNetwork("resnet"),
        StockNetwork("shufflenet_v2"),
        TunedSubnet(one, weights),
        TunedSubnet(other, weights),
        TunedSubnet(one, elsewhere),
    )
    assert len(keys(ctx, *networks)) == len(networks)


def test_a_key_names_the_learning_rate_where_it_is_not_the_usual_one(home: Home) -> None:
    """What was kept before there was another one is found by the same key."""

    def words(network: Network, **supernet: object) -> str:
        ctx = home.unsubmitted(supernet={"recipe": "uniform", **supernet})
        return training_key(ctx, network).recipe

    assert words(WHOLE) == words(WHOLE, learning_rate=0.1) == "uniform"
    assert words(WHOLE, learning_rate=0.05) == "uniform, learning rate 0.05"
    assert words(WHOLE, flip=True, learning_rate=1e-5) == "uniform, flip, learning rate 1e-05"
    assert words(StockNetwork("resnet"), learning_rate=0.05) == "uniform, learning rate 0.05, alone"


def finish(ctx: PhaseContext, key: SupernetKey, epochs: int, cpu_seconds: float) -> None:
    """As if a network had been trained."""
    row = ctx.stores.supernets.begin(ctx.run.lease, key, epochs)
    weights, manifest = (ctx.stores.artifacts.put(f"{part} {epochs}".encode()) for part in ("weights", "of"))
    told = {"manifest": manifest, "weight_hash": "h", "num_params": 1, "seconds": 1.0}
    ctx.stores.supernets.finish(ctx.run.lease, row.id, weights, {**told, "cpu_seconds": cpu_seconds})


def test_of_several_finished_ones_that_with_most_epochs_is_taken(home: Home) -> None:
    ctx, store = home.context(), home.stores.supernets
    key = training_key(ctx, WHOLE)
    assert find_trained(ctx, key, None) is None
    for epochs in (9, 10, 2):
        finish(ctx, key, epochs, cpu_seconds=1.0)
    store.begin(ctx.run.lease, key, 50)
    found = find_trained(ctx, key, None)
    assert found is not None
    assert found.epochs == 10
    exactly = find_trained(ctx, key, 9)
    assert exactly is not None
    assert exactly.epochs == 9
    assert find_trained(ctx, key, 3) is None
    assert [one.epochs for one in started(ctx, key)] == [50]


def test_a_training_of_about_as_many_cpu_seconds_is_as_good(home: Home) -> None:
    ctx, store = home.context(), home.stores.supernets
    key = training_key(ctx, StockNetwork("resnet"))
    for epochs in (2, 9, 10):
        finish(ctx, key, epochs, cpu_seconds=10.0 * epochs)
    store.begin(ctx.run.lease, key, 11)
    found = [find_alike(ctx, key, cpu_seconds) for cpu_seconds in (9.0, 10.0, 91.0, 200.0, 201.0, 0.0)]
    assert [one.epochs if one else None for one in found] == [None, 2, 9, 10, None, None]


def test_nobody_sees_the_supernets_of_another_tenant(finished: FinishedSearch) -> None:
    ctx = replace(finished.home.unsubmitted(), tenant="somebody else")
    assert find_trained(ctx, training_key(ctx, WHOLE), None) is None

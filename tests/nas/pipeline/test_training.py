"""Trainings are kept by what makes them, found again, and gone on with after any kill."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

import pytest

from nas.jobs import Cancelled, Released, Waiting
from nas.leases import LeaseLost
from nas.pipeline.context import PhaseContext
from nas.pipeline.train import TrainDocument
from nas.pipeline.training import (
    Place,
    Trained,
    find_alike,
    find_trained,
    started,
    train_to_end,
    training_key,
)
from nas.ports import Compute
from nas.store.supernet_store import StoredCheckpoint, SupernetKey
from nas.task_events import Event, TensorFiles
from nas.tasks import Network, StockNetwork, Task, TrainNetwork, TunedSubnet, WholeSpace
from search_spaces.sampling import as_architecture, largest, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home, KilledError, Killer, Recorder

WHOLE = WholeSpace()
EPOCHS = 4
PLACE = Place("references", 1, 4, "training resnet")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A training that nobody killed."""
    home = Home(tmp_path_factory.mktemp("undisturbed") / "home")
    yield train(home.context(), WHOLE, EPOCHS, Place("train"))
    home.remove()


def train(ctx: PhaseContext, network: Network, epochs: int, place: Place) -> Trained:
    """Train a network that nobody else trains."""
    trained = train_to_end(ctx, network, epochs, place)
    assert isinstance(trained, Trained)
    return trained


def kill_after(ctx: PhaseContext, epochs: int) -> None:
    """Train until so many epochs are done."""
    killer = Killer(at=lambda phase, done, note: done == epochs / EPOCHS)
    with pytest.raises(KilledError):
        train_to_end(replace(ctx, progress=killer), WHOLE, EPOCHS, Place("train"))


def checkpoints(ctx: PhaseContext) -> tuple[StoredCheckpoint, ...]:
    """Of the training that was killed, newest first."""
    (supernet,) = ctx.stores.supernets.find(ctx.tenant, training_key(ctx, WHOLE))
    return ctx.stores.supernets.checkpoints(ctx.tenant, supernet.id)


def said(ctx: PhaseContext) -> list[str]:
    assert isinstance(ctx.progress, Recorder)
    return ctx.progress.said


def test_each_epoch_is_told_at_its_place_of_the_phase(home: Home) -> None:
    ctx = home.context()
    trained = train(ctx, StockNetwork("resnet"), 2, PLACE)
    assert isinstance(ctx.progress, Recorder)
    assert ctx.progress.steps == [
        ("references", 1.5, 4, "training resnet"),
        ("references", 2.0, 4, "training resnet"),
    ]
    assert [kind for kind, _ in ctx.progress.drawn] == ["epoch", "epoch"]
    drawn = [{name: value for name, value in one.items() if name != "loss"} for _, one in ctx.progress.drawn]
    assert drawn == [{"phase": "references", "network": 2, "epoch": n, "epochs": 2} for n in (1, 2)]
    assert all(0.0 < one["loss"] < 10.0 for _, one in ctx.progress.drawn)
    assert (trained.epochs, trained.seconds > 0, trained.cpu_seconds > 0) == (2, True, True)


def test_a_long_epoch_is_told_of_before_it_ends(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.training.trainer.SILENCE_S", 0.0)
    killer = Killer(at=lambda phase, done, note: 0.0 < done < 1 / EPOCHS)
    ctx = replace(home.context(), progress=killer)
    with pytest.raises(KilledError):
        train_to_end(ctx, WHOLE, EPOCHS, Place("train"))


def test_as_many_workers_train_as_the_settings_say(home: Home) -> None:
    ctx = home.context()
    shared = replace(ctx, settings=ctx.settings.model_copy(update={"training_workers": 3}))
    train(ctx, StockNetwork("resnet"), 1, PLACE)
    train(shared, WHOLE, 1, PLACE)
    assert [task.num_workers for task in home.compute.of(TrainNetwork)] == [1, 3]


@dataclass
class Watched:
    """Notes which runs were heard to their end."""

    compute: Compute
    heard: list[bool] = field(default_factory=list)

    def run(self, task: Task) -> Generator[Event, None, None]:
        """Run a task."""
        self.heard.append(False)
        with closing(self.compute.run(task)) as events:
            yield from events
        self.heard[-1] = True


def test_a_training_is_heard_to_its_end_and_not_cancelled_as_it_ends(home: Home) -> None:
    watched = Watched(home.compute)
    train(replace(home.context(), compute=watched), StockNetwork("resnet"), 1, PLACE)
    assert watched.heard == [True]


def test_a_finished_training_is_found_and_not_done_again(home: Home) -> None:
    ctx = home.context()
    first = train(ctx, WHOLE, 1, Place("train"))
    again = train(home.context(), WHOLE, 1, Place("train"))
    assert again == first == find_trained(ctx, training_key(ctx, WHOLE), 1)
    assert len(home.compute.of(TrainNetwork)) == 1


def test_a_finished_training_has_no_checkpoints_any_more(home: Home) -> None:
    ctx = home.context()
    trained = train(ctx, WHOLE, 3, Place("train"))
    assert checkpoints(ctx) == ()
    kept = {path.name for path in (home.settings.home / "artifacts").glob("??/*") if "." not in path.name}
    assert kept == {trained.weights.tensors, trained.weights.manifest}


def test_two_generations_of_checkpoints_are_kept_while_it_trains(home: Home) -> None:
    ctx = home.context()
    kill_after(ctx, 3)
    newest, before = checkpoints(ctx)
    assert (newest.epoch, before.epoch) == (3, 2)
    kept = {path.name for path in (home.settings.home / "artifacts").glob("??/*") if "." not in path.name}
    assert kept == {*newest.artifacts.values(), *before.artifacts.values()}


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_killed_training_goes_on_to_the_same_weights(epochs: int, home: Home, undisturbed: Trained) -> None:
    ctx = home.context()
    kill_after(ctx, epochs)
    assert find_trained(ctx, training_key(ctx, WHOLE), None) is None
    assert [one.epochs for one in started(ctx, training_key(ctx, WHOLE))] == [EPOCHS]
    trained = train(ctx, WHOLE, EPOCHS, Place("train"))
    assert said(ctx) == [f"training goes on after epoch {epochs} of 4"]
    assert trained.weight_hash == undisturbed.weight_hash
    # All of it, not only what the last process did.
    assert trained.cpu_seconds > 0
    assert trained.seconds > 0


def test_another_job_goes_on_where_the_first_was_killed(home: Home, undisturbed: Trained) -> None:
    first = home.context()
    kill_after(first, 2)
    second = home.context(references=[])
    (supernet,) = home.stores.supernets.list_all(second.tenant)
    # As far as anybody knows the first one is still at it.
    assert train_to_end(second, WHOLE, EPOCHS, Place("train")) == Waiting(supernet.id)
    home.stores.queue.settle(first.run.lease, Cancelled())
    trained = train(second, WHOLE, EPOCHS, Place("train"))
    waits = f"job {first.run.id} trains the same network: waiting for it"
    assert said(second) == [waits, "training goes on after epoch 2 of 4"]
    assert trained.weight_hash == undisturbed.weight_hash
    assert len(home.compute.of(TrainNetwork)) == 2


@pytest.mark.parametrize("name", ["tensors", "manifest"])
def test_where_the_newest_checkpoint_is_damaged_the_one_before_is_used_and_that_is_said(
    name: str, home: Home, undisturbed: Trained
) -> None:
    ctx = home.context()
    kill_after(ctx, 3)
    home.damage(checkpoints(ctx)[0].artifacts[name])
    trained = train(ctx, WHOLE, EPOCHS, Place("train"))
    damaged, resumed = said(ctx)
    assert "checkpoint-00000003.safetensors is damaged" in damaged
    assert "the one before it is used" in damaged
    assert resumed == "training goes on after epoch 2 of 4"
    assert trained.weight_hash == undisturbed.weight_hash


def test_where_no_checkpoint_is_sound_it_starts_again(home: Home, undisturbed: Trained) -> None:
    ctx = home.context()
    kill_after(ctx, 2)
    newest, before = checkpoints(ctx)
    home.damage(newest.artifacts["tensors"])
    home.stores.artifacts.remove(before.artifacts["tensors"])
    trained = train(ctx, WHOLE, EPOCHS, Place("train"))
    assert len(said(ctx)) == 2
    assert all("is damaged" in words for words in said(ctx))
    assert trained.weight_hash == undisturbed.weight_hash


def test_whoever_has_lost_the_job_removes_nothing(home: Home) -> None:
    ctx = home.context()

    def lose(phase: str, done: float, note: str) -> bool:
        if done == 2 / EPOCHS:
            home.stores.queue.settle(ctx.run.lease, Released())
        return False

    with pytest.raises(LeaseLost):
        train_to_end(replace(ctx, progress=Killer(at=lose)), WHOLE, EPOCHS, Place("train"))
    newest, before = checkpoints(ctx)
    assert (newest.epoch, before.epoch) == (2, 1)
    for checkpoint in (newest, before):
        assert all(home.stores.artifacts.get(digest) for digest in checkpoint.artifacts.values())


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

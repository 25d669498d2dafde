"""Trainings are kept by what makes them, found again, and gone on with after any kill."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from nas.jobs import Cancelled, Released, Waiting
from nas.leases import LeaseLost
from nas.pipeline.context import PhaseContext
from nas.pipeline.trained import Trained, find_trained, started, training_key
from nas.pipeline.training import Asked, Place, train_all, train_to_end
from nas.ports import Compute
from nas.side_by_side import run_all
from nas.specs import StockName
from nas.store.supernet_store import StoredCheckpoint
from nas.task_events import Event
from nas.tasks import Network, StockNetwork, Task, TrainNetwork, WholeSpace
from search_spaces.errors import TrainingError
from tests.nas.pipeline.small_search import Home, KilledError, Killer, Recorder, RecordingCompute

WHOLE = WholeSpace()
EPOCHS = 4
PLACE = Place("references", 1, 4, "training resnet")
STOCK: tuple[StockName, ...] = ("resnet", "shufflenet_v2", "mobilenet_v2")


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


@pytest.mark.parametrize("network", [WHOLE, StockNetwork("resnet")])
def test_what_diverged_goes_through_with_a_lower_rate_and_with_no_other(network: Network, home: Home) -> None:
    for _ in range(2):
        ctx = home.context(supernet={"learning_rate": 1e38})
        with pytest.raises(TrainingError) as caught:
            train_to_end(ctx, network, 2, PLACE)
        assert caught.value.code == "loss_not_finite"
        assert "lower `supernet: {learning_rate: ...}`" in caught.value.message
        assert "1e+38" in caught.value.message
        home.stores.queue.settle(ctx.run.lease, Cancelled())
    trained = train(home.context(supernet={"learning_rate": 0.05}), network, 2, PLACE)
    assert trained.epochs == 2
    assert [task.options.learning_rate for task in home.compute.of(TrainNetwork)] == [1e38, 1e38, 0.05]


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
    at_once: int = 1

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
    assert "checkpoint-00000003.safetensors is damaged: artifact_damaged, artifact" in damaged
    assert resumed == "training goes on after epoch 2 of 4"
    assert trained.weight_hash == undisturbed.weight_hash


def test_where_no_checkpoint_is_sound_it_starts_again(home: Home, undisturbed: Trained) -> None:
    ctx = home.context()
    kill_after(ctx, 2)
    newest, before = checkpoints(ctx)
    home.damage(newest.artifacts["tensors"])
    home.stores.artifacts.remove(before.artifacts["tensors"])
    trained = train(ctx, WHOLE, EPOCHS, Place("train"))
    newest_told, before_told, begins = said(ctx)
    assert "checkpoint-00000002.safetensors is damaged: artifact_damaged, artifact" in newest_told
    assert "checkpoint-00000001.safetensors is damaged: artifact_missing, artifact" in before_told
    assert begins == "training starts again: none of its checkpoints is sound"
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


class Wide(RecordingCompute):
    """Has room for two tasks."""

    at_once = 2


def test_side_by_side_networks_become_what_they_become_alone(home: Home, tmp_path: Path) -> None:
    asked = [
        Asked(StockNetwork(name), 2, Place("references", number, 3, f"training {name}"))
        for number, name in enumerate(STOCK)
    ]
    other = Home(tmp_path / "other")
    try:
        train(other.context(), StockNetwork(STOCK[0]), 2, PLACE)
        wide = replace(other.context(), compute=Wide(other.compute))
        found, alone = train_all(wide, asked), train_all(home.context(), asked)
    finally:
        other.remove()
    assert isinstance(found, list)
    assert isinstance(alone, list)
    assert [one.weight_hash for one in found] == [one.weight_hash for one in alone]
    assert isinstance(wide.progress, Recorder)
    done = [done for _, done, _, _ in wide.progress.steps]
    assert done == [1.5, 2.0, 2.5, 3.0]  # the first was trained before
    assert {note for *_, note in wide.progress.steps} <= {
        "training shufflenet_v2",
        "training mobilenet_v2",
        "training shufflenet_v2, training mobilenet_v2",
        "training mobilenet_v2, training shufflenet_v2",
    }
    assert sorted(one["network"] for _, one in wide.progress.drawn) == [2, 2, 3, 3]


def test_what_is_asked_for_twice_is_trained_once(home: Home) -> None:
    wide = Wide(home.compute)
    twice = [Asked(StockNetwork("resnet"), 1, Place("references", number, 2)) for number in (0, 1)]
    found = train_all(replace(home.context(), compute=wide), twice)
    assert isinstance(found, list)
    assert found[0] == found[1]
    assert len(wide.of(TrainNetwork)) == 1


def test_trainings_that_are_killed_side_by_side_go_on_to_the_same_weights(home: Home, tmp_path: Path) -> None:
    asked = [
        Asked(StockNetwork(name), EPOCHS, Place("references", number, 2, f"training {name}"))
        for number, name in enumerate(STOCK[:2])
    ]
    # Three of eight epochs: a checkpoint is there, and neither is done.
    killer = Killer(at=lambda phase, done, note: done >= 3 / EPOCHS)
    ctx, other = home.context(), Home(tmp_path / "other")
    wide = replace(ctx, compute=Wide(home.compute))
    with pytest.raises(KilledError):
        train_all(replace(wide, progress=killer), asked)
    again = train_all(wide, asked)
    alone = train_all(other.context(), asked)
    other.remove()
    assert isinstance(again, list)
    assert isinstance(alone, list)
    assert [one.weight_hash for one in again] == [one.weight_hash for one in alone]
    assert isinstance(wide.progress, Recorder)
    assert [line for line in wide.progress.said if "goes on after epoch" in line]
    # What was done counts from the beginning.
    assert min(done for _, done, _, _ in wide.progress.steps) > 3 / EPOCHS


def test_whoever_waits_for_each_others_networks_trains_its_own_first(home: Home) -> None:
    names = STOCK[:2]
    first, second = home.context(), home.context()
    begun = [
        ctx.stores.supernets.begin(ctx.run.lease, training_key(ctx, StockNetwork(name)), 1)
        for ctx, name in zip((first, second), names, strict=True)
    ]
    asked = [Asked(StockNetwork(name), 1, Place("references", n, 2)) for n, name in enumerate(names)]
    assert train_all(first, asked) == Waiting(begun[1].id)
    assert said(first) == [f"job {second.run.id} trains the same network: waiting for it"]
    done = train_all(second, asked)
    assert isinstance(done, list)
    assert train_all(first, asked) == done
    assert len(home.compute.of(TrainNetwork)) == 2


@pytest.mark.parametrize(("workers", "room"), [(1, 2), (2, 1)])
def test_trainings_of_several_workers_take_the_room_of_several(
    workers: int, room: int, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = []

    def noted(compute: Compute, tasks: list[Task], at_once: int) -> Iterator[tuple[int, Event]]:
        asked_for.append(at_once)
        return run_all(compute, tasks, at_once)

    monkeypatch.setattr("nas.pipeline.training.run_all", noted)
    ctx = replace(home.context(), compute=Wide(home.compute))
    settings = ctx.settings.model_copy(update={"training_workers": workers})
    train(replace(ctx, settings=settings), StockNetwork("resnet"), 1, PLACE)
    assert asked_for == [room]

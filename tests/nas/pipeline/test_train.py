"""Supernets are kept by what makes them, found again, and gone on with."""

from pathlib import Path

import pytest
import torch

from nas.pipeline import train
from nas.pipeline.context import PhaseContext
from nas.pipeline.train import (
    TrainDocument,
    family_of,
    find_started,
    find_trained,
    load_trained,
    supernet_key,
)
from nas.training.weights import read_manifest
from search_spaces.catalogue import get_space
from search_spaces.errors import ArtifactError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Recorder, context, small_spec

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)


def key(**changes: object) -> str:
    return supernet_key(small_spec(**changes), SPACE, "data")


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
        {"supernet": {"epochs": 99}},
    ],
)
def test_another_limit_target_or_budget_takes_the_same_supernet(changes: dict[str, object]) -> None:
    assert key(**changes) == key()


def test_another_seed_recipe_or_image_treatment_is_another_supernet() -> None:
    other_space = get_space("nas_bench_201", preset="tiny", num_classes=5, in_channels=3)
    keys = [
        key(),
        key(seed=1),
        key(supernet={"recipe": "sandwich"}),
        key(supernet={"flip": True}),
        supernet_key(small_spec(), SPACE, "other data"),
        supernet_key(small_spec(), other_space, "data"),
    ]
    assert len(set(keys)) == len(keys)


def summary(folder: Path, epochs: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    finished = train.FinishedTraining(
        epochs=epochs, seconds=1.0, cpu_seconds=1.0, weights="supernet.safetensors", weight_hash="h"
    )
    (folder / "training.json").write_text(finished.model_dump_json())


def test_the_finished_supernet_with_most_epochs_is_taken(tmp_path: Path) -> None:
    ctx = context(tmp_path, supernet={})
    assert find_trained(ctx) is None
    for epochs in (9, 10, 2):
        summary(family_of(ctx) / f"epochs-{epochs}", epochs)
    found = find_trained(ctx)
    assert found is not None
    assert found[1].epochs == 10
    exactly = find_trained(context(tmp_path, supernet={"epochs": 9}))
    assert exactly is not None
    assert exactly[0].name == "epochs-9"
    assert find_trained(context(tmp_path, supernet={"epochs": 3})) is None


def test_only_what_has_begun_and_not_ended_is_started(tmp_path: Path) -> None:
    ctx = context(tmp_path, supernet={})
    assert find_started(ctx) is None
    summary(family_of(ctx) / "epochs-50", 50)
    (family_of(ctx) / "epochs-40").mkdir()
    assert find_started(ctx) is None
    for epochs in (5, 30):
        (family_of(ctx) / f"epochs-{epochs}").mkdir()
        (family_of(ctx) / f"epochs-{epochs}" / "checkpoint-00000001.json").write_text("{}")
    assert find_started(ctx) == 30
    assert find_started(context(tmp_path, supernet={"epochs": 5})) == 5
    assert find_started(context(tmp_path, supernet={"epochs": 6})) is None


@pytest.mark.parametrize("content", ["", "{", "{}", '{"epochs": "many"}'])
def test_a_damaged_summary_is_named(content: str, tmp_path: Path) -> None:
    ctx = context(tmp_path)
    summary(family_of(ctx) / "epochs-2", 2)
    (family_of(ctx) / "epochs-2" / "training.json").write_text(content)
    with pytest.raises(ArtifactError) as caught:
        find_trained(ctx)
    assert caught.value.code == "damaged_file"
    assert "training.json" in caught.value.message


def no_training(ctx: PhaseContext) -> int:
    raise AssertionError("nothing is to be trained")


def test_a_second_search_trains_nothing_and_says_so(finished: FinishedSearch) -> None:
    ctx = context(finished.home, targets=[{"limits": {"latency_ms": 5.0}}], supernet={})
    assert ctx.run.id != finished.run.id
    train.run(ctx, no_training)
    document = ctx.run.load("train", TrainDocument)
    first = finished.run.load("train", TrainDocument)
    assert document.summary.reused
    assert not first.summary.reused
    assert (document.weights, document.cpu_seconds) == (first.weights, first.cpu_seconds)
    assert document.summary.key == finished.result.supernet.key


def test_training_tells_its_epochs_and_leaves_verified_weights(finished: FinishedSearch) -> None:
    told = [step[1:3] for step in finished.progress.steps if step[0] == "train" and step[3]]
    assert told == [(1, 2), (2, 2)]
    document = finished.run.load("train", TrainDocument)
    manifest = read_manifest(document.weights)
    found = find_trained(finished.context())
    assert found is not None
    assert found[1].weight_hash == manifest["weight_hash"]
    supernet = load_trained(finished.context())
    assert document.summary.num_params == sum(parameter.numel() for parameter in supernet.parameters())
    assert document.cpu_seconds > 0


def test_an_interrupted_training_goes_on_and_counts_its_time_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: FinishedSearch
) -> None:
    ctx = context(tmp_path, supernet={"epochs": 2})

    class KilledError(Exception):
        pass

    def stop(phase: str, done: float, total: float, note: str = "") -> None:
        raise KilledError

    progress = ctx.progress
    assert isinstance(progress, Recorder)
    with monkeypatch.context() as patch:
        patch.setattr(progress, "step", stop)
        with pytest.raises(KilledError):
            train.run(ctx, lambda ctx: 2)
    assert find_trained(ctx) is None
    assert find_started(ctx) == 2
    train.run(ctx, lambda ctx: 2)
    assert progress.said == ["training goes on after epoch 1 of 2"]
    for one, other in zip(
        load_trained(ctx).parameters(), load_trained(finished.context()).parameters(), strict=True
    ):
        assert torch.equal(one, other)

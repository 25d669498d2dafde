from pathlib import Path

import pytest
import torch
from torch import nn

from nas.training.checkpoint import Checkpoint, CheckpointFolder, restore, state_of
from nas.training.optimizer import Sgd
from nas.training.options import TrainingOptions
from nas.training.weights import manifest_path
from search_spaces.errors import ArtifactError

IDENTITY = {"space": "a", "seed": "0"}


def at(epoch: int) -> Checkpoint:
    return Checkpoint(epoch, seconds=1.5 * epoch, tensors={"model.w": torch.full((3,), float(epoch))})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Checkpoints of epochs 1 to 4."""
    checkpoints = CheckpointFolder(tmp_path, IDENTITY)
    for epoch in range(1, 5):
        checkpoints.save(at(epoch))
    return tmp_path


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path / "none", IDENTITY).latest() == (None, ())


def test_the_last_two_are_kept(folder: Path) -> None:
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    assert names == ["checkpoint-00000003.safetensors", "checkpoint-00000004.safetensors"]
    assert len(list(folder.iterdir())) == 4


def test_the_newest_is_taken(folder: Path) -> None:
    found, damaged = CheckpointFolder(folder, IDENTITY).latest()
    assert found is not None
    assert (found.epoch, found.seconds, found.tensors["model.w"].tolist()) == (4, 6.0, [4.0] * 3)
    assert damaged == ()


def test_a_damaged_one_is_named_and_the_one_before_is_taken(folder: Path) -> None:
    path = folder / "checkpoint-00000004.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    found, damaged = CheckpointFolder(folder, IDENTITY).latest()
    assert found is not None
    assert found.epoch == 3
    assert [event.path for event in damaged] == [path]
    assert "SHA-256" in damaged[0].reason


def test_when_all_are_damaged_all_are_named(folder: Path) -> None:
    for path in folder.glob("*.json"):
        path.write_bytes(b"{}\n")
    found, damaged = CheckpointFolder(folder, IDENTITY).latest()
    assert found is None
    assert len(damaged) == 2


def test_one_without_a_manifest_was_never_finished(folder: Path) -> None:
    manifest_path(folder / "checkpoint-00000004.safetensors").unlink()
    found, damaged = CheckpointFolder(folder, IDENTITY).latest()
    assert found is not None
    assert found.epoch == 3
    assert damaged == ()


def test_a_damaged_one_is_replaced_when_its_epoch_is_trained_again(folder: Path) -> None:
    (folder / "checkpoint-00000004.safetensors").write_bytes(b"")
    checkpoints = CheckpointFolder(folder, IDENTITY)
    checkpoints.save(at(4))
    found, damaged = checkpoints.latest()
    assert found is not None
    assert found.epoch == 4
    assert damaged == ()


@pytest.mark.parametrize("other", [{"space": "b", "seed": "0"}, {"space": "a"}, {**IDENTITY, "new": "1"}])
def test_a_checkpoint_of_another_run_is_refused_with_the_difference(
    folder: Path, other: dict[str, str]
) -> None:
    different = {name for name in {*IDENTITY, *other} if IDENTITY.get(name) != other.get(name)}
    with pytest.raises(ArtifactError, match=f"another {next(iter(different))}") as caught:
        CheckpointFolder(folder, other).latest()
    assert caught.value.code == "checkpoint_mismatch"


def test_a_restored_optimiser_goes_on_as_if_nothing_had_happened() -> None:
    def make() -> tuple[nn.Module, Sgd]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(16, 2))
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model, Sgd(model, TrainingOptions(epochs=1))

    def step(model: nn.Module, optimizer: Sgd, number: int) -> None:
        torch.manual_seed(number)
        optimizer.forget_gradients()
        model(torch.rand(5, 2, 4, 4)).square().sum().backward()
        optimizer.step(0.1)

    model, optimizer = make()
    for number in range(3):
        step(model, optimizer, number)
    other, other_optimizer = make()
    restore({k: v.clone() for k, v in state_of(model, optimizer).items()}, other, other_optimizer)
    for number in range(3, 6):
        step(model, optimizer, number)
        step(other, other_optimizer, number)
    for expected, found in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(expected, found)

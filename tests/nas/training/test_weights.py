from pathlib import Path

import numpy as np
import pytest
import torch

from nas.training.weights import (
    load_supernet,
    manifest_path,
    read_tensors,
    save_supernet,
    weight_hash,
    write_tensors,
)
from search_spaces.base import Space
from search_spaces.errors import ArtifactError, HwnasError
from search_spaces.modules.supernet import Supernet
from search_spaces.network import fixed_space

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7)}


def code_of(path: Path) -> str:
    with pytest.raises(HwnasError) as caught:
        read_tensors(path)
    return caught.value.code


def test_the_hash_is_of_values_not_of_memory_layout() -> None:
    images = torch.rand(2, 3, 4, 4)
    last = images.contiguous(memory_format=torch.channels_last)
    assert weight_hash({"x": images}) == weight_hash({"x": last})


@pytest.mark.parametrize(
    "other",
    [
        {"a": TENSORS["a"], "c": TENSORS["b"]},
        {"a": TENSORS["a"].reshape(3, 2), "b": TENSORS["b"]},
        {"a": TENSORS["a"] + torch.eye(2, 3) * 1e-6, "b": TENSORS["b"]},
        {"a": TENSORS["a"].double(), "b": TENSORS["b"]},
    ],
    ids=["name", "shape", "value", "type"],
)
def test_the_hash_sees_every_difference(other: dict[str, torch.Tensor]) -> None:
    assert weight_hash(TENSORS) != weight_hash(other)


def test_tensors_and_facts_come_back(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", TENSORS, {"epoch": 3})
    tensors, manifest = read_tensors(tmp_path / "x.safetensors")
    assert weight_hash(tensors) == weight_hash(TENSORS)
    assert manifest["epoch"] == 3
    assert manifest["bytes"] == (tmp_path / "x.safetensors").stat().st_size


def test_every_changed_byte_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"epoch": 3})
    for file in (path, manifest_path(path)):
        sound = file.read_bytes()
        for position in range(len(sound)):
            changed = bytearray(sound)
            changed[position] ^= 1 << position % 8
            file.write_bytes(changed)
            assert code_of(path) == "damaged_weights", (file, position)
        file.write_bytes(sound)
    read_tensors(path)


def test_a_cut_or_missing_file_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    assert code_of(path) == "weights_not_found"
    write_tensors(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:-1])
    assert code_of(path) == "damaged_weights"
    path.unlink()
    assert code_of(path) == "damaged_weights"


def test_an_exchanged_file_is_detected(tmp_path: Path) -> None:
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    write_tensors(first, TENSORS, {})
    write_tensors(second, {"a": torch.ones(2)}, {})
    manifest_path(first).write_bytes(manifest_path(second).read_bytes())
    first.write_bytes(second.read_bytes())
    assert code_of(first) == "damaged_weights"


def test_a_supernet_comes_back_to_the_bit(tmp_path: Path, space: Space) -> None:
    supernet = Supernet(space, seed=4)
    supernet.set_normalization(torch.tensor([0.4]), torch.tensor([0.2]))
    digest = save_supernet(tmp_path / "supernet.safetensors", supernet, {"recipe": "uniform"})
    loaded = load_supernet(tmp_path / "supernet.safetensors", space)
    assert weight_hash(loaded.state_dict()) == digest == weight_hash(supernet.state_dict())


def test_weights_of_another_space_are_refused(tmp_path: Path, space: Space) -> None:
    save_supernet(tmp_path / "supernet.safetensors", Supernet(space))
    with pytest.raises(ArtifactError, match="another space") as caught:
        load_supernet(tmp_path / "supernet.safetensors", fixed_space(space, (0, 0, 0)))
    assert caught.value.code == "checkpoint_mismatch"


def test_no_tensor_is_changed_by_being_written(tmp_path: Path) -> None:
    last = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    before = last.clone()
    write_tensors(tmp_path / "x.safetensors", {"x": last[:, :2]}, {})
    tensors, _ = read_tensors(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(tensors["x"].numpy(), before[:, :2].numpy())
    assert last.is_contiguous(memory_format=torch.channels_last)

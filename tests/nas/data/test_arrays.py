import io
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data import arrays
from nas.data.arrays import open_arrays
from nas.data.dataset import Dataset
from nas.data.spec import ArraysSpec
from search_spaces.errors import DataError, UsageError

LABELS = np.arange(40) % 2


def pixels(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def opened(folder: Path, **stored: Any) -> Dataset:
    np.savez(folder / "data.npz", **stored)
    return open_arrays(ArraysSpec(path=folder / "data.npz"))


def code_of(folder: Path, **stored: Any) -> str:
    with pytest.raises(DataError) as caught:
        opened(folder, **stored)
    assert "\n" not in caught.value.message
    return caught.value.code


def all_pixels(dataset: Dataset, resolution: int = 4) -> list[Any]:
    """Of all parts, sorted: what is there, whatever the split."""
    parts = [dataset.images(part, resolution) for part in ("train", "validation", "test")]
    return sorted(np.concatenate(parts).reshape(len(LABELS), -1).tolist())


def test_one_array_is_split(tmp_path: Path) -> None:
    dataset = opened(tmp_path, images=pixels(40, 4, 4, 3), labels=LABELS)
    assert [len(dataset.labels(part)) for part in ("train", "validation", "test")] == [28, 6, 6]
    assert dataset.class_names == ("0", "1")
    assert dataset.num_channels == 3


def test_the_published_medmnist_layout_is_taken_as_it_is(tmp_path: Path) -> None:
    stored = {}
    for name, count in (("train", 20), ("val", 6), ("test", 8)):
        stored[f"{name}_images"] = np.full((count, 28, 28), count, dtype=np.uint8)
        stored[f"{name}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    dataset = opened(tmp_path, **stored)
    assert dataset.num_channels == 1
    for part, count in (("train", 20), ("validation", 6), ("test", 8)):
        assert np.unique(dataset.images(part, 14)).tolist() == [count]  # type: ignore[arg-type]
        assert len(dataset.labels(part)) == count  # type: ignore[arg-type]


def test_layouts_of_images_are_equal(tmp_path: Path) -> None:
    last = pixels(40, 4, 4, 3)
    expected = all_pixels(opened(tmp_path, images=last, labels=LABELS))
    assert all_pixels(opened(tmp_path, images=last.transpose(0, 3, 1, 2), labels=LABELS)) == expected
    assert all_pixels(opened(tmp_path, images=last.astype(np.int32), labels=LABELS)) == expected
    assert all_pixels(opened(tmp_path, images=last.astype(np.float32) / 255, labels=LABELS)) == expected
    assert all_pixels(opened(tmp_path, images=last.astype(np.uint16) * 256 + 255, labels=LABELS)) == expected


def test_booleans_are_black_and_white(tmp_path: Path) -> None:
    dataset = opened(tmp_path, images=pixels(40, 4, 4) > 127, labels=LABELS)
    assert np.unique(dataset.images("train", 4)).tolist() == [0, 255]


def test_string_labels_are_sorted_classes(tmp_path: Path) -> None:
    dataset = opened(tmp_path, images=pixels(40, 4, 4), labels=np.where(LABELS == 0, "dog", "cat"))
    assert dataset.class_names == ("cat", "dog")


def test_class_names_name_the_integers(tmp_path: Path) -> None:
    names = np.array(["left", "right"])
    dataset = opened(tmp_path, images=pixels(40, 4, 4), labels=LABELS, class_names=names)
    assert dataset.class_names == ("left", "right")


@pytest.mark.parametrize(
    ("code", "stored"),
    [
        ("missing_array", {"pictures": pixels(40, 4, 4)}),
        ("missing_array", {"images": pixels(40, 4, 4)}),
        ("missing_array", {"train_images": pixels(40, 4, 4)}),
        ("bad_shape", {"images": pixels(40, 4), "labels": LABELS}),
        ("bad_shape", {"images": pixels(40, 4, 4, 2), "labels": LABELS}),
        ("bad_shape", {"images": pixels(40, 0, 4, 3), "labels": LABELS}),
        ("bad_shape", {"images": pixels(40, 4, 4), "labels": LABELS[:-1]}),
        ("bad_values", {"images": pixels(40, 4, 4) / 100.0, "labels": LABELS}),
        ("bad_values", {"images": pixels(40, 4, 4) - np.int32(1000), "labels": LABELS}),
        ("bad_values", {"images": np.full((40, 4, 4), np.nan), "labels": LABELS}),
        ("bad_values", {"images": pixels(40, 4, 4), "labels": LABELS / 2}),
        ("bad_values", {"images": pixels(40, 4, 4), "labels": LABELS, "class_names": np.array(["a"])}),
        ("bad_values", {"images": pixels(40, 4, 4), "labels": LABELS, "class_names": np.array(["a", "a"])}),
        ("too_few_classes", {"images": pixels(40, 4, 4), "labels": LABELS * 0}),
        ("too_few_images", {"images": pixels(0, 4, 4), "labels": LABELS[:0]}),
        (
            "duplicate_split",
            {
                "train_images": pixels(40, 4, 4),
                "train_labels": LABELS,
                "val_images": pixels(40, 4, 4),
                "val_labels": LABELS,
                "valid_images": pixels(40, 4, 4),
                "valid_labels": LABELS,
            },
        ),
        (
            "bad_shape",
            {
                "train_images": pixels(40, 4, 4),
                "train_labels": LABELS,
                "val_images": pixels(40, 5, 4),
                "val_labels": LABELS,
            },
        ),
    ],
)
def test_bad_arrays_are_refused(tmp_path: Path, code: str, stored: dict[str, Any]) -> None:
    assert code_of(tmp_path, **stored) == code


class Opens:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.trace), "w")


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    hostile = np.array([Opens(trace)] * 40, dtype=object)
    assert code_of(tmp_path, images=pixels(40, 4, 4), labels=hostile) == "unsafe_pickle"
    with zipfile.ZipFile(tmp_path / "raw.npz", "w") as archive:
        archive.writestr("images.npy", pickle.dumps(Opens(trace)))
    with pytest.raises(DataError) as caught:
        open_arrays(ArraysSpec(path=tmp_path / "raw.npz"))
    assert caught.value.code == "missing_array"
    assert not trace.exists()


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_broken(tmp_path: Path, kept: float) -> None:
    np.savez_compressed(tmp_path / "data.npz", images=pixels(40, 4, 4), labels=LABELS)
    content = (tmp_path / "data.npz").read_bytes()
    (tmp_path / "data.npz").write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError) as caught:
        open_arrays(ArraysSpec(path=tmp_path / "data.npz"))
    assert caught.value.code == "broken_file"


def member(content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """A .npz file whose only array has these bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        archive.writestr("images.npy", content)
    return written.getvalue()


def changed(content: bytes, place: int, value: int) -> bytes:
    """The same with one byte of each header of the member changed, in front and in the directory."""
    directory = content.index(b"PK\x01\x02")
    return b"".join(
        bytes([value]) if number in (place, directory + place + 2) else bytes([byte])
        for number, byte in enumerate(content)
    )


HEADER = b"\x93NUMPY\x01\x00"


@pytest.mark.parametrize(
    "content",
    [
        changed(member(b"anything"), 6, 1),  # encrypted
        changed(member(b"anything"), 8, 99),  # packed in a way that nobody knows
        changed(member(bytes(2_000), zipfile.ZIP_LZMA), 50, 255),  # damaged
        member(HEADER + b"\x20\x00" + b"{'descr': ('u1', (((('          "),  # never closes
        member(HEADER + b"\x20\x00" + b"(" * 32),
    ],
)
def test_a_file_that_numpy_chokes_on_is_broken(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_arrays(ArraysSpec(path=tmp_path / "data.npz"))
    assert caught.value.code == "broken_file"


@pytest.mark.parametrize("header", ["print('planted')", "{'descr': 'planted'}", "['planted']", "planted("])
def test_what_a_hostile_header_says_is_not_repeated(tmp_path: Path, header: str) -> None:
    (tmp_path / "data.npz").write_bytes(member(HEADER + b"\x20\x00" + header.ljust(32).encode()))
    with pytest.raises(DataError, match="'images.npy' has no header of an array") as caught:
        open_arrays(ArraysSpec(path=tmp_path / "data.npz"))
    assert caught.value.code == "broken_file"
    assert not re.search("planted|0x", caught.value.message.replace(str(tmp_path), ""))


def test_a_file_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "MAX_BYTES", 10_000)
    assert code_of(tmp_path, images=np.zeros((40, 64, 64), dtype=np.uint8), labels=LABELS) == "oversized_file"


def test_a_missing_file_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_arrays(ArraysSpec(path=tmp_path / "none.npz"))
    assert caught.value.code == "dataset_not_found"

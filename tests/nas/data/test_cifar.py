"""CIFAR in small archives of the published layout: same names, same Python 2 pickles, fewer images."""

import gzip
import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.data import cifar_archive
from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.data.spec import CifarSpec
from search_spaces.errors import DataError, UsageError

NAMES = [b"airplane", b"automobile", b"bird", b"cat", b"deer", b"dog", b"frog", b"horse", b"ship", b"truck"]


def python2(value: Any) -> bytes:
    """Pickle as Python 2 did with protocol 2, written by hand from the protocol's description (PEP 307)."""
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(python2(item) for item in value) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(python2(key) + python2(item) for key, item in value.items()) + b"u"
    assert isinstance(value, np.ndarray)
    shape = b"(" + b"".join(python2(length) for length in value.shape) + b"t"
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    return start + b"(K\x01" + shape + dtype + b"\x89" + python2(value.tobytes()) + b"tb"


def pickled(value: Any) -> bytes:
    return b"\x80\x02" + python2(value) + b"."


def pixels(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def cifar10_files(per_batch: int = 40) -> dict[str, bytes]:
    files = {
        "batches.meta": pickled({b"num_cases_per_batch": 10000, b"label_names": NAMES, b"num_vis": 3072})
    }
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        labels = [(image + number) % 10 for image in range(per_batch)]
        files[name] = pickled(
            {b"batch_label": b"a batch", b"labels": labels, b"data": pixels(per_batch, number)}
        )
    return files


def cifar100_files() -> dict[str, bytes]:
    fine = [b"fine%d" % number for number in range(100)]
    files = {"meta": pickled({b"fine_label_names": fine, b"coarse_label_names": [b"coarse"] * 20})}
    for seed, (name, count) in enumerate((("train", 400), ("test", 100))):
        labels = [image % 100 for image in range(count)]
        data = pixels(count, seed)
        files[name] = pickled({b"coarse_labels": [0] * count, b"fine_labels": labels, b"data": data})
    return files


def archive(path: Path, folder: str, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        top = tarfile.TarInfo(folder)
        top.type = tarfile.DIRTYPE
        tar.addfile(top)
        for name, content in {**files, "readme.html": b"<html>"}.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def cifar10(path: Path, **changes: Any) -> Dataset:
    return open_dataset(CifarSpec(name="cifar10", path=path, **changes))


def code_of(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        cifar10(path)
    assert "\n" not in caught.value.message
    return caught.value.code


def test_cifar10_is_read_from_its_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py", cifar10_files())
    dataset = cifar10(path, val_share=0.2)
    assert dataset.class_names == tuple(name.decode() for name in NAMES)
    assert [len(dataset.labels(part)) for part in ("train", "validation", "test")] == [160, 40, 40]
    assert dataset.labels("test").tolist() == [(image + 5) % 10 for image in range(40)]
    # A row holds 1,024 red values, then green, then blue: the order (channel, row, column) of our images.
    assert dataset.images("test", 32).reshape(40, 3072).tolist() == pixels(40, 5).tolist()
    assert [notice.code for notice in dataset.report.warnings] == ["unexpected_count"]


def test_cifar100_uses_the_fine_labels(tmp_path: Path) -> None:
    path = archive(tmp_path / "cifar-100-python.tar.gz", "cifar-100-python", cifar100_files())
    dataset = open_dataset(CifarSpec(name="cifar100", path=path, val_share=0.25))
    assert dataset.class_names[:2] == ("fine0", "fine1")
    assert dataset.labels("test").tolist() == list(range(100))
    assert len(dataset.labels("validation")) == 100


def test_the_extracted_folder_is_the_same_data_set(tmp_path: Path) -> None:
    files = cifar10_files()
    path = archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", files)
    folder = tmp_path / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert cifar10(path).digest == cifar10(folder).digest == cifar10(folder.parent).digest


def test_nothing_is_extracted(tmp_path: Path) -> None:
    path = archive(tmp_path / "archive.tar.gz", "../../outside", cifar10_files())
    cifar10(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["archive.tar.gz"]


@pytest.mark.parametrize("kept", [0.001, 0.2, 0.5, 0.9, 0.9999])
def test_a_truncated_archive_says_so(tmp_path: Path, kept: float) -> None:
    path = archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", cifar10_files())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert code_of(path) == "truncated_archive"


def test_a_changed_pixel_is_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", cifar10_files())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    assert code_of(path) == "truncated_archive"


@pytest.mark.parametrize("missing", ["batches.meta", "data_batch_3", "test_batch"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    files = cifar10_files()
    del files[missing]
    assert code_of(archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", files)) == "truncated_archive"
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=missing) as caught:
        cifar10(tmp_path)
    assert caught.value.code == "missing_file"


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archive.tar.gz").write_bytes(b"<html>404 Not Found</html>")
    assert code_of(tmp_path / "archive.tar.gz") == "not_an_archive"
    (tmp_path / "archive.tar.gz").write_bytes(gzip.compress(b"no tar" * 1000))
    assert code_of(tmp_path / "archive.tar.gz") == "truncated_archive"
    with pytest.raises(UsageError) as caught:
        cifar10(tmp_path / "none.tar.gz")
    assert caught.value.code == "dataset_not_found"


def test_a_decompression_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar_archive, "MAX_BYTES", 2**20)
    files = {"readme": bytes(5 * 2**20), **cifar10_files()}
    path = archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", files)
    assert code_of(path) == "oversized_archive"


def test_endless_members_are_stopped(tmp_path: Path) -> None:
    files = {f"file{number}": b"" for number in range(100)} | cifar10_files()
    path = archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", files)
    assert code_of(path) == "oversized_archive"


def test_links_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in cifar10_files():
            link = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
    assert code_of(path) == "truncated_archive"


def test_a_hostile_batch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = cifar10_files() | {"data_batch_2": b"cos\nsystem\n(S'touch trace'\ntR."}
    assert code_of(archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", files)) == "unsafe_pickle"
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("code", "batch"),
    [
        ("bad_shape", {b"labels": [0] * 40, b"data": pixels(40, 0)[:, :1024]}),
        ("bad_shape", {b"labels": [0] * 39, b"data": pixels(40, 0)}),
        ("bad_shape", {b"labels": [0] * 40, b"data": b"not an array"}),
        ("bad_values", {b"labels": [10] * 40, b"data": pixels(40, 0)}),
        ("bad_values", {b"labels": [-1] * 40, b"data": pixels(40, 0)}),
        ("missing_array", {b"data": pixels(40, 0)}),
        ("missing_array", {b"labels": [0] * 40}),
    ],
)
def test_batches_of_another_shape_are_refused(tmp_path: Path, code: str, batch: dict[bytes, Any]) -> None:
    files = cifar10_files() | {"data_batch_4": pickled(batch)}
    assert code_of(archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", files)) == code


def test_class_names_are_checked(tmp_path: Path) -> None:
    files = cifar10_files() | {"batches.meta": pickled({b"label_names": NAMES[:9]})}
    assert code_of(archive(tmp_path / "archive.tar.gz", "cifar-10-batches-py", files)) == "bad_shape"

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from nas.data.arrays import open_arrays
from nas.data.cifar_archive import read_members
from nas.data.image_folder import open_image_folder
from nas.data.spec import ArraysSpec, ImageFolderSpec
from nas.spec_files import read_document
from search_spaces.errors import UsageError
from search_spaces.readable import readable
from tests.unprivileged import unprivileged


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may look into; those of pytest are of one user."""
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def spec_file(folder: Path) -> Path:
    path = folder / "spec.yaml"
    path.write_text("dataset: {name: digits}\n", encoding="utf-8")
    return path


def arrays(folder: Path) -> Path:
    path = folder / "images.npz"
    np.savez(path, images=np.zeros((4, 8, 8), np.uint8), labels=np.arange(4) % 2)
    return path


def archive(folder: Path) -> Path:
    path = folder / "cifar.tar.gz"
    path.write_bytes(b"\x1f\x8b")
    return path


def class_folder(folder: Path) -> Path:
    inner = folder / "images" / "cat"
    inner.mkdir(parents=True)
    Image.new("L", (8, 8)).save(inner / "one.png")
    return inner


def picture(folder: Path) -> Path:
    return class_folder(folder) / "one.png"


@pytest.mark.parametrize(
    ("made", "read"),
    [
        pytest.param(spec_file, read_document, id="a specification"),
        pytest.param(arrays, lambda path: open_arrays(ArraysSpec(name="arrays", path=path)), id="arrays"),
        pytest.param(archive, lambda path: read_members(path, ["train"]), id="an archive"),
        pytest.param(
            picture,
            lambda path: open_image_folder(ImageFolderSpec(name="image_folder", path=path.parents[1])),
            id="an image",
        ),
        pytest.param(
            class_folder,
            lambda path: open_image_folder(ImageFolderSpec(name="image_folder", path=path.parent)),
            id="the folder of a class",
        ),
    ],
)
def test_what_may_not_be_read_is_said(
    made: Callable[[Path], Path], read: Callable[[Path], object], shared: Path
) -> None:
    path = made(shared)
    path.chmod(0)
    with unprivileged(), pytest.raises(UsageError, match=f"{path} may not be read") as caught:
        read(path)
    assert caught.value.code == "not_readable"
    path.chmod(0o700)


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(FileNotFoundError), readable(Path("x")):
        Path("/nowhere/at/all").read_bytes()

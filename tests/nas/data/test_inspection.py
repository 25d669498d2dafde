"""Looking at images in a process that is held to its memory and time."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from nas.data.catalogue import open_dataset
from nas.data.inspection import FOLDER_S, LEAST_S, Allowance, _environment, inspect
from nas.data.spec import ImageFolderSpec, UploadedSpec
from search_spaces.errors import DataError
from tests.nas.data.zips import folder_zip, zipped

SPEC = UploadedSpec(file="0" * 64, content="images")
GIB = 2**30


def flat_png(side: int) -> bytes:
    """An image of one colour: small as a file, large as pixels."""
    written = io.BytesIO()
    Image.new("RGBA", (side, side)).save(written, "PNG")
    return written.getvalue()


def uploaded(folder: Path, content: bytes) -> Path:
    path = folder / "upload"
    path.write_bytes(content)
    return path


def flat_images(folder: Path, side: int, num: int) -> Path:
    image = flat_png(side)
    return uploaded(
        folder, zipped({f"{one}/{n}.png": image for one in "ab" for n in range(num)}, zipfile.ZIP_STORED)
    )


def test_it_tells_what_opening_tells(tmp_path: Path) -> None:
    path = uploaded(tmp_path, folder_zip())
    opened = open_dataset(SPEC, None, lambda digest, suffix: path)
    found = inspect(SPEC, path)
    assert found.digest == opened.digest
    assert found.report == opened.report.as_dict()


def test_what_is_wrong_keeps_its_own_code(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        inspect(SPEC, uploaded(tmp_path, zipped({"only/a.png": b"no image"})))
    assert caught.value.code not in ("", "images_too_costly")
    with pytest.raises(DataError) as caught:
        inspect(ImageFolderSpec(path=tmp_path / "nowhere"))
    assert caught.value.code == "dataset_not_found"


def test_images_that_need_more_memory_end_themselves_alone(tmp_path: Path) -> None:
    path = flat_images(tmp_path, 8_000, 2)
    assert path.stat().st_size < 2**21, "a bomb"
    with pytest.raises(DataError, match=r"0\.5 GiB of memory") as caught:
        inspect(SPEC, path, Allowance(GIB // 2, 60))
    assert caught.value.code == "images_too_costly"


def test_images_that_need_more_time_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ended by signal") as caught:
        inspect(SPEC, flat_images(tmp_path, 4_000, 20), Allowance(4 * GIB, 1))
    assert caught.value.code == "images_too_costly"


def test_an_expression_that_never_ends_is_tried_there_alone(tmp_path: Path) -> None:
    """Whoever opens the images afterwards finds in time what it has found there."""
    name = "a" * 60
    path = uploaded(tmp_path, zipped({f"{one}/{name}{n}.png": flat_png(8) for one in "bc" for n in range(9)}))
    endless = SPEC.model_copy(update={"group_by": r"/(a+)+\.png"})
    with pytest.raises(DataError, match="ended by signal") as caught:
        inspect(endless, path, Allowance(4 * GIB, 1))
    assert caught.value.code == "images_too_costly"


def test_larger_files_may_take_longer(tmp_path: Path) -> None:
    small, large = uploaded(tmp_path, b"x"), tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(100 * 2**20)
    assert LEAST_S == Allowance.of(small).seconds < Allowance.of(large).seconds < Allowance.of(None).seconds
    assert Allowance.of(None).seconds == FOLDER_S


def test_no_secret_reaches_what_decodes() -> None:
    given = {"HWNAS_DATABASE_URL": "postgresql://u:p@h/n", "AWS_SECRET_ACCESS_KEY": "s", "PATH": "/bin"}
    found = _environment(given)
    assert set(found) == {"PATH", "PYTHONPATH", "OMP_NUM_THREADS"}


def test_it_tells_how_far_it_is_and_is_ended_by_whoever_is_told(tmp_path: Path) -> None:
    path, told = uploaded(tmp_path, folder_zip(per_class=40)), list[tuple[int, int]]()
    found = inspect(SPEC, path, told=lambda done, total: told.append((done, total)))
    assert told == [(0, 80), (64, 80), (80, 80)]
    assert found.digest == inspect(SPEC, path).digest

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect(SPEC, path, told=stop)

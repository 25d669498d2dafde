import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nas.data import pieces
from nas.data.contents import Part
from nas.data.decode import resize
from nas.data.pieces import Pieces
from nas.data.pixel_file import read_pixels
from nas.data.source import EVERY, Resized
from search_spaces.errors import DataError

IMAGES = np.random.default_rng(2).integers(0, 256, (10, 9, 9, 3), dtype=np.uint8)


class Source:
    """Remembers which images were made; may fail at one."""

    costly = True

    def __init__(self, fails_at: int = 99) -> None:
        self.made: list[tuple[int, int]] = []
        self.fails_at = fails_at

    def resized(self, part: Part, resolutions: tuple[int, ...], rows: slice = EVERY) -> Iterator[Resized]:
        for number in range(len(IMAGES))[rows]:
            if number == self.fails_at:
                raise DataError("data_changed", "it is another one now")
            self.made += [(number, side) for side in resolutions]
            yield tuple(resize(IMAGES[number], side) for side in resolutions)

    def fingerprint(self) -> str:
        return "f" * 64


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_IMAGES", 4)


def of(folder: Path) -> Pieces:
    folder.mkdir(exist_ok=True)
    return Pieces(folder, "data", "train", len(IMAGES), 3)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_image_is_made_once_for_all_resolutions(tmp_path: Path) -> None:
    source = Source()
    assert list(of(tmp_path).make(source, [4, 6])) == [4, 8, 10, 10, 10]
    assert source.made == [(number, side) for number in range(10) for side in (4, 6)]
    assert names(tmp_path) == ["data-train-4.u8", "data-train-6.u8", "data.lock"]
    for side in (4, 6):
        found = read_pixels(tmp_path / f"data-train-{side}.u8", (10, 3, side, side))
        assert found is not None
        assert found.tolist() == [resize(image, side).transpose(2, 0, 1).tolist() for image in IMAGES]


def test_whoever_goes_on_makes_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        list(of(tmp_path).make(Source(fails_at=9), [4, 6]))
    source = Source()
    # Of what was there it is not said that it got done.
    assert list(of(tmp_path).make(source, [4, 6])) == [10, 10, 10]
    assert source.made == [(number, side) for number in (8, 9) for side in (4, 6)]
    assert names(tmp_path) == ["data-train-4.u8", "data-train-6.u8", "data.lock"]


def test_whoever_fails_at_the_same_image_again_gets_no_further(tmp_path: Path) -> None:
    got: list[int] = []
    for _ in range(3):
        with pytest.raises(DataError):
            got.extend(of(tmp_path).make(Source(fails_at=9), [4, 6]))
    assert got == [4, 8]


def test_each_complete_file_is_told_and_nobody_is_kept_waiting_then(tmp_path: Path) -> None:
    making = of(tmp_path).make(Source(), [4, 6])
    assert [next(making) for _ in range(4)] == [4, 8, 10, 10]
    assert (tmp_path / "data-train-4.u8").exists()
    assert not (tmp_path / "data-train-6.u8").exists()
    other = Source()
    assert list(of(tmp_path).make(other, [4, 6])) == [10]  # puts the other together
    assert (other.made, list(making)) == ([], [])


def test_a_damaged_piece_is_made_again(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        list(of(tmp_path).make(Source(fails_at=8), [4]))
    piece = tmp_path / "data-train-4.0-4.piece"
    piece.write_bytes(bytes([piece.read_bytes()[0] ^ 1]) + piece.read_bytes()[1:])
    source = Source()
    list(of(tmp_path).make(source, [4]))
    assert [number for number, _ in source.made] == [0, 1, 2, 3, 8, 9]


def test_pieces_are_as_large_as_fits_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # At 4 and 6 pixels an image of three channels takes 156 bytes.
    monkeypatch.setattr(pieces, "PIECE_BYTES", 2 * 156)
    assert list(of(tmp_path).make(Source(), [4, 6])) == [2, 4, 6, 8, 10, 10, 10]


def test_two_at_a_time_share_the_work(tmp_path: Path) -> None:
    sources = [Source(), Source()]
    making = [of(tmp_path).make(source, [4, 6]) for source in sources]
    assert next(making[0]) == 4
    assert next(making[1]) == 8  # finds the first piece
    assert list(making[0]) == [10, 10, 10]
    assert list(making[1]) == []
    made = [number for source in sources for number, side in source.made if side == 4]
    assert sorted(made) == list(range(10))
    assert names(tmp_path) == ["data-train-4.u8", "data-train-6.u8", "data.lock"]


def test_who_writes_a_piece_is_waited_for(tmp_path: Path) -> None:
    writes, waits = threading.Event(), threading.Event()

    class Slow(Source):
        def resized(self, part: Part, resolutions: tuple[int, ...], rows: slice = EVERY) -> Iterator[Resized]:
            writes.set()
            waits.wait(0.5)
            return super().resized(part, resolutions, rows)

    second = Source()
    thread = threading.Thread(target=lambda: list(of(tmp_path).make(Slow(), [4])))
    thread.start()
    assert writes.wait(20.0)
    list(of(tmp_path).make(second, [4]))
    assert (0, 4) not in second.made
    thread.join()


def test_a_damaged_whole_file_is_made_again(tmp_path: Path) -> None:
    list(of(tmp_path).make(Source(), [4]))
    path = tmp_path / "data-train-4.u8"
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    list(of(tmp_path).make(Source(), [4]))
    assert path.read_bytes() == whole


def test_a_process_that_was_killed_is_not_waited_for_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from nas.data.pieces import Pieces\n"
        "folder = Path(sys.argv[1])\n"
        "with Pieces(folder, 'data', 'train', 10, 3)._alone():\n"
        "    (folder / 'data-train-4.u8x.partial').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert "data-train-4.u8x.partial" in names(tmp_path)
    list(of(tmp_path).make(Source(), [4]))
    assert names(tmp_path) == ["data-train-4.u8", "data.lock"]

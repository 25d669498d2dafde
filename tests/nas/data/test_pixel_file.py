import hashlib
from pathlib import Path

import numpy as np
import pytest

from nas.data import pixel_file
from nas.data.pixel_file import PixelFile, is_there, read_pixels

PIXELS = np.random.default_rng(3).integers(0, 256, (4, 3, 5, 5), dtype=np.uint8)


def write(path: Path) -> None:
    with PixelFile(PIXELS.shape, path) as file:
        file.append(PIXELS[:1])
        file.append(PIXELS[1:])
        assert file.finish().tolist() == PIXELS.tolist()


def test_pixels_come_back_as_they_were_written_and_cannot_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "x.u8"
    write(path)
    found = read_pixels(path, PIXELS.shape)
    assert found is not None
    assert found.tolist() == PIXELS.tolist()
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0
    assert path.read_bytes() == PIXELS.tobytes() + hashlib.sha256(PIXELS.tobytes()).digest()


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with PixelFile(PIXELS.shape, tmp_path / "x.u8") as file:
        file.append(PIXELS)
        assert not (tmp_path / "x.u8").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "longer", "changed", "gone"])
def test_what_is_damaged_is_not_read(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.u8"
    write(path)
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[:-1],
            "longer": content + b" ",
            "changed": bytes([content[0] ^ 1]) + content[1:],
            "gone": b"",
        }[damage]
    )
    assert read_pixels(path, PIXELS.shape) is None
    assert is_there(path, PIXELS.shape) == (damage == "changed")


def test_another_shape_is_not_there(tmp_path: Path) -> None:
    write(tmp_path / "x.u8")
    assert not is_there(tmp_path / "x.u8", (5, 3, 5, 5))
    assert read_pixels(tmp_path / "x.u8", (5, 3, 5, 5)) is None


def test_a_large_file_is_not_read_to_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x.u8")
    monkeypatch.setattr(pixel_file, "READ_BYTES", 10)
    monkeypatch.setattr(hashlib, "sha256", None)
    found = read_pixels(tmp_path / "x.u8", PIXELS.shape)
    assert found is not None
    assert found.tolist() == PIXELS.tolist()


def test_an_unnamed_file_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with PixelFile(PIXELS.shape, None) as file:
        file.append(PIXELS)
        found = file.finish()
    assert found.tolist() == PIXELS.tolist()
    assert list(tmp_path.iterdir()) == []

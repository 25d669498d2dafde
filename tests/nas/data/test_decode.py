"""The decode rules, each against values worked out by hand; the file formats are written by Pillow."""

import ast
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nas.data.decode import MAX_PIXELS, ImageError, decode, load, resize


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def bilinear(plane: NDArray[np.uint8], resolution: int) -> NDArray[np.float64]:
    """Antialiased bilinear shrinking in floating point: a triangle filter as wide as the shrinking factor."""
    side = len(plane)
    scale = side / resolution
    support = max(scale, 1.0)
    centres = (np.arange(resolution) + 0.5) * scale
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(side)[None, :] + 0.5 - centres[:, None]) / support)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights @ plane.astype(np.float64) @ weights.T)


@pytest.mark.parametrize("resolution", [5, 16, 23, 40, 61])
def test_resizing_is_an_antialiased_bilinear_filter_of_the_centre_square(resolution: int) -> None:
    image = picture(40, 71)
    square = image[:, 15:55]  # (71 - 40) // 2 = 15
    result = resize(image, resolution)
    assert result.shape == (resolution, resolution, 3)
    for colour in range(3):
        expected = bilinear(square[:, :, colour], resolution)
        assert np.abs(result[:, :, colour] - expected).max() <= 1.5


def test_a_tall_image_is_cropped_at_top_and_bottom() -> None:
    image = picture(10, 4, 1)
    assert resize(image, 4).tolist() == image[3:7].tolist()


def test_a_lossless_file_comes_back_as_it_was() -> None:
    image = picture(6, 9)
    assert decode(encoded(Image.fromarray(image))).tolist() == image.tolist()
    assert load(encoded(Image.fromarray(image)), 3, 6).tolist() == image[:, 1:7].transpose(2, 0, 1).tolist()


ORIENTED = {
    # EXIF 2.32: what row 0 and column 0 of the stored image show; [[1, 2], [3, 4], [5, 6]] is stored.
    1: [[1, 2], [3, 4], [5, 6]],
    2: [[2, 1], [4, 3], [6, 5]],
    3: [[6, 5], [4, 3], [2, 1]],
    4: [[5, 6], [3, 4], [1, 2]],
    5: [[1, 3, 5], [2, 4, 6]],
    6: [[5, 3, 1], [6, 4, 2]],
    7: [[6, 4, 2], [5, 3, 1]],
    8: [[2, 4, 6], [1, 3, 5]],
    9: [[1, 2], [3, 4], [5, 6]],
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTED)
def test_the_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stored = Image.fromarray(np.array([[1, 2], [3, 4], [5, 6]], dtype=np.uint8) * 40)
    options = {"lossless": True} if kind == "WEBP" else {}
    file = encoded(stored.convert("RGB"), kind, exif=exif, **options)
    assert (decode(file, 1)[:, :, 0] // 40).tolist() == ORIENTED[orientation]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_block_counts_as_none() -> None:
    image = Image.fromarray(np.full((8, 8, 3), 90, dtype=np.uint8))
    file = encoded(image, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert decode(file).shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_of_16_bit_grey_the_high_byte_is_kept(kind: str) -> None:
    values = np.array([[0, 255, 256], [511, 32768, 65535]], dtype=np.uint16)
    file = encoded(Image.fromarray(values), kind)
    assert decode(file)[:, :, 0].tolist() == [[0, 0, 1], [1, 128, 255]]
    assert decode(file, 3).shape == (2, 3, 3)


def test_grey_beyond_16_bits_and_floating_point_are_refused() -> None:
    with pytest.raises(ImageError, match="beyond 16 bits"):
        decode(encoded(Image.fromarray(np.array([[70000]], dtype=np.int32)), "TIFF"))
    with pytest.raises(ImageError, match="floating-point"):
        decode(encoded(Image.fromarray(np.array([[0.5]], dtype=np.float32)), "TIFF"))


def test_alpha_is_composited_on_white() -> None:
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 200, 128]]], dtype=np.uint8)
    result = decode(encoded(Image.fromarray(pixels)))
    assert result[0, :2].tolist() == [[10, 20, 30], [255, 255, 255]]
    # 128/255 of the colour on white: 127.0, 177.2, 227.4
    assert np.abs(result[0, 2].astype(int) - [127, 177, 227]).max() <= 1


def test_transparency_of_grey_and_of_palettes_counts_as_alpha() -> None:
    grey = Image.fromarray(np.array([[[50, 255], [50, 0]]], dtype=np.uint8), "LA")
    assert decode(encoded(grey)).tolist() == [[[50], [255]]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([200, 0, 0, 0, 0, 200])
    palette.putdata([0, 1])
    assert decode(encoded(palette)).tolist() == [[[200, 0, 0], [0, 0, 200]]]
    assert decode(encoded(palette, transparency=1)).tolist() == [[[200, 0, 0], [255, 255, 255]]]


def test_black_and_white_is_0_and_255() -> None:
    assert decode(encoded(Image.fromarray(np.array([[True, False]])))).tolist() == [[[255], [0]]]


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert decode(encoded(image, "TIFF"))[0, 0].tolist() == [255, 0, 0]


def test_colour_to_grey_is_itu_luma() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    assert decode(encoded(Image.fromarray(pixels)), 1)[0, :, 0].tolist() == [76, 150, 29]


def test_of_several_frames_the_first_counts() -> None:
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    file = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert set(decode(file, 1).ravel().tolist()) == {10}


def test_the_kind_of_a_file_is_told_by_its_content() -> None:
    with pytest.raises(ImageError, match="not a readable JPEG"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    with pytest.raises(ImageError, match="not a readable JPEG"):
        decode(b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_a_truncated_file_is_broken(kind: str) -> None:
    file = encoded(Image.fromarray(picture(64, 64)), kind)
    with pytest.raises(ImageError):
        decode(file[: len(file) // 2])


@pytest.mark.parametrize("side", [9_500, 20_000, 65_535])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    # A PNG header alone: had the pixels been looked at first, the message would be another one.
    header = encoded(Image.new("1", (1, 1)))
    bomb = bytearray(header)
    bomb[16:24] = side.to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    assert side * side > MAX_PIXELS
    with pytest.raises(ImageError, match="pixels"):
        decode(bytes(bomb))


def test_the_file_stands_alone(repository: Path) -> None:
    """It is copied into exported bundles."""
    tree = ast.parse((repository / "nas/data/decode.py").read_text())
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]  # type: ignore[union-attr]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= {"io", "typing", "numpy", "PIL"}

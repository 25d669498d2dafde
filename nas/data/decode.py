"""From an image file to the bytes a network sees: the one decode and resize rule.

This file needs numpy and Pillow only and nothing of this project: its text is copied into every exported
bundle, so that a stranger with the original file gets the same bytes. Change a rule, and `RESIZE_RULE`
changes with it.

Decoding, in this order:

1. Formats: JPEG, PNG, BMP, GIF, TIFF, WebP and PPM/PGM/PBM, told by content, not by name. Of several frames
   or pages the first. More than `MAX_PIXELS` pixels are refused before any is decoded.
2. Depth: of 16-bit samples the high byte is kept (`v >> 8`), which is what Pillow does for 16-bit colour, so
   that grey and colour agree. Grey beyond 16 bits and floating point are refused: their range is not stated
   anywhere.
3. Alpha: composited on white, the page such images are made for; colours under full transparency are
   arbitrary, and dropping alpha would bring them out. A palette's or colour key's transparency counts as
   alpha (that of 16-bit grey excepted).
4. Colour: palettes are looked up; CMYK, YCbCr, LAB and HSV become RGB as Pillow converts them; colour
   profiles are ignored. One channel is ITU-R 601 luma (0.299 R + 0.587 G + 0.114 B), three channels of a grey
   image are that grey three times.
5. Orientation: the image is turned as its EXIF tag 274 says; no tag, an unreadable or an undefined one: as
   stored.

Resizing (`resize`): the centre square (side s = the shorter side, offset (length - s) // 2), then Pillow's
bilinear filter with antialiasing to R x R, in 8 bits.
"""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

RESIZE_RULE: Final = "centre-square, bilinear-antialiased, 1"
MAX_PIXELS: Final = 89_000_000  # just below where Pillow itself starts to warn
FORMATS: Final = ("JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "PPM", "WEBP")

_ORIENTATION_TAG: Final = 274
_TRANSPOSE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY_MODES: Final = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_ALPHA_MODES: Final = ("RGBA", "LA", "PA", "RGBa", "La")


class ImageError(ValueError):
    """The file holds no image that this rule covers; the message says why in one line."""


def decode(file: bytes, num_channels: int | None = None) -> NDArray[np.uint8]:
    """Decode an image file.

    Args:
        file: The file's content.
        num_channels: 1 (grey) or 3 (colour); None: 1 where the file is stored in grey, else 3.

    Returns:
        Shape (height, width, num_channels).

    Raises:
        ImageError: Where the file is broken, too large or of a kind the rule does not cover.
    """
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(f"{width} x {height} pixels: at most {MAX_PIXELS} are decoded")
            image.load()
            return _pixels(image, num_channels)
    except (ImageError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"too many pixels: at most {MAX_PIXELS} are decoded") from error
    except Exception as error:
        raise ImageError(_reason(error)) from error


def resize(image: NDArray[np.uint8], resolution: int) -> NDArray[np.uint8]:
    """Crop the centre square and resize it.

    Args:
        image: Shape (height, width, channels) with 1 or 3 channels.
        resolution: Side of the result in pixels.

    Returns:
        Shape (resolution, resolution, channels).
    """
    height, width, channels = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == resolution:
        return square
    plane = square[:, :, 0] if channels == 1 else square
    small = Image.fromarray(np.ascontiguousarray(plane)).resize(
        (resolution, resolution), Image.Resampling.BILINEAR
    )
    return np.asarray(small, dtype=np.uint8).reshape(resolution, resolution, channels)


def load(file: bytes, num_channels: int, resolution: int) -> NDArray[np.uint8]:
    """Decode and resize one file: what a network sees; shape (channels, resolution, resolution)."""
    return np.ascontiguousarray(resize(decode(file, num_channels), resolution).transpose(2, 0, 1))


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a readable JPEG, PNG, BMP, GIF, TIFF, WebP or PPM image"
    return " ".join(str(error).split()) or type(error).__name__


def _pixels(image: Image.Image, num_channels: int | None) -> NDArray[np.uint8]:
    channels = num_channels or (1 if image.mode in _GREY_MODES else 3)
    orientation = _orientation(image)
    if image.mode.startswith("I"):
        image = _from_16_bit(image)
    elif image.mode == "F":
        raise ImageError("floating-point pixels have no stated range: save the image with 8 or 16 bits")
    elif image.mode in _ALPHA_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if orientation in _TRANSPOSE:
        image = image.transpose(_TRANSPOSE[orientation])
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return pixels.reshape(image.height, image.width, channels)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything; rule 5 treats it as absent
        return 1


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ImageError("grey values beyond 16 bits have no stated range: save the image with 8 or 16 bits")
    return Image.fromarray((values >> 8).astype(np.uint8))

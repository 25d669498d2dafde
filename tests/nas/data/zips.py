"""Zip files of images, honest and hostile."""

import io
import stat
import struct
import zipfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def image(number: int, size: int = 8) -> bytes:
    """A small PNG, another one for each number."""
    pixels: NDArray[np.uint8] = np.random.default_rng(number).integers(
        0, 256, (size, size, 3), dtype=np.uint8
    )
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive with these members."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def folder_zip(per_class: int = 12, classes: tuple[str, ...] = ("cat", "dog")) -> bytes:
    """An image folder as people pack it: one folder a class."""
    names = [f"pets/{one}/{number}.png" for one in classes for number in range(per_class)]
    return zipped({name: image(number) for number, name in enumerate(names)})


def arrays_zip(**arrays: NDArray[np.generic]) -> bytes:
    """A `.npz` file."""
    written = io.BytesIO()
    np.savez(written, **arrays)  # type: ignore[arg-type]
    return written.getvalue()


def link_zip(target: str) -> bytes:
    """An archive with a symbolic link."""
    member = zipfile.ZipInfo("cat/link.png")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(member, target)
    return written.getvalue()


def overlapping_zip() -> bytes:
    """Two members that share the bytes of one."""
    content = bytearray(zipped({"cat/a.png": image(0), "cat/b.png": image(0)}, zipfile.ZIP_STORED))
    second = content.rfind(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    return bytes(content)


def encrypted_zip() -> bytes:
    """A member that says to be encrypted."""
    content = bytearray(zipped({"cat/a.png": image(0)}))
    at = content.find(b"PK\x01\x02")
    content[at + 8] |= 1
    return bytes(content)


def renamed_zip(name: bytes) -> bytes:
    """An archive with a member of any name, as `zipfile` would not write it."""
    content = zipped({"x" * len(name): image(0)})
    return content.replace(b"x" * len(name), name)


def twice_zip() -> bytes:
    """Two members of one name."""
    return zipped({"cat/aaa.png": image(0), "cat/bbb.png": image(1)}).replace(b"cat/bbb", b"cat/aaa")


def lying_zip() -> bytes:
    """A member that unpacks to more than it says."""
    content = bytearray(zipped({"cat/a.png": bytes(4_000)}))
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = content.find(mark)
        content[at + offset : at + offset + 4] = struct.pack("<I", 10)
    return bytes(content)

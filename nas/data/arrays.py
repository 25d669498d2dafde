"""Numpy arrays in a `.npz` file: one array to split, or one for each split (MedMNIST's layout)."""

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.data.array_source import dataset_from_arrays
from nas.data.contents import PART_CODE, UNASSIGNED, Part
from nas.data.dataset import Dataset
from nas.data.spec import ArraysSpec
from nas.data.splits import Shares
from search_spaces.base import IntArray
from search_spaces.errors import DataError, UsageError
from search_spaces.readable import readable

MAX_BYTES: Final = 16 * 2**30
"""Of all arrays unpacked: they are held in memory."""

_MAGIC: Final = b"\x93NUMPY"
_HEADERS: Final[dict[tuple[int, int], Callable[[IO[bytes]], Any]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Version 3 is for the names of fields, which images have not."""

_PREFIXES: Final[dict[str, Part]] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


@dataclass(frozen=True, eq=False)
class _Examples:
    images: NDArray[np.uint8]
    labels: NDArray[Any]
    part: int


def open_arrays(spec: ArraysSpec, cache_dir: Path | None = None) -> Dataset:
    """Open a `.npz` file.

    Images have shape (n, h, w), (n, h, w, c) or (n, c, h, w) with c = 1 or 3. 8-bit values are taken as they
    are; of unsigned 16-bit values the high byte is kept; other integers have to lie in 0..255, floats in 0..1
    (`floor(255 v + 0.5)`), booleans are 0 and 255. Labels are integers or strings of shape (n,) or (n, 1);
    their sorted distinct values are the classes, unless `class_names` (strings) names classes 0, 1, ...

    Raises:
        UsageError: `dataset_not_found`, `not_readable`.
        DataError: `unsafe_pickle`, `broken_file`, `oversized_file`, `missing_array`, `bad_shape`,
            `bad_values`, and what `Dataset` raises.
    """
    path = spec.path.expanduser()
    with readable(path):
        arrays = _read(path)
    examples = _examples(arrays, spec.path)
    labels, class_names = _classes(
        np.concatenate([part.labels for part in examples]), arrays.get("class_names")
    )
    shapes = {part.images.shape[1:] for part in examples}
    if len(shapes) > 1:
        raise DataError(
            "bad_shape", f"'{spec.path}': parts differ in image shape {sorted(shapes)}: make them equal"
        )
    return dataset_from_arrays(
        name=spec.name,
        class_names=class_names,
        images=np.concatenate([part.images for part in examples]),
        labels=labels,
        given=np.concatenate([np.full(len(part.labels), part.part, dtype=np.int64) for part in examples]),
        shares=Shares(spec.val_share, spec.test_share),
        seed=spec.seed,
        cache_dir=cache_dir,
    )


# RuntimeError: a member is encrypted; NotImplementedError, one of them: packed in a way that nobody knows.
# TokenError: numpy's parser of headers meets one that never closes.
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tokenize.TokenError,
    SyntaxError,
    EOFError,
    OSError,
    MemoryError,
    RuntimeError,
)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise UsageError("dataset_not_found", f"no file '{path}': give the path of a .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise DataError(
                "oversized_file",
                f"'{path}' unpacks to {size / 2**30:.1f} GiB: at most {MAX_BYTES >> 30} GiB fit",
            )
        _check_headers(path)
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except PermissionError:
        raise
    except _BROKEN as error:
        raise DataError("broken_file", f"'{path}' is no complete .npz file: {error}") from error
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise DataError("unsafe_pickle", f"'{path}' holds pickled objects: store plain arrays") from error
        raise DataError("broken_file", f"'{path}' is no complete .npz file: {error}") from error
    # Numpy hands out the bytes of a member that is no array as they are.
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _check_headers(path: Path) -> None:
    """Refuse arrays that say to be larger than they are: numpy takes the memory before it reads.

    Raises:
        DataError: `unsafe_pickle`.
        ValueError: Where a header is none.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            with archive.open(member) as stream:
                if stream.read(len(_MAGIC)) != _MAGIC:
                    continue  # no array: numpy hands out its bytes, which are passed over
                stream.seek(0)
                version = np.lib.format.read_magic(stream)
                read = _HEADERS.get(version)
                if read is None:
                    raise ValueError(f"{member.filename[:80]!r} has fields")
                try:
                    shape, _, dtype = read(stream)
                except (*_BROKEN, ValueError, TypeError) as error:
                    # The parser's own text repeats the header, or names addresses of this process.
                    raise ValueError(f"{member.filename[:80]!r} has no header of an array") from error
            if dtype.hasobject:
                raise DataError("unsafe_pickle", f"'{path}' holds pickled objects: store plain arrays")
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"{member.filename[:80]!r} says to be larger than it is")


def _examples(arrays: dict[str, NDArray[Any]], path: Path) -> list[_Examples]:
    named = {prefix: part for prefix, part in _PREFIXES.items() if f"{prefix}_images" in arrays}
    if len(set(named.values())) < len(named):
        raise DataError(
            "duplicate_split", f"'{path}' has two names for one split: {', '.join(named)}; keep one"
        )
    if not named and "images" not in arrays:
        raise DataError(
            "missing_array",
            f"'{path}' has {', '.join(arrays) or 'no arrays'}: it needs 'images' and 'labels'",
        )
    pairs = [(f"{prefix}_", PART_CODE[part]) for prefix, part in named.items()] or [("", UNASSIGNED)]
    return [_pair(arrays, prefix, code, path) for prefix, code in pairs]


def _pair(arrays: dict[str, NDArray[Any]], prefix: str, code: int, path: Path) -> _Examples:
    if f"{prefix}labels" not in arrays:
        raise DataError("missing_array", f"'{path}' has '{prefix}images' but no '{prefix}labels': add it")
    images = _as_bytes(_channels_last(arrays[f"{prefix}images"], f"{prefix}images"), f"{prefix}images")
    labels = arrays[f"{prefix}labels"]
    if labels.shape == (len(images), 1):
        labels = labels[:, 0]
    if labels.shape != (len(images),):
        raise DataError(
            "bad_shape",
            f"'{prefix}labels' has shape {labels.shape} for {len(images)} images: one label for each image",
        )
    if labels.dtype.kind not in "iubUS":
        raise DataError(
            "bad_values", f"'{prefix}labels' has type {labels.dtype}: labels are integers or strings"
        )
    return _Examples(images, labels, code)


def _channels_last(images: NDArray[Any], name: str) -> NDArray[Any]:
    if images.ndim == 3:
        images = images[..., None]
    elif images.ndim == 4 and images.shape[3] not in (1, 3) and images.shape[1] in (1, 3):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape[1:]:
        raise DataError(
            "bad_shape",
            f"'{name}' has shape {images.shape}: need (n, h, w), (n, h, w, c) or (n, c, h, w), c 1 or 3",
        )
    return images


def _as_bytes(images: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype == np.uint16:
        return (images >> 8).astype(np.uint8)
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    limit = 1 if images.dtype.kind == "f" else 255
    if images.dtype.kind not in "fiu" or not np.all((images >= 0) & (images <= limit)):
        raise DataError(
            "bad_values",
            f"'{name}' ({images.dtype}) has values outside 0..{limit}: integers are 0..255, floats 0..1",
        )
    return np.floor(images * 255.0 + 0.5).astype(np.uint8) if limit == 1 else images.astype(np.uint8)


def _classes(labels: NDArray[Any], names: NDArray[Any] | None) -> tuple[IntArray, tuple[str, ...]]:
    if names is None:
        values, indices = np.unique(labels, return_inverse=True)
        return indices.astype(np.int64), tuple(_text(value) for value in values.tolist())
    if names.ndim != 1 or names.dtype.kind not in "US" or len(set(names.tolist())) != len(names):
        raise DataError(
            "bad_values", f"'class_names' has shape {names.shape}: give one distinct string for each class"
        )
    if labels.dtype.kind not in "iu" or len(labels) == 0 or labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            "bad_values", f"with {len(names)} class names, labels have to be integers 0..{len(names) - 1}"
        )
    return labels.astype(np.int64), tuple(_text(value) for value in names.tolist())


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

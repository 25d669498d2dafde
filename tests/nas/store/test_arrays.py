"""Arrays as the content of a file: back to the bit, and nothing is ever unpickled."""

import io
from collections.abc import Callable

import numpy as np
import pytest

from nas.store.arrays import packed, unpacked
from search_spaces.errors import ArtifactError


def test_arrays_come_back_to_the_bit() -> None:
    arrays = {
        "archs": np.arange(12).reshape(3, 4),
        "correct": np.array([[True, False]]),
        "none": np.zeros((0, 2), dtype=np.float32),
    }
    found = unpacked(packed(arrays))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_the_same_arrays_are_the_same_content() -> None:
    """So that they are one artifact, whoever wrote them."""
    assert packed({"a": np.arange(3)}) == packed({"a": np.arange(3)})
    assert packed({"a": np.arange(3)}) != packed({"a": np.arange(1, 4)})


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = content.index(b"NUMPY") if b"NUMPY" in content else len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize("damaged", [cut, flipped, lambda content: b"", lambda content: b"no archive"])
def test_what_cannot_be_read_is_damaged(damaged: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ArtifactError) as caught:
        unpacked(damaged(packed({"a": np.arange(100)})))
    assert caught.value.code == "damaged_file"


class Harm:
    """Does something when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("it was unpickled",)


def test_nothing_is_unpickled() -> None:
    stream = io.BytesIO()
    np.savez(stream, a=np.array([Harm()], dtype=object))
    with pytest.raises(ArtifactError) as caught:
        unpacked(stream.getvalue())
    assert caught.value.code == "damaged_file"


def test_objects_are_not_written() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        packed({"a": np.array([Harm()], dtype=object)})

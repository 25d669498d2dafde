"""A place is a folder, or a file by its ending."""

from pathlib import Path

import pytest

from api.places import is_file


@pytest.mark.parametrize(
    ("place", "expected"),
    [(Path("net.onnx"), True), (Path("onnx"), False), (Path("net.onnx.d"), False), (None, False)],
)
def test_the_ending_tells(place: Path | None, expected: bool) -> None:
    assert is_file(place, "onnx") is expected

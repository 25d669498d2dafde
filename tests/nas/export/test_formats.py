import pytest

from nas.export.formats import FORMATS, get_format
from nas.export.onnx import export_onnx
from search_spaces.errors import UsageError


def test_onnx_is_written_by_our_exporter() -> None:
    assert get_format("onnx") is export_onnx


def test_an_unknown_format_is_refused_naming_those_there_are() -> None:
    with pytest.raises(UsageError, match=", ".join(FORMATS)) as caught:
        get_format("pickle")
    assert caught.value.code == "unknown_format"

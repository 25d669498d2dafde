import json
from pathlib import Path

import onnx
import pytest

from nas.export.classifier import read_metadata
from nas.export.metadata import ExportMetadata, hwnas_version
from nas.export.onnx import export_onnx
from search_spaces.base import architecture_digest, option_values, space_digest
from search_spaces.errors import ArtifactError
from tests.nas.export.networks import CELL, LARGEST, TEN, TINY, drawn, exported, facts, settled


def test_metadata_say_what_the_network_is() -> None:
    model = onnx.load_from_string(exported(TINY, LARGEST))
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(found.pop("class_names")) == list(TEN)
    assert json.loads(found.pop("options")) == option_values(TINY, LARGEST)
    assert found == {
        "architecture_digest": architecture_digest(TINY, LARGEST),
        "dataset_digest": "ab" * 32,
        "hwnas_version": hwnas_version(),
        "resize_rule": "centre-square, bilinear-antialiased, 1",
        "resolution": "32",
        "space": "mobilenet_v3/tiny",
        "space_digest": space_digest(TINY),
    }


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        'quo"te',
        "back\\slash",
        "new\nline",
        "a,b;c",
        "日本",
        "\u202eevil",
        "<script>",
        "null\x00byte",
        "",
    ],
)
def test_any_class_name_survives(name: str, tmp_path: Path) -> None:
    names = (name, *TEN[1:])
    path = tmp_path / "model.onnx"
    path.write_bytes(
        export_onnx(settled(CELL, next(drawn(CELL, 1))), facts(CELL, next(drawn(CELL, 1)), names))
    )
    assert read_metadata(path).class_names == names


def test_properties_are_read_back_as_they_were() -> None:
    metadata = facts(TINY, LARGEST, TEN)
    assert ExportMetadata.from_properties(metadata.properties()) == metadata


def test_foreign_properties_do_no_harm() -> None:
    metadata = facts(TINY, LARGEST, TEN)
    assert ExportMetadata.from_properties({**metadata.properties(), "author": "me"}) == metadata


@pytest.mark.parametrize(
    ("name", "value"),
    [("class_names", "not json"), ("class_names", "3"), ("options", "[1]"), ("resolution", "large")],
)
def test_properties_that_make_no_sense_are_refused(name: str, value: str) -> None:
    properties = {**facts(TINY, LARGEST, TEN).properties(), name: value}
    with pytest.raises(ArtifactError) as caught:
        ExportMetadata.from_properties(properties)
    assert caught.value.code == "missing_metadata"


@pytest.mark.parametrize("name", list(facts(TINY, LARGEST, TEN).properties()))
def test_a_missing_property_is_named(name: str) -> None:
    properties = facts(TINY, LARGEST, TEN).properties()
    del properties[name]
    with pytest.raises(ArtifactError, match=name):
        ExportMetadata.from_properties(properties)

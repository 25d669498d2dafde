from pathlib import Path

import pytest

from nas.spec_files import load_document, read_document
from search_spaces.errors import UsageError


def test_a_mapping_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("dataset: {name: stored, id: mine}\nunknown: 1\n", encoding="utf-8")
    assert read_document(path) == {"dataset": {"name": "stored", "id": "mine"}, "unknown": 1}
    path.write_text('{"seed": 1}', encoding="utf-8")
    assert read_document(path) == {"seed": 1}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "no_such_file"),
        (b"a: [", "invalid_yaml"),
        (b"\xff\xfe\x00", "invalid_yaml"),
        (b"a: 2026-13-45", "invalid_yaml"),
        (b"[" * 100_000, "invalid_yaml"),
        (b"- a", "invalid_spec"),
        (b"", "invalid_spec"),
        (b"!!python/object/apply:os.getcwd []", "invalid_yaml"),
    ],
)
def test_what_is_none_is_said(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "spec.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_document(path)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('"a\\0b"', "dataset.path: embedded null"),
        ("~nobody-of-this-name/images", "dataset.path: Could not determine home directory"),
    ],
)
def test_what_is_no_path_is_said_to_be_wrong(tmp_path: Path, given: str, said: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"dataset: {{name: image_folder, path: {given}}}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=said) as caught:
        load_document(path)
    assert caught.value.code == "invalid_spec"

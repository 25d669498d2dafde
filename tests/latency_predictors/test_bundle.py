"""Archives and answers: what was packed comes out, what was changed on the way does not."""

import json
import random
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from latency_predictors.agent_protocol import PROTOCOL, Work
from latency_predictors.bundle import (
    OLDEST,
    VERSION,
    Answer,
    Bundle,
    Outcome,
    check_board,
    pack,
    read_answer,
    unpack,
)
from latency_predictors.measure import LAYER_PROTOCOL
from latency_predictors.unit import Unit
from search_spaces.errors import ArtifactError, HwnasError, UsageError
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session
from tests.nas.store.boards import content_of, subject_of, told

KEY = "5" * 64


def bundle(**more: object) -> Bundle:
    """Work on one file."""
    work = Work(
        lease="1" * 32,
        attempt=0,
        context=CONTEXT,
        timing=LAYER_PROTOCOL,
        files={"2" * 64: subject_of("file one")},
        sessions=2,
        reference_ms={},
    )
    facts = {
        "protocol": VERSION,
        "unit": "board-1",
        "id": "1" * 32,
        "name": "pi5",
        "key": KEY,
        "device": DEVICE,
    }
    return Bundle.model_validate({**facts, "works": (work,), **more})


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """An archive."""
    file = tmp_path / "file"
    file.write_bytes(b"file one")
    pack(bundle(), {subject_of("file one"): file}, tmp_path / "pi5.zip")
    return tmp_path / "pi5.zip"


def again(archive: Path, changed: dict[str, bytes]) -> None:
    """Write an archive again with other content."""
    with zipfile.ZipFile(archive) as before:
        content = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(archive, "w") as after:
        for name, one in {**content, **changed}.items():
            after.writestr(name, one)


def refused(archive: Path, folder: Path) -> HwnasError:
    """What unpacking says."""
    with pytest.raises(HwnasError) as caught:
        unpack(archive, folder)
    return caught.value


def test_what_was_packed_comes_out(packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    found, files = unpack(packed, out)
    assert found == bundle()
    assert {digest: path.read_bytes() for digest, path in files.items()} == {
        subject_of("file one"): b"file one"
    }
    with pytest.raises(UsageError) as caught:
        pack(bundle(), {}, packed)
    assert caught.value.code == "file_exists"


def test_a_file_that_was_changed_is_not_run(packed: Path, tmp_path: Path) -> None:
    again(packed, {f"files/{subject_of('file one')}": b"another file"})
    assert refused(packed, tmp_path).code == "damaged_bundle"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.zip").write_bytes(content)
    assert refused(tmp_path / "file.zip", tmp_path).code == "damaged_bundle"
    assert refused(tmp_path / "none.zip", tmp_path).code == "no_such_file"


@pytest.mark.parametrize(
    "manifest", [b"[]", b'{"protocol": "%d"}' % VERSION, b"[" * 99_999, b"\xff", b"{}", b"null"]
)
def test_a_manifest_that_is_none_is_refused(packed: Path, tmp_path: Path, manifest: bytes) -> None:
    again(packed, {"bundle.json": manifest})
    assert refused(packed, tmp_path).code == "damaged_bundle"


def test_an_archive_that_was_changed_anywhere_is_refused_or_the_same(packed: Path, tmp_path: Path) -> None:
    whole, rng = packed.read_bytes(), random.Random(0)
    there = unpack(packed, tmp_path)
    damaged = 0
    for _ in range(300):
        place = rng.randrange(len(whole))
        packed.write_bytes(whole[:place] + bytes([rng.randrange(256)]) + whole[place + 1 :])
        with suppress(ArtifactError):
            damaged += 1
            assert unpack(packed, tmp_path) == there
            damaged -= 1
    assert damaged > 200


@pytest.mark.parametrize(("version", "code"), [(VERSION + 1, "agent_outdated"), (OLDEST - 1, "agent_newer")])
def test_another_version_is_told_before_anything_else_is_read(
    packed: Path, tmp_path: Path, version: int, code: str
) -> None:
    again(packed, {"bundle.json": json.dumps({"protocol": version, "else": "unknown"}).encode()})
    assert refused(packed, tmp_path).code == code


def test_a_bundle_of_before_is_read_and_an_agent_of_before_asks_to_be_updated(
    packed: Path, tmp_path: Path
) -> None:
    before = bundle(protocol=OLDEST).model_dump(mode="json", exclude={"unit"})
    again(packed, {"bundle.json": json.dumps(before).encode()})
    found, _ = unpack(packed, tmp_path)
    assert (found.unit, found.works) == ("", bundle().works)
    # Agents of before compare with the protocol that they speak: whoever raises that raises all three.
    assert (PROTOCOL, OLDEST, VERSION) == (4, 4, 5)


def test_whoever_is_not_the_board_is_told_both_and_what_to_do() -> None:
    check_board(told(), "pi5", Unit(replace(DEVICE, registered="0" * 16), "board-1"))
    check_board(told(unit=""), "pi5", Unit(DEVICE, "board-1"))
    with pytest.raises(UsageError, match="under a name of its own") as caught:
        check_board(told(unit="board-2"), "pi5", Unit(DEVICE, "board-1"))
    assert caught.value.code == "another_device"
    assert f"{DEVICE.label} (board-1), and {DEVICE.label} (board-2) is another" in caught.value.message


def test_an_answer_is_signed_over_everything_in_it(tmp_path: Path) -> None:
    outcome = Outcome(work=0, session=session("a", {content_of("one").hex(): 0.1 + 0.2}))
    answer = Answer(bundle="1" * 32, told=told(), outcomes=(outcome,), finished=(0,)).signed(KEY)
    answer.save(tmp_path / "answer.json")
    read = read_answer(tmp_path / "answer.json")
    assert read == answer
    assert read.is_signed_with(KEY)
    assert not read.is_signed_with("6" * 64)
    assert not read.model_copy(update={"finished": ()}).is_signed_with(KEY)
    assert not Answer(bundle="1" * 32, told=told(), outcomes=(), finished=()).is_signed_with(KEY)
    (tmp_path / "answer.json").write_text("{}")
    with pytest.raises(ArtifactError) as caught:
        read_answer(tmp_path / "answer.json")
    assert caught.value.code == "damaged_bundle"

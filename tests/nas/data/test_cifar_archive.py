"""Archives that are no CIFAR: the reader knows names and limits only. `test_cifar` has the real layout."""

import contextlib
import gzip
import io
import tarfile
from pathlib import Path

import pytest

from nas.data import cifar_archive
from nas.data.cifar_archive import MAX_MEMBERS, read_members
from search_spaces.errors import DataError, UsageError


def archive(path: Path, members: dict[str, bytes], mode: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w:gz", format=mode) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def code_of(path: Path, *names: str) -> str:
    with pytest.raises(DataError) as caught:
        read_members(path, names)
    assert "\n" not in caught.value.message
    return caught.value.code


@pytest.mark.parametrize("mode", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_members_are_found_in_any_folder_and_order(tmp_path: Path, mode: int) -> None:
    path = archive(tmp_path / "a.tar.gz", {"x/two": b"2", "x/other": b"", "x/y/one": b"1" * 5000}, mode)
    assert read_members(path, ("one", "two")) == {"one": b"1" * 5000, "two": b"2"}


def test_the_first_of_two_members_with_one_name_counts(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {"x/one": b"1", "../one": b"2"})
    assert read_members(path, ("one",)) == {"one": b"1"}


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {"one": bytes(range(256)) * 20})
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        assert code_of(path, "one") == ("not_an_archive" if end < 2 else "truncated_archive")


def test_every_flipped_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    members = {"one": bytes(range(256)) * 4}
    path = archive(tmp_path / "a.tar.gz", members)
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        with contextlib.suppress(DataError):
            assert read_members(path, ("one",)) == members  # gzip's own name and time are checked by nobody


def test_a_member_larger_than_the_archive_may_be_stops_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar_archive, "MAX_BYTES", 100_000)
    assert code_of(archive(tmp_path / "a.tar.gz", {"one": bytes(200_000)}), "one") == "oversized_archive"
    assert (
        code_of(archive(tmp_path / "a.tar.gz", {"big": bytes(200_000), "one": b""}), "one")
        == "oversized_archive"
    )


def test_a_header_that_claims_a_huge_name_stops_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar_archive, "MAX_BYTES", 100_000)
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 10**9
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(10**6)))
    assert code_of(path, "one") == "oversized_archive"


def test_many_members_stop_the_reader(tmp_path: Path) -> None:
    members = {f"file{number}": b"" for number in range(MAX_MEMBERS + 1)}
    assert code_of(archive(tmp_path / "a.tar.gz", members), "one") == "oversized_archive"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_regular_members_are_read(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("one")
        member.type, member.linkname = kind, str(path)
        tar.addfile(member)
    assert code_of(path, "one") == "truncated_archive"


def test_a_folder_is_read_directly_or_one_level_down(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "one").write_bytes(b"1")
    assert read_members(tmp_path, ("one",)) == read_members(tmp_path / "inner", ("one",)) == {"one": b"1"}
    assert code_of(tmp_path, "one", "two") == "missing_file"
    assert code_of(tmp_path, "two") == "missing_file"


def test_a_huge_file_in_the_folder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar_archive, "MAX_BYTES", 10)
    (tmp_path / "one").write_bytes(b"1" * 11)
    assert code_of(tmp_path, "one") == "oversized_archive"


def test_a_missing_path_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_members(tmp_path / "none", ("one",))
    assert caught.value.code == "dataset_not_found"

"""The file of a backup: what was put in comes out, and what was changed, cut or made by hand is refused."""

import hashlib
import json
import random
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nas.store.backup_file import FORMAT, Manifest, artifact_name, new_backup, opened_backup
from search_spaces.errors import ArtifactError, UsageError

DATABASE, ARTIFACT = b"pages", b"a network, for example"
DIGEST = hashlib.sha256(ARTIFACT).hexdigest()
FILES = {"hwnas.db": DATABASE, artifact_name(DIGEST): ARTIFACT}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A backup of two files."""
    path = tmp_path / "made.zip"
    with new_backup(path) as writer:
        for number, (name, content) in enumerate(FILES.items()):
            (tmp_path / f"{number}").write_bytes(content)
            writer.add(name, tmp_path / f"{number}")
        members = tuple(writer.members)
        writer.finish(
            Manifest(format=FORMAT, hwnas="1.2", schema_version="0009", created_at="now", members=members)
        )
    return path


def taken_out(path: Path, folder: Path) -> dict[str, bytes]:
    """Place all files of a backup in a new folder; return what is there."""
    with opened_backup(path) as backup:
        for member in backup.manifest.members:
            backup.place(member, folder)
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def refused(path: Path, folder: Path) -> str:
    """Why a backup is not taken."""
    with pytest.raises(ArtifactError) as caught:
        taken_out(path, folder)
    assert caught.value.code == "damaged_backup"
    assert str(path) in caught.value.message
    return caught.value.message


def taken_or_refused(path: Path, folder: Path) -> dict[str, bytes] | str:
    """What is in a backup, or the code of why it is not taken."""
    try:
        return taken_out(path, folder)
    except ArtifactError as error:
        return error.code


def handmade(path: Path, files: Sequence[tuple[zipfile.ZipInfo, bytes]], **changes: Any) -> Path:
    """Write a backup whose manifest names its files rightly, but for the changes."""
    listed = [
        {"name": info.filename, "num_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for info, content in files
    ]
    told = {"format": 1, "hwnas": "1.2", "schema_version": "0009", "created_at": "now", "members": listed}
    manifest = json.dumps({**told, **changes}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for info, content in (*files, (member("backup.json"), manifest)):
            archive.writestr(info, content)
    return path


def member(name: str, kind: int = stat.S_IFREG, packed: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    """What a directory says of a file."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o600) << 16
    info.compress_type = packed
    return info


SOUND = [(member(name), content) for name, content in FILES.items()]


def test_what_was_put_in_comes_out(made: Path, tmp_path: Path) -> None:
    assert taken_out(made, tmp_path / "home") == FILES
    assert taken_out(handmade(tmp_path / "other.zip", SOUND), tmp_path / "other") == FILES


def test_nobody_else_reads_a_backup_or_what_comes_of_it(made: Path, tmp_path: Path) -> None:
    taken_out(made, tmp_path / "home")
    modes = [made, tmp_path / "home" / "hwnas.db", tmp_path / "home" / artifact_name(DIGEST)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in modes] == [0o600, 0o600, 0o444]


def test_any_zip_program_gets_single_files_out_of_it(made: Path) -> None:
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in FILES} == FILES
        assert json.loads(archive.read("backup.json"))["members"][1] == {
            "name": artifact_name(DIGEST),
            "num_bytes": len(ARTIFACT),
            "sha256": DIGEST,
        }


def test_a_file_that_is_cut_is_refused(made: Path, tmp_path: Path) -> None:
    content = made.read_bytes()
    for end in range(0, len(content), 7):
        made.write_bytes(content[:end])
        refused(made, tmp_path / f"out{end}")


def test_a_flipped_byte_is_refused_or_changes_nothing(made: Path, tmp_path: Path) -> None:
    content, seed = made.read_bytes(), random.Random(3)
    inside = [content.index(DATABASE), content.index(ARTIFACT), content.index(b'"sha256"')]
    for number, at in enumerate([*inside, *seed.sample(range(len(content)), 200)]):
        changed = bytearray(content)
        changed[at] ^= 1 << seed.randrange(8)
        made.write_bytes(changed)
        if number < len(inside):
            refused(made, tmp_path / f"out{number}")
            continue
        assert taken_or_refused(made, tmp_path / f"out{number}") in (FILES, "damaged_backup"), f"byte {at}"


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "artifacts/../../evil", "tls/other.pem", "artifacts/no/digest", "", "tls/"]
)
def test_names_that_are_none_of_a_home_are_refused(name: str, tmp_path: Path) -> None:
    path = handmade(tmp_path / "evil.zip", [*SOUND, (member(name), b"evil")])
    assert "no file of a home" in refused(path, tmp_path / "home")
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "members",
    [
        [*SOUND, (member("tls/key.pem", stat.S_IFLNK), b"/etc/passwd")],
        [*SOUND, (member("tls/key.pem", packed=zipfile.ZIP_DEFLATED), b"0" * 10_000)],
    ],
    ids=["a link", "a bomb"],
)
def test_only_plain_files_are_taken(members: list[tuple[zipfile.ZipInfo, bytes]], tmp_path: Path) -> None:
    path = handmade(tmp_path / "evil.zip", members)
    assert "tls/key.pem is not as its manifest says" in refused(path, tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_directory_and_manifest_name_the_same_files_of_the_same_sizes(made: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(made) as archive:
        listed = json.loads(archive.read("backup.json"))["members"]
    larger = [listed[0], {**listed[1], "num_bytes": len(ARTIFACT) + 1}]
    for number, members in enumerate((listed[:1], [*listed, listed[0]], larger)):
        path = handmade(tmp_path / f"{number}.zip", SOUND, members=members)
        refused(path, tmp_path / "home")
    assert "no database" in refused(handmade(tmp_path / "x.zip", SOUND[1:]), tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_another_content_under_the_name_of_a_digest_is_refused(tmp_path: Path) -> None:
    path = handmade(tmp_path / "evil.zip", [SOUND[0], (SOUND[1][0], b"something else")])
    assert "no file of a home" in refused(path, tmp_path / "home")


def test_content_that_is_not_as_the_manifest_says_is_refused(tmp_path: Path) -> None:
    listed = [{"name": "hwnas.db", "num_bytes": len(DATABASE), "sha256": DIGEST}]
    path = handmade(tmp_path / "evil.zip", SOUND[:1], members=listed)
    assert "hwnas.db is not what was put in" in refused(path, tmp_path / "home")


def test_files_that_lie_in_one_another_are_refused(tmp_path: Path) -> None:
    large = 10**12
    listed = [{"name": "hwnas.db", "num_bytes": large, "sha256": DIGEST}]
    with zipfile.ZipFile(handmade(tmp_path / "evil.zip", SOUND[:1], members=listed), "a") as archive:
        info = archive.getinfo("hwnas.db")
        info.file_size = info.compress_size = large
        archive.comment = b"has the directory written anew"
    assert "lie in one another" in refused(tmp_path / "evil.zip", tmp_path / "home")


def test_a_backup_of_a_newer_program_says_which(tmp_path: Path) -> None:
    path = handmade(tmp_path / "newer.zip", SOUND, format=2, hwnas="9.1", more="than is known here")
    with pytest.raises(UsageError, match=r"install hwnas 9\.1") as caught, opened_backup(path):
        pytest.fail("nothing of it is known")
    assert caught.value.code == "backup_newer"


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8" * 100)
    refused(path, tmp_path / "home")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("photo.jpg", b"\xff\xd8")
    refused(tmp_path / "photos.zip", tmp_path / "home")
    with pytest.raises(UsageError) as caught, opened_backup(tmp_path):
        pytest.fail("a folder is no backup")
    assert caught.value.code == "no_such_file"

"""A backup has all that lasts, as it was at one moment, whatever is written and removed meanwhile."""

import hashlib
import sqlite3
import stat
import threading
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from nas.settings import Settings
from nas.store import backup
from nas.store.backup import write_backup
from nas.store.backup_file import Manifest, is_artifact
from nas.store.schema import newest_version, schema_version
from nas.store.session import open_engine, writing
from nas.store.stores import opened_stores
from nas.store.upgrading import migrate
from search_spaces.errors import HwnasError, ResourceError, StoreError
from tests.nas.store.backed_up import ANSWERS, UNNAMED, contents, filled, no_file_above, quiet, train
from tests.nas.store.queued import REQUEST, TENANT

ANSWERS_DIGEST, UNNAMED_DIGEST = (hashlib.sha256(one).hexdigest() for one in (ANSWERS, UNNAMED))


def digests(manifest: Manifest) -> set[str]:
    """Of the artifacts in a backup."""
    return {member.sha256 for member in manifest.members if is_artifact(member)}


def counted(file: Path, folder: Path) -> tuple[int, int]:
    """Jobs and their first events in the database of a backup, which is whole."""
    with zipfile.ZipFile(file) as archive:
        path = archive.extract("hwnas.db", folder)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        jobs, events = (
            connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
            for what in ("jobs", "events WHERE id = 1")
        )
    return jobs, events


def refused(settings: Settings, file: Path) -> str:
    """The code of why there is no backup, of which nothing is left behind."""
    before = sorted(file.parent.iterdir())
    with pytest.raises(HwnasError) as caught:
        write_backup(settings, file, quiet)
    assert sorted(file.parent.iterdir()) == before
    return caught.value.code


def test_all_that_lasts_is_in_it(tmp_path: Path) -> None:
    settings, _ = filled(tmp_path / "home")
    (tmp_path / "home" / "tls").mkdir()
    (tmp_path / "home" / "tls" / "key.pem").write_bytes(b"a key")
    (tmp_path / "home" / "worker.log").write_bytes(b"nothing that lasts")
    file = tmp_path / "backups" / "home.zip"
    made = write_backup(settings, file, quiet)
    assert digests(made) == set(contents(tmp_path / "home"))
    assert {one.name for one in made.members if not is_artifact(one)} == {"hwnas.db", "tls/key.pem"}
    assert (made.schema_version, made.missing, made.damaged) == (newest_version(), (), ())
    assert counted(file, tmp_path) == (1, 1)
    assert list(file.parent.iterdir()) == [file]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_how_far_it_is_is_told(tmp_path: Path) -> None:
    settings, _ = filled(tmp_path / "home")
    told: list[tuple[str, float, float]] = []
    write_backup(settings, tmp_path / "home.zip", lambda *step: told.append(step))
    assert {phase for phase, done, total in told if done == total} == {"database", "files"}


def test_the_database_is_as_it_was_at_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, _ = filled(tmp_path / "home")
    monkeypatch.setattr(backup, "_PAGES", 4)
    enough = threading.Event()

    def submit() -> None:
        with opened_stores(settings) as stores:
            while not enough.is_set():
                stores.jobs.submit(TENANT, REQUEST)

    writer = threading.Thread(target=submit)
    writer.start()
    try:
        for number in range(3):
            write_backup(settings, tmp_path / f"{number}.zip", quiet)
    finally:
        enough.set()
        writer.join()
    for number in range(3):
        jobs, events = counted(tmp_path / f"{number}.zip", tmp_path)
        assert jobs == events > 0


def test_what_training_writes_and_removes_meanwhile_is_no_loss(tmp_path: Path) -> None:
    settings, lease = filled(tmp_path / "home")
    before = set(contents(tmp_path / "home"))

    def train_on(phase: str, done: float, total: float) -> None:
        if (phase, done) == ("files", 0):
            for epoch in (2, 3):
                train(stores, lease, epoch)

    with opened_stores(settings) as stores:
        made = write_backup(settings, tmp_path / "home.zip", train_on)
    gone = before - set(contents(tmp_path / "home"))
    assert len(gone) == 2, "the first checkpoint was removed before it was copied"
    assert digests(made) == before - gone
    assert made.missing == ()


def test_what_is_missing_or_damaged_is_named_and_the_rest_is_in_it(tmp_path: Path) -> None:
    settings, _ = filled(tmp_path / "home")
    with opened_stores(settings) as stores:
        stores.artifacts.remove(ANSWERS_DIGEST)
        path = stores.artifacts.local_path(UNNAMED_DIGEST)
    path.chmod(0o644)
    path.write_bytes(b"changed")
    made = write_backup(settings, tmp_path / "home.zip", quiet)
    assert (made.missing, made.damaged) == ((ANSWERS_DIGEST,), (UNNAMED_DIGEST,))
    assert digests(made) == set(contents(tmp_path / "home")) - {UNNAMED_DIGEST}
    assert len(digests(made)) == 2


def test_artifacts_may_be_in_a_bucket(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", artifact_url=f"memory://{tmp_path.name}")
    with opened_stores(settings) as stores:
        digest = stores.artifacts.put(ANSWERS)
    assert digests(write_backup(settings, tmp_path / "home.zip", quiet)) == {digest}


def test_an_older_schema_is_copied_as_it_is(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        migrate(connection, "0003")
    assert write_backup(settings, tmp_path / "home.zip", quiet).schema_version == "0003"
    assert schema_version(engine) == "0003"
    engine.dispose()


def test_where_there_is_nothing_nothing_is_written(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert refused(settings, tmp_path / "home.zip") == "nothing_to_back_up"
    (tmp_path / "home").mkdir()
    with closing(sqlite3.connect(tmp_path / "home" / "hwnas.db")) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
    assert refused(settings, tmp_path / "home.zip") == "nothing_to_back_up"


def test_postgresql_has_a_tool_of_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", database_url="postgresql://hwnas@db.example/hwnas")
    assert refused(settings, tmp_path / "home.zip") == "needs_pg_dump"


def test_an_earlier_backup_is_never_replaced(tmp_path: Path) -> None:
    settings, _ = filled(tmp_path / "home")
    file = tmp_path / "home.zip"
    file.write_bytes(b"of yesterday")
    assert refused(settings, file) == "file_exists"
    assert file.read_bytes() == b"of yesterday"


def test_on_a_full_disk_nothing_half_written_is_left(tmp_path: Path) -> None:
    settings, _ = filled(tmp_path / "home")
    with opened_stores(settings) as stores:
        stores.artifacts.put(b"0" * 5_000_000)
    with no_file_above(4_000_000), pytest.raises(ResourceError, match="free some space") as caught:
        write_backup(settings, tmp_path / "home.zip", quiet)
    assert caught.value.code == "disk_full"
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    write_backup(settings, tmp_path / "home.zip", quiet)


def test_a_damaged_database_is_told_while_there_are_earlier_backups(tmp_path: Path) -> None:
    settings, _ = filled(tmp_path / "home")
    with (tmp_path / "home" / "hwnas.db").open("r+b") as file:
        file.seek(10 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StoreError) as caught:
        write_backup(settings, tmp_path / "home.zip", quiet)
    assert caught.value.code == "database_failed"
    assert [path.name for path in tmp_path.iterdir()] == ["home"]

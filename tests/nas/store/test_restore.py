"""A home appears with all that was backed up, or not at all."""

import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from nas.jobs import JobState
from nas.settings import Settings
from nas.store.backup import write_backup
from nas.store.backup_file import DATABASE, Manifest, new_backup
from nas.store.restore import restore_backup
from nas.store.schema import newest_version, schema_version
from nas.store.session import open_engine, writing
from nas.store.stores import opened_stores
from nas.store.upgrading import migrate
from search_spaces.errors import HwnasError, ResourceError
from tests.nas.store.backed_up import contents, filled, no_file_above, quiet
from tests.nas.store.queued import TENANT, let_time_pass


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A backup of a small home."""
    settings, _ = filled(tmp_path / "before")
    with opened_stores(settings) as stores:
        stores.artifacts.put(b"0" * 2_000_000)
    write_backup(settings, tmp_path / "made.zip", quiet)
    return tmp_path / "made.zip"


def rows(home: Path) -> list[str]:
    """All that is in the database of a home."""
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        return list(connection.iterdump())


def with_database(file: Path, version: str, fill: Callable[[Path], None]) -> Path:
    """Write a backup of a database alone."""
    database = file.with_name("a.db")
    fill(database)
    with new_backup(file) as writer:
        writer.add(DATABASE, database)
        members = tuple(writer.members)
        writer.finish(
            Manifest(format=1, hwnas="1.2", schema_version=version, created_at="now", members=members)
        )
    return file


def migrated(version: str, told: str = "") -> Callable[[Path], None]:
    """Make a database of a version that says it has another."""

    def fill(path: Path) -> None:
        engine = open_engine(f"sqlite:///{path}")
        with writing(engine) as connection:
            migrate(connection, version)
            if told:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (told,))
        engine.dispose()

    return fill


def no_database(path: Path) -> None:
    """Write what is none."""
    path.write_bytes(b"no pages" * 512)


def refused(settings: Settings, file: Path) -> HwnasError:
    """Why a backup is not restored: beside it and in the home all is as before."""
    before = sorted(file.parent.rglob("*"))
    with pytest.raises(HwnasError) as caught:
        restore_backup(settings, file, quiet)
    assert sorted(file.parent.rglob("*")) == before
    return caught.value


def test_everything_comes_back(made: Path, tmp_path: Path) -> None:
    told: list[tuple[str, float, float]] = []
    settings = Settings(home=tmp_path / "deep" / "after")
    restored = restore_backup(settings, made, lambda *step: told.append(step))
    assert (restored.home, restored.upgraded) == (settings.home, False)
    assert rows(settings.home) == rows(tmp_path / "before")
    assert contents(settings.home) == contents(tmp_path / "before")
    assert settings.home.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in settings.home.parent.iterdir()] == ["after"]
    assert told[-1][1] == told[-1][2] == restored.manifest.num_bytes


def test_a_job_that_was_running_is_queued_when_its_lease_has_run_out(made: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "after")
    restore_backup(settings, made, quiet)
    with opened_stores(settings) as stores:
        (job,) = stores.jobs.page(TENANT).jobs
        assert job.state is JobState.RUNNING
        assert stores.queue.claim("w2") == []
        let_time_pass(stores.engine, stores.queue.times.lease_ms + 1_000)
        assert [one.state for one in stores.queue.reap()] == [JobState.QUEUED]
        let_time_pass(stores.engine, 60_000)
        (claim,) = stores.queue.claim("w2")
        assert (claim.lease.job_id, claim.lease.attempt) == (job.id, 2)


def test_a_home_may_be_there_if_it_is_empty(made: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "after").symlink_to("disk")
    restored = restore_backup(Settings(home=tmp_path / "after"), made, quiet)
    assert restored.home == tmp_path / "disk"
    assert rows(tmp_path / "after") == rows(tmp_path / "before")


def test_a_home_that_is_used_is_left_alone(made: Path, tmp_path: Path) -> None:
    error = refused(Settings(home=tmp_path / "before"), made)
    assert error.code == "home_not_empty"
    assert "set HWNAS_HOME to a folder that is not there yet" in error.message
    (tmp_path / "file").write_bytes(b"mine")
    assert refused(Settings(home=tmp_path / "file"), made).code == "home_not_empty"


@pytest.mark.parametrize("name", ["database_url", "artifact_url"])
def test_stores_that_are_elsewhere_are_left_alone(name: str, made: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "after").model_copy(update={name: f"sqlite:///{tmp_path}/other"})
    assert refused(settings, made).code == "stores_elsewhere"


@pytest.mark.parametrize("part", [b"SQLite format 3", b"0" * 1_000], ids=["the database", "an artifact"])
def test_a_flipped_byte_leaves_nothing(part: bytes, made: Path, tmp_path: Path) -> None:
    content = bytearray(made.read_bytes())
    content[content.index(part)] ^= 1
    made.write_bytes(content)
    assert refused(Settings(home=tmp_path / "after"), made).code == "damaged_backup"


def test_a_cut_file_leaves_nothing(made: Path, tmp_path: Path) -> None:
    made.write_bytes(made.read_bytes()[:-1_000])
    assert refused(Settings(home=tmp_path / "after"), made).code == "damaged_backup"


def test_a_full_disk_leaves_nothing(made: Path, tmp_path: Path) -> None:
    with no_file_above(1_500_000):
        assert refused(Settings(home=tmp_path / "after"), made).code == "disk_full"
    restore_backup(Settings(home=tmp_path / "after"), made, quiet)


def test_what_does_not_fit_is_told_before_anything_is_written(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    error = refused(Settings(home=tmp_path / "after"), made)
    assert isinstance(error, ResourceError)
    assert "1 MB are free" in error.message


def test_an_older_schema_is_upgraded(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "after")
    file = with_database(tmp_path / "old.zip", "0003", migrated("0003"))
    assert restore_backup(settings, file, quiet).upgraded
    with opened_stores(settings) as stores:
        assert schema_version(stores.engine) == newest_version()


def test_databases_that_are_not_as_they_say_leave_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "after")
    newer = with_database(tmp_path / "newer.zip", "9999", migrated("head", "9999"))
    assert refused(settings, newer).code == "database_newer"
    (tmp_path / "a.db").unlink()
    other = with_database(tmp_path / "other.zip", "0009", migrated("0003"))
    assert refused(settings, other).code == "damaged_backup"
    none = with_database(tmp_path / "none.zip", "0009", no_database)
    assert refused(settings, none).code == "database_failed"


def test_a_single_file_comes_out_of_a_backup_by_unzip(made: Path, tmp_path: Path) -> None:
    digest = next(iter(contents(tmp_path / "before")))
    with zipfile.ZipFile(made) as archive:
        archive.extract(f"artifacts/{digest[:2]}/{digest}", tmp_path / "after")
    assert contents(tmp_path / "after") == {digest: contents(tmp_path / "before")[digest]}

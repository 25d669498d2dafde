"""`hwnas backup` and `hwnas restore`: a finished search is the same in another home, to the byte."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.certificates import own_certificate
from hwnas import run
from nas.results import SearchResult
from nas.settings import Settings
from nas.store.measurement_tables import lookup_tables
from nas.store.references import named_artifacts
from nas.store.searches import all_searches
from nas.store.session import reading
from nas.store.stores import Stores, opened_stores
from tests.api.test_searches import drawn
from workers.backups import BackedUp, RestoredHome

TENANT = "local"
MISSING, DAMAGED = "1" * 64, "2" * 64


@pytest.fixture
def hwnas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command on a home; returns its exit status, its document and what it said beside."""

    def command(home: Path, *words: str) -> tuple[int, Any, str]:
        monkeypatch.setenv("HWNAS_HOME", str(home))
        status = run([*words, "--json"])
        told = capsys.readouterr()
        return status, json.loads(told.out), told.err

    return command


def delivered(stores: Stores) -> list[tuple[str, str, str]]:
    """Name, format and digest of every delivered file of the only search; each is whole."""
    (job,) = all_searches(stores, TENANT)
    exports = stores.fronts.exports(TENANT, job.id)
    for one in exports:
        assert hashlib.sha256(stores.artifacts.get(one.file)).hexdigest() == one.file
    return [(one.name, one.format, one.file) for one in exports]


def all_in(stores: Stores) -> tuple[set[str], set[str]]:
    """Digests of all artifacts, and of those that the database names."""
    with reading(stores.engine) as connection:
        named = set(named_artifacts(connection))
        assert named.issuperset(connection.execute(select(lookup_tables.c.artifact)).scalars())
    return stores.artifacts.digests(), named


def test_a_finished_search_is_the_same_in_another_home(
    searched_home: Path, searched: tuple[Path, SearchResult], tmp_path: Path, hwnas: Any
) -> None:
    file, home = tmp_path / "made.zip", tmp_path / "elsewhere"
    certificate = own_certificate(searched_home / "tls", "127.0.0.1")
    status, backed_up, told = hwnas(searched_home, "backup", str(file))
    assert (status, backed_up["missing"], backed_up["damaged"]) == (0, [], [])
    assert "files: took" in told
    status, restored, told = hwnas(home, "restore", str(file))
    assert (status, restored["home"], restored["upgraded"]) == (0, str(home), False)
    assert "restore: took" in told
    assert hwnas(home, "searches", "front", "latest") == hwnas(searched_home, "searches", "front", "latest")
    assert own_certificate(home / "tls", "127.0.0.1").fingerprint == certificate.fingerprint
    with opened_stores(Settings(home=searched_home)) as before, opened_stores(Settings(home=home)) as after:
        assert delivered(after) == delivered(before) != []
        assert all_in(after) == all_in(before)
        stored, named = all_in(after)
        assert stored >= named
        assert len(stored) == restored["num_artifacts"] == backed_up["num_artifacts"]
        (job,) = all_searches(after, TENANT)
        assert after.stored(job).result() == searched[1]


def test_a_refusal_has_its_code_and_status(searched_home: Path, tmp_path: Path, hwnas: Any) -> None:
    file = tmp_path / "made.zip"
    status, answer, _ = hwnas(tmp_path / "nowhere", "backup", str(file))
    assert (status, answer["error"]["code"]) == (2, "nothing_to_back_up")
    file.write_bytes(b"PK")
    status, answer, _ = hwnas(tmp_path / "elsewhere", "restore", str(file))
    assert (status, answer["error"]["code"]) == (1, "damaged_backup")
    status, answer, _ = hwnas(searched_home, "restore", str(file))
    assert (status, answer["error"]["code"]) == (2, "home_not_empty")


def test_what_is_not_in_a_backup_is_told_and_the_status_says_so(searched_home: Path, hwnas: Any) -> None:
    with opened_stores(Settings(home=searched_home)) as stores:
        lost = delivered(stores)[0][2]
        stores.artifacts.remove(lost)
    status, answer, _ = hwnas(searched_home, "backup", str(searched_home / "made.zip"))
    assert (status, answer["missing"]) == (1, [lost])


def test_people_read_what_is_in_it_and_what_is_not() -> None:
    made = BackedUp(
        file="a.zip",
        num_artifacts=3,
        num_bytes=2**21,
        schema_version="0009",
        missing=(MISSING,),
        damaged=(DAMAGED,),
    )
    text = drawn(made)
    assert "a.zip: the database and 3 files, 2.00 MiB" in text
    assert f"missing in the store, and here: {MISSING[:12]}" in text
    assert f"damaged in the store, and not here: {DAMAGED[:12]}" in text
    whole = made.model_copy(update={"missing": (), "damaged": ()})
    assert (made.failed, whole.failed) == (True, False)
    assert "missing" not in drawn(whole)


def test_people_read_what_was_restored_and_how_it_goes_on() -> None:
    restored = RestoredHome(
        home="elsewhere",
        created_at="2026-11-26T17:00:00+00:00",
        num_artifacts=3,
        num_bytes=2**21,
        version_before="0003",
        upgraded=True,
        missing=(),
        damaged=(),
    )
    text = drawn(restored)
    assert "elsewhere: the database and 3 files, 2.00 MiB, as they were at 2026-11-26T17:00:00+00:00" in text
    assert "its schema was 0003 and is up to date now" in text
    assert "hwnas worker" in text
    assert "schema" not in drawn(restored.model_copy(update={"upgraded": False}))

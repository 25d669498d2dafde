"""Everything that lasts, opened by what the settings name."""

from pathlib import Path

import pytest

from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.leases import LeaseTimes
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import UsageError

SPEC = parse_spec({"dataset": {"name": "digits"}, "seed": 7})
REQUEST = JobRequest(JobKind.SEARCH, SPEC.model_dump(mode="json"), "digits")


def test_by_default_all_of_it_is_in_the_home_folder(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        stores.artifacts.put(b"content")
    # The database has files of its own beside it.
    names = {path.name.partition("-")[0] for path in (tmp_path / "home").iterdir()}
    assert names == {"artifacts", "hwnas.db"}


def test_settings_may_name_other_places(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path / "home",
        database_url=f"sqlite:///{tmp_path}/elsewhere/jobs.db",
        artifact_url=str(tmp_path / "files"),
    )
    with opened_stores(settings) as stores:
        digest = stores.artifacts.put(b"content")
    assert (tmp_path / "elsewhere" / "jobs.db").is_file()
    assert (tmp_path / "files" / digest[:2] / digest).read_bytes() == b"content"
    assert not (tmp_path / "home").exists()


def test_what_was_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with opened_stores(settings) as stores:
        job = stores.jobs.submit("local", REQUEST)
    with opened_stores(settings) as stores:
        assert stores.jobs.get("local", job.id) == job
        assert stores.stored(job).spec() == SPEC


def test_a_claim_writes_what_everybody_may_read(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        job = stores.jobs.submit("local", REQUEST)
        (claim,) = stores.queue.claim("w1")
        run = stores.run(claim)
        assert (run.id, run.lease) == (job.id, claim.lease)
        run.save("half", SPEC)
        assert stores.stored(job).load("half", type(SPEC)) == SPEC


def test_leases_of_jobs_and_devices_hold_as_long_as_is_said(tmp_path: Path) -> None:
    times = LeaseTimes(lease_ms=1, stall_ms=3_600_000)
    with opened_stores(Settings(home=tmp_path), times) as stores:
        assert stores.queue.times == times
    with opened_stores(Settings(home=tmp_path)) as stores:
        assert stores.queue.times == LeaseTimes()


def test_a_place_that_nobody_can_open_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as database:
        Stores.open(Settings(home=tmp_path, database_url="paper://shelf"))
    assert database.value.code == "invalid_database_url"
    with pytest.raises(UsageError) as artifacts:
        Stores.open(Settings(home=tmp_path, artifact_url="paper://shelf"))
    assert artifacts.value.code in ("invalid_artifact_url", "missing_package")

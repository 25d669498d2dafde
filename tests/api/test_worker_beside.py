from pathlib import Path

import psutil

from api.worker_beside import worker_beside
from nas.settings import Settings
from nas.store.stores import opened_stores
from tests.workers.jobs_at_work import until


def test_a_worker_lives_as_long_as_it_is_wanted(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with opened_stores(settings) as stores, worker_beside(settings) as process:
        until(lambda: bool(stores.workers.alive()))
        assert process.poll() is None
    assert process.returncode is not None
    assert not psutil.pid_exists(process.pid)

from pathlib import Path

import pytest

from api.dashboard.outcomes import bests, spent
from nas.settings import Settings
from nas.store.stores import opened_stores
from tests.api.dashboard.searched import running_search
from tests.api.handmade import SPEC, submitted
from tests.api.routes.conftest import written


def test_the_best_of_a_front_is_its_most_accurate_network(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        job = stores.jobs.get("local", written(stores, b"file"))
        (best,) = bests(stores, job, 2)
    assert (best.name, best.accuracy, best.latency, best.num_points) == (
        "net-ccc333",
        "99.0 %",
        "0.400 ms",
        3,
    )


def test_what_was_spent_so_far_is_the_sum_of_what_was_written_down(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", grid_g_per_kwh=400.0)
    with opened_stores(settings) as stores:
        run = running_search(stores)
        ledger = spent(stores, stores.jobs.get("local", run.id), settings)
        assert spent(stores, submitted(stores, SPEC), settings) is None
        stores.results.save_document(run.lease, "verify.cost", '{"name": "verify", "cpu_s": "much"}')
        assert spent(stores, stores.jobs.get("local", run.id), settings) is None
    assert ledger is not None
    assert ledger.total.cpu_s == 100.0
    assert ledger.carbon_g(ledger.total) == pytest.approx(0.25 / 1000 * 400.0)

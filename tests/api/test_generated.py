"""Requests that nobody thought of; 100,000 of them: `python -m benchmarks.service --only generated`."""

from pathlib import Path

import pytest

from api.databases import upgrade_database
from benchmarks.postgres import find_binaries, serve
from nas.settings import Settings
from tests.api.generated import generate
from tests.api.mutated import bases, send_mutated
from tests.api.world import operations, world

GENERATED = 200
CHANGED = 4_700
ON_POSTGRES = 1_000
_UNLIMITED = {"requests_per_s": 1_000_000, "max_open_jobs": 1_000_000}


def test_no_generated_request_breaks_the_contract(tmp_path: Path) -> None:
    with world(tmp_path / "home", **_UNLIMITED) as here:
        found = generate(here, GENERATED)
        served = [one for one in operations(here.api.app) if one.route.include_in_schema]
        documented = {one.name for one in served if not one.by_boards}
    assert found.failures == []
    assert documented - found.succeeded == set()
    assert found.count > GENERATED / 2


@pytest.mark.parametrize("number", range(4))
def test_no_request_that_is_almost_right_breaks_it(number: int, tmp_path: Path) -> None:
    with world(tmp_path / "home", **_UNLIMITED) as here:
        found = send_mutated(here, bases(here), CHANGED, number)
    assert found.failures == []
    assert found.count == CHANGED


def test_none_breaks_it_on_postgresql(tmp_path: Path) -> None:
    """Which refuses what SQLite takes: text with NUL, numbers and texts longer than their columns."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL found")
    with serve(binaries) as url:
        upgrade_database(Settings(home=tmp_path / "home", database_url=url))
        with world(tmp_path / "home", database_url=url, **_UNLIMITED) as here:
            assert here.api.get("/v1/jobs/none/events?after=2147483647").status_code == 404
            found = send_mutated(here, bases(here), ON_POSTGRES)
    assert found.failures == []

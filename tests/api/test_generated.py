"""Requests that nobody thought of; 100,000 of them: `python -m benchmarks.service --only generated`."""

from pathlib import Path

from tests.api.generated import generate
from tests.api.world import operations, world

COUNT = 400


def test_no_generated_request_breaks_the_contract(tmp_path: Path) -> None:
    with world(tmp_path / "home", requests_per_s=1_000_000, max_open_jobs=1_000_000) as found_world:
        found = generate(found_world, COUNT)
        served = [one for one in operations(found_world.api.app) if one.route.include_in_schema]
        documented = {one.name for one in served if not one.by_boards}
    assert found.failures == []
    assert not [status for status in found.statuses if status >= 500]
    assert documented - found.succeeded == set()
    assert found.count > COUNT / 2

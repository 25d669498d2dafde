"""Generated requests: 100,000 made of the contract, every answer checked against it."""

import sys
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from tests.api.generated import generate
from tests.api.world import operations, world

COUNT: Final = 100_000
BATCH: Final = 10_000
_UNLIMITED: Final = {"requests_per_s": 1_000_000, "max_open_jobs": 1_000_000}


def run(home: Path, quick: bool) -> list[Figure]:
    """Send them in batches, each to a service of its own: jobs that a batch has made slow no later one."""
    statuses, failures, unreached, slowest_s = Counter[int](), list[str](), set[str](), 0.0
    count, batch = (2_000, 1_000) if quick else (COUNT, BATCH)
    number = 0
    while statuses.total() < count:
        number += 1
        with world(home / f"generated-{number}", **_UNLIMITED) as here:
            found = generate(here, batch, number)
            documented = {one.name for one in operations(here.api.app) if one.route.include_in_schema}
        statuses += found.statuses
        failures += found.failures
        slowest_s = max(slowest_s, found.slowest_s)
        unreached = documented - found.succeeded
        print(f"  {statuses.total()} requests, {len(failures)} failures", file=sys.stderr, flush=True)
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    server = sum(times for status, times in statuses.items() if status >= 500)
    detail = ", ".join(f"{status}: {times}" for status, times in sorted(statuses.items()))
    return [
        Figure("generated requests", statuses.total(), "", ">=", count, detail),
        Figure("generated requests: answers of 5xx", server, "", "<=", 0),
        Figure("generated requests: answers against the contract", len(failures), "", "<=", 0),
        Figure("generated requests: operations that never succeeded", len(unreached), "", "<=", 0),
        Figure("generated requests: slowest answer", slowest_s, "s", "<=", 5.0),
    ]

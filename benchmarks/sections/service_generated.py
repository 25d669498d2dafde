"""Generated requests: 100,000, made of the contract or of what succeeds; it is held against every answer."""

import sys
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from tests.api.found import Found
from tests.api.generated import generate
from tests.api.mutated import bases, send_mutated
from tests.api.world import operations, world

COUNT: Final = 100_000
BATCH: Final = 10_000
TENTH: Final = 10
"""One in so many is made by schemathesis, which takes as long for one as the others for twenty."""

_UNLIMITED: Final = {"requests_per_s": 1_000_000, "max_open_jobs": 1_000_000}


def run(home: Path, quick: bool) -> list[Figure]:
    """Send them in batches, each to a service of its own: jobs that a batch has made slow no later one."""
    all_found, unreached, generated, number = Found(), set[str](), 0, 0
    count, batch = (2_000, 1_000) if quick else (COUNT, BATCH)
    while all_found.count < count:
        number += 1
        with world(home / f"generated-{number}", **_UNLIMITED) as here:
            found = generate(here, batch // TENTH, number)
            generated += found.count
            found.add(send_mutated(here, [*bases(here), *found.good], batch - found.count, number))
            served = [one for one in operations(here.api.app) if one.route.include_in_schema]
        all_found.add(found)
        # Boards ask in an order of their own: their tests do.
        unreached = {one.name for one in served if not one.by_boards} - found.succeeded
        told = f"  {all_found.count} requests, {len(all_found.failures)} failures"
        print(told, file=sys.stderr, flush=True)
    for failure in all_found.failures[:20]:
        print(failure, file=sys.stderr)
    return _figures(all_found, generated, count, unreached)


def _figures(found: Found, generated: int, count: int, unreached: set[str]) -> list[Figure]:
    server = sum(times for status, times in found.statuses.items() if status >= 500)
    told = ", ".join(f"{status}: {times}" for status, times in sorted(found.statuses.items()))
    detail = f"{generated} by schemathesis, the others changed from what succeeded; {told}"
    return [
        Figure("generated requests", found.count, "", ">=", count, detail),
        Figure("generated requests: answers of 5xx", server, "", "<=", 0),
        Figure("generated requests: answers against the contract", len(found.failures), "", "<=", 0),
        Figure("generated requests: operations that never succeeded", len(unreached), "", "<=", 0),
        Figure("generated requests: slowest answer", found.slowest_s, "s", "<=", 5.0),
    ]

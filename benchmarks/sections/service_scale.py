"""Years of use on PostgreSQL: 10,000 searches, 1,000,000 candidates, 1,000,000 rows of measurements."""

import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from api.databases import upgrade_database
from api.pagination import sealed
from benchmarks.figures import Figure
from benchmarks.load import closed_loop
from benchmarks.postgres import find_binaries, started
from benchmarks.sections.lab import settings_of
from benchmarks.served import service
from benchmarks.service_store import TENANT, Filled, fill_large
from nas.jobs import JobKind, JobState
from nas.store.stores import Stores, opened_stores

SEARCHES: Final = 10_000
CANDIDATES: Final = 1_000_000
ROWS: Final = 1_000_000
SECONDS: Final = 4.0
LIST_MS: Final = 20.0
FRONT_MS: Final = 50.0

Statement = tuple[str, dict[str, Any]]


def run(home: Path, quick: bool) -> list[Figure]:
    """Fill, ask each list and a front, and look at the plans of what was asked."""
    binaries = find_binaries()
    if binaries is None:
        print("  no PostgreSQL here: nothing is measured", file=sys.stderr)
        return []
    scale = 100 if quick else 1
    with started(binaries, durable=True) as database:
        settings = settings_of(home / "scale").model_copy(
            update={"database_url": database.url, "requests_per_s": 1_000_000}
        )
        upgrade_database(settings)
        with opened_stores(settings) as stores:
            filled = fill_large(stores, SEARCHES // scale, CANDIDATES // scale, ROWS // scale)
            with service(settings) as address:
                figures = [
                    _timed(address + path, filled.key, name, limit)
                    for name, path, limit in _addresses(filled)
                ]
            return [*figures, _scans(stores, filled)]


def _addresses(filled: Filled) -> list[tuple[str, str, float]]:
    deep = sealed(filled.deep_cursor)
    of_search = f"/v1/searches/{filled.big}/candidates?limit=50&cursor="
    return [
        ("searches, first page", "/v1/searches?limit=50", LIST_MS),
        ("searches, deep page", f"/v1/searches?limit=50&cursor={deep}", LIST_MS),
        ("searches that have failed", "/v1/searches?limit=50&state=failed", LIST_MS),
        ("searches of a device and a space", "/v1/searches?limit=50&device=host&space=mobilenet_v3", LIST_MS),
        ("searches of a device, deep page", f"/v1/searches?limit=50&device=host&cursor={deep}", LIST_MS),
        ("searches of a rare device", "/v1/searches?limit=50&device=pi5", LIST_MS),
        ("candidates, first page", f"/v1/searches/{filled.big}/candidates?limit=50", LIST_MS),
        ("candidates, deep page", f"{of_search}{filled.candidate_cursor}", LIST_MS),
        *((name, f"/v1/{name}", LIST_MS) for name in ("spaces", "devices", "supernets", "datasets")),
        ("front", f"/v1/searches/{filled.front}/front", FRONT_MS),
    ]


def _timed(url: str, key: str, name: str, limit_ms: float) -> Figure:
    closed_loop(url, key, 0.5, connections=1)
    found = closed_loop(url, key, SECONDS, connections=1)
    assert set(found.statuses) == {200}, (url, found.statuses)
    # What the machine does to any answer meanwhile, whatever is in the database.
    empty = closed_loop(url.partition("/v1/")[0] + "/livez", "", SECONDS / 4, connections=1)
    detail = f"median {1000 * statistics.median(found.latencies_s):.1f} ms, n={len(found.latencies_s)}; "
    detail += f"an empty answer beside: p99 {empty.percentile_ms(0.99):.1f} ms"
    return Figure(f"{name}, p99", found.percentile_ms(0.99), "ms", "<=", limit_ms, detail)


def _scans(stores: Stores, filled: Filled) -> Figure:
    """Return how many of the statements behind hot routes read a large table from end to end."""
    statements: list[Statement] = []

    def note(_c: Connection, _u: object, statement: str, parameters: Any, *_: object) -> None:
        if isinstance(parameters, dict):
            statements.append((statement, parameters))

    event.listen(stores.engine, "before_cursor_execute", note)
    job = filled.big
    stores.jobs.get(TENANT, job)
    stores.jobs.page(TENANT, kinds=(JobKind.SEARCH,), cursor=filled.deep_cursor)
    stores.jobs.page(TENANT, kinds=(JobKind.SEARCH,), states=(JobState.FAILED,))
    stores.jobs.page(TENANT, kinds=(JobKind.SEARCH,), device="host", space="mobilenet_v3")
    for device in ("host", "pi5"):
        stores.jobs.page(TENANT, kinds=(JobKind.SEARCH,), device=device, cursor=filled.deep_cursor)
    stores.jobs.events(TENANT, job)
    stores.fronts.candidates(TENANT, job, 0)
    stores.fronts.front(TENANT, filled.front, 0)
    stores.queue.claim("benchmark")
    stores.queue.reap()
    event.remove(stores.engine, "before_cursor_execute", note)
    scans = sorted({one for asked in statements for one in _scanned(stores.engine, asked)})
    return Figure("sequential scans of large tables on hot routes", len(scans), "", "<=", 0, " ".join(scans))


def _scanned(engine: Engine, asked: Statement) -> Sequence[str]:
    statement, parameters = asked
    if not statement.lstrip().upper().startswith(("SELECT", "UPDATE")):
        return ()
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    return re.findall(
        r"Seq Scan on (jobs|job_facets|candidates|measurements|events|fronts)\b", "\n".join(plan)
    )

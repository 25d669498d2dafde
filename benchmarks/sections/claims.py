"""Claims: how many a second, durable, and none twice, with three schedulers on one queue."""

import json
import multiprocessing
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from benchmarks.databases import database, kinds, submit
from benchmarks.figures import Figure
from nas.store.job_queue import DatabaseJobQueue
from nas.store.session import open_engine

SCHEDULERS: Final = 3
BATCH: Final = 20
_PROCESSES = multiprocessing.get_context("forkserver")


def run(home: Path, quick: bool) -> list[Figure]:
    """Claim all jobs of each database."""
    count = 1_000 if quick else 20_000
    figures = []
    for kind in kinds():
        with database(kind, home) as url:
            figures += _claim_all(kind, url, count, home)
    return figures


def _claim_all(kind: str, url: str, count: int, home: Path) -> list[Figure]:
    submit(url, [{"seed": n} for n in range(count)])
    ready = _PROCESSES.Barrier(SCHEDULERS + 1)
    paths = [home / f"claims-{n}.json" for n in range(SCHEDULERS)]
    processes = [_PROCESSES.Process(target=_claim, args=(url, path, ready)) for path in paths]
    for process in processes:
        process.start()
    ready.wait()
    started = time.perf_counter()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - started
    claimed = Counter(name for path in paths for name in json.loads(path.read_text()))
    twice = sum(times - 1 for times in claimed.values())
    missing = count - len(claimed)
    detail = f"{count} jobs, {SCHEDULERS} schedulers, {BATCH} a transaction, every commit waits for the disk"
    return [
        Figure(f"claims on {kind}", count / seconds, "/s", ">=", 300, detail),
        Figure(f"claims on {kind}: jobs claimed twice", twice, "", "<=", 0),
        Figure(f"claims on {kind}: jobs claimed by nobody", missing, "", "<=", 0),
    ]


def _claim(url: str, path: Path, ready: Any) -> None:
    engine = open_engine(url)
    queue = DatabaseJobQueue(engine)
    found = []
    ready.wait()
    while claims := queue.claim(path.stem, BATCH):
        found += [claim.lease.job_id for claim in claims]
    path.write_text(json.dumps(found))
    engine.dispose()

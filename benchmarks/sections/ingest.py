"""Section `ingest`: results as fast as the service takes them, a quarter of them sent again."""

import random
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.http_load import Asked, ask_all
from benchmarks.service_at_work import Boarded, free_port, queued, registered, served_apart, times_kept
from latency_predictors.agent_protocol import MAX_SUBJECTS, Delivery
from latency_predictors.protocol import Subject
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores


def run(home: Path, quick: bool) -> list[Figure]:
    """Deliver packs of results of several boards at once; count rows a second, and each row."""
    boards = 4 if quick else 40
    settings, port, rng = Settings(home=home / "ingest"), free_port(), random.Random(0)
    with opened_stores(settings) as stores:
        boarded = [registered(stores, f"board{number}") for number in range(boards)]
        tasks = [queued(stores, one.agent, 1, MAX_SUBJECTS, 3) for one in boarded]
        requests = [request for one in boarded for request in _deliveries(stores, one)]
        again = [one for one in requests if rng.random() < 0.25]
        everything = [*requests, *again]
        rng.shuffle(everything)
        with served_apart(settings.home, port):
            began = time.perf_counter()
            answers = ask_all(port, everything, at_once=8)
            seconds = time.perf_counter() - began
        kept = [times for some in tasks for times in times_kept(stores, some)]
    rows = 3 * MAX_SUBJECTS * boards
    # Boards of one script share contexts and files: each file's rows are those of all boards.
    wrong = sum(times != 3 * boards for times in kept)
    told = f"{rows} rows in packs of {MAX_SUBJECTS}, {len(again)} of {len(requests)} packs sent twice"
    return [
        Figure("rows a second", rows / seconds, "", ">=", 5_000, told),
        Figure("files with a wrong number of rows", wrong, "", "<=", 0),
        Figure("refused", sum(one.status != 200 for one in answers), "", "<=", 0),
    ]


def _deliveries(stores: Stores, one: Boarded) -> list[Asked]:
    """Return what a board delivers of all its files, in three sessions."""
    found = stores.agent_queue.ask(one.agent, one.agent.instance, 1)
    assert found is not None
    lease, batch = found
    subjects = [Subject(digest=digest, path=Path(f"{digest}.fake")) for digest in batch.artifacts]
    more: dict[str, Any] = {"num_sessions": 3, "reference_ms": {}, "on_progress": lambda done, total: None}
    sessions = list(one.board.measure(subjects, batch.context, batch.timing, **more))[:3]
    bodies = [
        Delivery(
            instance=one.agent.instance,
            attempt=lease.attempt,
            session=session.model_copy(update={"device": one.agent.device}),
        )
        for session in sessions
    ]
    path = f"leases/{lease.token}/result"
    return [Asked(path, one.key, body.model_dump_json().encode()) for body in bodies]

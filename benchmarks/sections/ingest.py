"""Section `ingest`: results as fast as the service takes them, over a line that spoils a quarter of them."""

import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.databases import database, kinds
from benchmarks.figures import Figure
from benchmarks.http_load import FAULTS, Asked, ask_all
from benchmarks.service_at_work import Boarded, free_port, queued, registered, served_apart, times_kept
from latency_predictors.agent_protocol import MAX_SUBJECTS, Delivery
from latency_predictors.protocol import SessionResult, Subject
from nas.measurement_tasks import Batch, DeviceLease
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores

SHARE: Final = 0.25
"""Of the packs: half of one arrives, or its answer is lost, or it comes twice; each is then sent again."""

SESSIONS: Final = 8
"""In which each file of a board is measured: so many packs of it come."""

AT_ONCE: Final = 16


def run(home: Path, quick: bool) -> list[Figure]:
    """Deliver packs of several boards at once, on each database; count rows a second, and each row."""
    figures: list[Figure] = []
    for kind in kinds():
        folder = home / f"ingest-{kind}"
        folder.mkdir(parents=True)
        with database(kind, folder) as url, opened_stores(Settings(home=folder, database_url=url)) as stores:
            found = _delivered(stores, Settings(home=folder, database_url=url), 4 if quick else 40)
        figures += [replace(figure, name=f"{figure.name} ({kind})") for figure in found]
    return figures


def _delivered(stores: Stores, settings: Settings, num_boards: int) -> list[Figure]:
    port, rng = free_port(), random.Random(0)
    boards = [registered(stores, f"board{number}") for number in range(num_boards)]
    tasks = queued(stores, [one.agent for one in boards], 1, MAX_SUBJECTS, SESSIONS)
    work = [_asked(stores, one) for one in boards]
    sessions = _sessions(boards[0], work[0][1])
    packs = [
        replace(pack, fault=rng.choice(FAULTS) if rng.random() < SHARE else "")
        for one, (lease, _) in zip(boards, work, strict=True)
        for pack in _packs(one, lease, sessions)
    ]
    rng.shuffle(packs)
    with served_apart(settings, port) as pid:
        times = psutil.Process(pid).cpu_times
        before, began = times(), time.perf_counter()
        answers = ask_all(port, packs, AT_ONCE)
        seconds, after = time.perf_counter() - began, times()
    rows = SESSIONS * MAX_SUBJECTS * num_boards
    wrong = sum(times != SESSIONS for times in times_kept(stores, tasks))
    spoiled = sum(bool(one.fault) for one in packs)
    told = f"{rows} rows in packs of {MAX_SUBJECTS}, {spoiled} of {len(packs)} packs met a fault"
    used = after.user + after.system - before.user - before.system
    return [
        Figure("rows a second", rows / seconds, "", ">=", 5_000, told),
        Figure(
            "rows a second of processor time",
            rows / used,
            "",
            "",
            0,
            "of the service, without the database's",
        ),
        Figure("files with a wrong number of rows", wrong, "", "<=", 0),
        Figure("refused", sum(one.status != 200 for one in answers), "", "<=", 0),
    ]


def _asked(stores: Stores, one: Boarded) -> tuple[DeviceLease, Batch]:
    found = stores.agent_queue.ask(one.agent, one.agent.instance, 1)
    assert found is not None
    return found


def _sessions(one: Boarded, batch: Batch) -> list[SessionResult]:
    """Return what a board measures; the others of the fleet measure the same."""
    subjects = [Subject(digest=digest, path=Path(f"{digest}.fake")) for digest in batch.artifacts]
    more: dict[str, Any] = {"reference_ms": {}, "on_progress": lambda done, total: None}
    measured = one.board.measure(subjects, batch.context, batch.timing, num_sessions=SESSIONS, **more)
    return list(measured)[:SESSIONS]


def _packs(one: Boarded, lease: DeviceLease, sessions: Sequence[SessionResult]) -> list[Asked]:
    """Return what a board delivers of all its files: sessions of its own, on its own device."""
    own = [{"device": one.agent.device, "session_id": uuid.uuid4().hex} for _ in sessions]
    bodies = [
        Delivery(instance=one.agent.instance, attempt=lease.attempt, session=session.model_copy(update=whose))
        for session, whose in zip(sessions, own, strict=True)
    ]
    path = f"leases/{lease.token}/result"
    return [Asked(path, one.key, body.model_dump_json().encode()) for body in bodies]

"""The databases that jobs are measured on, empty and with the newest schema; and jobs in them."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from benchmarks.postgres import find_binaries, serve
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState
from nas.store.job_rows import insert_job
from nas.store.schema import upgrade
from nas.store.session import open_engine, reading, writing
from nas.store.tables import jobs

_NUMBERS = itertools.count(1)
_AT_ONCE = 1_000


def kinds() -> list[str]:
    """Return the databases that there are on this machine."""
    return ["SQLite", "PostgreSQL"] if find_binaries() else ["SQLite"]


@contextmanager
def database(kind: str, home: Path) -> Iterator[str]:
    """Yield the address of a new database whose commits wait for the disk; it is gone afterwards."""
    if kind == "SQLite":
        path = home / f"jobs-{next(_NUMBERS)}.db"
        yield _upgraded(f"sqlite:///{path}")
        path.unlink()
        return
    binaries = find_binaries()
    assert binaries is not None, "kinds() names what there is"
    with serve(binaries, durable=True) as url:
        yield _upgraded(url)


def _upgraded(url: str) -> str:
    with engine_of(url) as engine:
        upgrade(engine)
    return url


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """Yield an engine that is disposed of afterwards."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def submit(url: str, specs: list[dict[str, Any]]) -> None:
    """Queue a job for each specification, many in one transaction."""
    with engine_of(url) as engine:
        for begin in range(0, len(specs), _AT_ONCE):
            with writing(engine) as connection:
                for n, spec in enumerate(specs[begin : begin + _AT_ONCE], start=begin):
                    insert_job(connection, "benchmark", JobRequest(JobKind.EXPORT, spec), f"job-{n:06d}")


def num_open(engine: Engine) -> int:
    """Return how many jobs are queued, running or waiting."""
    open_ = (JobState.QUEUED, JobState.RUNNING, JobState.WAITING)
    with reading(engine) as connection:
        query = select(func.count()).select_from(jobs).where(jobs.c.state.in_(open_))
        return int(connection.execute(query).scalar_one())

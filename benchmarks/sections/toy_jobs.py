"""Toy jobs while workers are killed and stopped: nothing lost, nothing twice, nothing by a stale owner.

The same run without the check of attempt and token has to go wrong, or the figures would say nothing.
"""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.chaos import PATIENCE_S, Team, torment
from benchmarks.databases import database, engine_of, kinds, num_open, submit
from benchmarks.figures import Figure
from benchmarks.toy_checker import Findings, check
from benchmarks.toy_worker import ROUNDS, STEPS

WORKERS: Final = 3
SEED: Final = 20_261_126
_LOOK_S: Final = 0.2


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    jobs: int
    kills: int
    pauses: int


@dataclass(frozen=True)
class Outcome:
    """What a run took, and what was found afterwards.

    Attributes:
        blows: Kills and pauses.
        refused: Jobs that workers gave up because a write was refused.
    """

    seconds: float
    blows: int
    refused: int
    findings: Findings


def run(home: Path, quick: bool) -> list[Figure]:
    """Run the jobs on each database, as they are and without the fence."""
    size = Size(80, 12, 16) if quick else Size(500, 100, 50)
    figures = []
    for kind in kinds():
        with database(kind, home) as url:
            figures += _figures(kind, size, _run(url, size, fenced=True))
        with database(kind, home) as url:
            figures.append(_control(kind, _run(url, size, fenced=False)))
    return figures


def _run(url: str, size: Size, *, fenced: bool) -> Outcome:
    submit(url, [{"seed": seed} for seed in range(size.jobs)])
    started = time.perf_counter()
    team = Team(url, WORKERS, fenced)
    try:
        blows = torment(team, size.kills, size.pauses, size.jobs * STEPS, SEED)
        _wait_for_the_end(url, started)
        seconds = time.perf_counter() - started
    finally:
        team.end()
    return Outcome(seconds, blows, team.refused, check(url, size.jobs, STEPS, ROUNDS))


def _wait_for_the_end(url: str, started: float) -> None:
    clock = threading.Event()
    with engine_of(url) as engine:
        while num_open(engine) and time.perf_counter() - started < PATIENCE_S:
            clock.wait(_LOOK_S)


def _figures(kind: str, size: Size, outcome: Outcome) -> list[Figure]:
    found = outcome.findings
    what = f"{size.jobs} jobs, {WORKERS} workers, {size.kills} killed, {size.pauses} paused; seed {SEED}"
    name = f"toy jobs on {kind}"
    attempts = f"{found.attempts} attempts, {outcome.refused} given up after a refused write"
    return [
        Figure(f"{name}: lost", found.lost, "", "<=", 0, what),
        Figure(f"{name}: results written twice", found.duplicates, "", "<=", 0, attempts),
        Figure(f"{name}: writes by stale owners", found.stale, "", "<=", 0, attempts),
        Figure(f"{name}: jobs with gaps in their events", found.gaps, "", "<=", 0),
        Figure(f"{name}: refused writes", outcome.refused, "", ">", 0, "or nobody tried"),
        Figure(f"{name}: kills and pauses", outcome.blows, "", ">=", size.kills + size.pauses),
        Figure(f"{name}: wall time", outcome.seconds, "s", "<=", 120),
    ]


def _control(kind: str, outcome: Outcome) -> Figure:
    found = outcome.findings
    wrong = found.stale + found.duplicates + found.lost
    detail = f"{found.stale} stale, {found.duplicates} twice, {found.lost} lost in {outcome.seconds:.0f} s"
    return Figure(f"toy jobs on {kind} without the fence: wrong", wrong, "", ">", 0, detail)

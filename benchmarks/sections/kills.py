"""A worker that is killed in each phase: the job goes on, and ends with the same weights and the same front.

The device is profiled once, and every search begins with that table but those that are killed while they
measure it. One search runs undisturbed. In the others the worker, or Ray's head or raylet, is killed with
SIGKILL at a random moment of a phase; the command that watches starts another worker, and what the search
ends with is compared. With `--home` what was found is kept there, and the same command goes on with the rest.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import yaml
from pydantic import TypeAdapter
from sqlalchemy import select

from benchmarks.figures import Figure
from nas.job_records import Job, JobEvent
from nas.jobs import TERMINAL
from nas.pipeline.proposals import Proposal
from nas.pipeline.runner import Timing
from nas.pipeline.train import TrainDocument
from nas.settings import Settings
from nas.store.measurement_tables import measurement_tasks, measurements
from nas.store.searches import all_searches
from nas.store.session import reading
from nas.store.stores import Stores, opened_stores

MOMENTS: Final = 3
"""Random moments of each phase."""

PHASES: Final = ("profile", "train", "predict", "search", "verify", "export")
RAY_PHASES: Final = ("train", "verify")
_SPEC: Final[dict[str, Any]] = {
    "space": {"name": "nas_bench_201", "preset": "tiny"},
    "dataset": {"name": "shapes", "num_train": 1_500, "num_validation": 300, "num_test": 300, "size": 16},
    "supernet": {"epochs": 12},
    "search": {"evaluations": 20_000},
    "verify": {"candidates": 8, "rounds": 2},
    "export": {"points": 3},
}
TIMED: Final = ("profile", "train", "predict", "verify", "export")
MOST_SESSIONS: Final = 3
SEARCH_S: Final = 0.2
"""Of a round's search, which nobody times."""

_PATIENCE_S: Final = 900.0
"""Training waits while anybody measures on this machine."""

_ENDING: Final = "ending.json"


@dataclass(frozen=True)
class Ending:
    """What a search ended with.

    Attributes:
        weight_hash: Of the supernet.
        proposed: Architectures of the first round, which the predicted front decides.
        epochs: Trained epochs whose checkpoints were kept, redone ones included.
        counted_twice: Subjects with more sessions than two, and one where these differ.
        lost: Tasks of measuring that are not done.
        killed_at: Watermark of the search then, None where nothing was killed.
        predicted: Accuracy and latency that were predicted of the first round's architectures.
        seconds: Of each phase.
    """

    weight_hash: str
    proposed: tuple[tuple[int, ...], ...]
    epochs: int
    counted_twice: int
    lost: int
    predicted: tuple[float, ...]
    killed_at: float | None
    seconds: Mapping[str, float]


_AS_JSON: Final = TypeAdapter(Ending)


def run(home: Path, quick: bool) -> list[Figure]:
    """Kill in every phase; a figure is how many searches ended as the undisturbed one."""
    folder = home / "kills"
    profiled = folder / "profiled"
    options = ["--space", "nas_bench_201", "--preset", "tiny", "--classes", "10", "--channels", "3"]
    _finish(_command(profiled, "devices", "profile", *options), profiled)
    undisturbed = _once(folder / "undisturbed", partial(_undisturbed, profiled))
    moments = 1 if quick else MOMENTS
    rng = np.random.default_rng(0)
    cases = [("worker", phase) for phase in PHASES]
    cases += [(what, phase) for what in ("gcs_server", "raylet") for phase in RAY_PHASES]
    figures = []
    for what, phase in cases:
        endings = []
        for number in range(moments):
            after_s = float(rng.uniform()) * undisturbed.seconds.get(phase, SEARCH_S)
            begun = None if phase == "profile" else profiled
            kill = partial(_disturbed, begun, what, phase, after_s)
            endings.append(_once(folder / f"{what}-{phase}-{number}", kill))
            same = _same(endings[-1], undisturbed, phase)
            print(f"{what} killed in {phase}: {'same end' if same else 'ANOTHER END'}", file=sys.stderr)
        same_ends = sum(_same(one, undisturbed, phase) for one in endings)
        detail = f"of {moments}; " + "; ".join(_told(one, undisturbed) for one in endings)
        figures.append(Figure(f"{what} killed in {phase}, same end", same_ends, "", ">=", moments, detail))
    return figures


def _once(home: Path, search: Callable[[Path], Ending]) -> Ending:
    """Return what a search ended with: as it was kept, or of the search that is run now in an empty home."""
    kept = home / _ENDING
    if not kept.exists():
        shutil.rmtree(home, ignore_errors=True)
        kept.write_bytes(_AS_JSON.dump_json(search(home)))
    return _AS_JSON.validate_json(kept.read_bytes())


def _undisturbed(profiled: Path, home: Path) -> Ending:
    shutil.copytree(profiled, home)
    _finish(_search(home), home)
    return ending(home, None)


def _disturbed(profiled: Path | None, what: str, phase: str, after_s: float, home: Path) -> Ending:
    """Kill once, so many seconds after a phase began; return what the search ended with."""
    if profiled is not None:
        shutil.copytree(profiled, home)
    command = _search(home)
    killed_at = _kill_in(home, what, phase, after_s, command)
    _finish(command, home)
    return ending(home, killed_at)


def _kill_in(
    home: Path, what: str, phase: str, after_s: float, command: subprocess.Popen[bytes]
) -> float | None:
    """Wait for a phase, then so long, then kill; return how far the search was, None where it had ended."""
    with opened_stores(Settings(home=home)) as stores:
        while not _is_in(stores, phase):
            if command.poll() is not None:
                return None
            threading.Event().wait(0.02)
        threading.Event().wait(after_s)
        while command.poll() is None:
            victims, job = _victims(stores, what), all_searches(stores, "local")[-1]
            if victims and job.state not in TERMINAL:
                for one in victims:
                    one.send_signal(signal.SIGKILL)
                return float(job.progress)
            threading.Event().wait(0.02)  # Ray is started when the first task runs
    return None


def _victims(stores: Stores, what: str) -> list[psutil.Process]:
    """Return the workers that are alive, or what of their Rays has that name."""
    workers = [psutil.Process(int(worker.facts["pid"])) for worker in stores.workers.alive()]
    if what == "worker":
        return workers
    below = [one for worker in workers for one in worker.children(recursive=True)]
    return [one for one in below if one.name().startswith(what)]


def _is_in(stores: Stores, phase: str) -> bool:
    for job in all_searches(stores, "local"):
        for event in _events(stores, job):
            if event.kind != "progress":
                continue
            # Verification begins with a search.
            if event.data["phase"] == ("verify" if phase == "search" else phase):
                return True
    return False


def _search(home: Path) -> subprocess.Popen[bytes]:
    home.mkdir(parents=True, exist_ok=True)
    spec = home / "spec.yaml"
    spec.write_text(yaml.safe_dump(_SPEC), encoding="utf-8")
    return _command(home, "search", str(spec), "--json")


def _command(home: Path, *words: str) -> subprocess.Popen[bytes]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "command.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", "import hwnas; hwnas.main()", *words],
            env={**os.environ, "HWNAS_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


def _finish(command: subprocess.Popen[bytes], home: Path) -> None:
    status = command.wait(_PATIENCE_S)
    if status:
        raise RuntimeError(f"a command ended with status {status}: see {home / 'command.log'}")


def _events(stores: Stores, job: Job) -> list[JobEvent]:
    found: list[JobEvent] = []
    while some := stores.jobs.events("local", job.id, after=found[-1].id if found else 0):
        found.extend(some)
    return found


def ending(home: Path, killed_at: float | None) -> Ending:
    """Read from the database what the only search of a home ended with."""
    with opened_stores(Settings(home=home)) as stores:
        (job,) = all_searches(stores, "local")
        stored = stores.stored(job)
        with reading(stores.engine) as connection:
            states = connection.execute(select(measurement_tasks.c.state)).scalars().all()
            subjects = connection.execute(select(measurements.c.subject)).scalars().all()
        networks = stored.load("verify.0.1", Proposal).networks
        timings = {name: stored.load(f"{name}.time", Timing).seconds for name in TIMED}
        return Ending(
            weight_hash=stored.load("train", TrainDocument).weight_hash,
            proposed=tuple(one.architecture for one in networks),
            predicted=tuple(value for one in networks for value in (one.accuracy.value, one.latency.value)),
            epochs=sum(event.kind == "checkpoint" for event in _events(stores, job)),
            counted_twice=sum(count > MOST_SESSIONS for count in Counter(subjects).values()),
            lost=sum(state != "done" for state in states),
            killed_at=killed_at,
            seconds=timings,
        )


def _same(one: Ending, undisturbed: Ending, phase: str) -> bool:
    # A table that was measured anew is another one.
    front = (one.proposed, one.predicted) == (undisturbed.proposed, undisturbed.predicted)
    same_front = phase == "profile" or front
    return (
        # A search that nobody has killed shows nothing.
        one.killed_at is not None
        and one.weight_hash == undisturbed.weight_hash
        and same_front
        # Each epoch was kept once: what a kill had redone is the epoch that it hit.
        and one.epochs == undisturbed.epochs
        and not one.counted_twice
        and not one.lost
    )


def _told(one: Ending, undisturbed: Ending) -> str:
    redone = one.epochs - undisturbed.epochs
    where = "had ended before" if one.killed_at is None else f"killed at {one.killed_at / 1e6:.2f} phases"
    return f"{where}, {redone} epochs kept twice"

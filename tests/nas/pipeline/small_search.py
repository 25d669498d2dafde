"""A search of seconds: real but for the stopwatch, whose figures are worked out from the files."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import onnx
import pytest

from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.energy_figure import EnergyFigure, MeasuredEnergy, Scope
from latency_predictors.gate import GateRules
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL, TimingProtocol
from latency_predictors.protocol import Conditions, SessionResult, Subject, SubjectResult
from nas.compute import InProcessCompute
from nas.export.metadata import ExportMetadata
from nas.export.untrained import layer_file, network_file
from nas.job_records import Job, JobRequest
from nas.jobs import JobKind, JobState, Released, Succeeded, Waiting
from nas.leases import LeaseTimes
from nas.pipeline import calibrating, measuring, predict, references, sharpening
from nas.pipeline.context import Done, PhaseContext, PhaseEnd, Progress, SearchContext, Surroundings
from nas.pipeline.jobs import KINDS
from nas.pipeline.runner import open_search, phase_context
from nas.ports import Compute, Run
from nas.results import SearchResult
from nas.settings import Settings
from nas.specs import SearchSpec, parse_spec
from nas.store.job_run import JobRun, StoredJob
from nas.store.stores import Stores
from nas.task_events import TensorFiles
from nas.tasks import Network, Task, TrainNetwork
from nas.training.trainer import FINISHED
from nas.workplace import Workplace
from search_spaces.errors import TrainingError
from search_spaces.layers import LayerSpec
from search_spaces.network import Node
from tests.latency_predictors.sessions import session

DOCUMENT: dict[str, Any] = {
    "space": {"name": "nas_bench_201", "preset": "tiny"},
    "dataset": {
        "name": "shapes",
        "num_train": 120,
        "num_validation": 80,
        "num_test": 60,
        "num_classes": 4,
        "size": 16,
        "difficulty": 0.1,
    },
    "supernet": {"epochs": 2},
    "search": {"evaluations": 300},
    "verify": {"candidates": 6, "rounds": 2},
    "export": {"points": 2},
    "references": ["resnet"],
}

T = TypeVar("T")

HOUR_MS: Final = 3_600_000

NUM_SUBNETS: Final = 48
"""That predictors learn from."""


def small_spec(**changes: object) -> SearchSpec:
    """The specification of the small search with some parts replaced."""
    return parse_spec({**DOCUMENT, **changes})


@dataclass
class Recorder:
    """Progress that is remembered."""

    steps: list[tuple[str, float, float, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    drawn: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        self.steps.append((phase, done, total, note))

    def say(self, message: str) -> None:
        self.said.append(message)

    def figures(self, kind: str, **values: Any) -> None:
        self.drawn.append((kind, values))


class KilledError(Exception):
    """Ends an attempt where a test wants it to end."""


@dataclass
class Killer(Recorder):
    """Progress that ends an attempt at a step.

    Attributes:
        at: Of a phase, how much of it is done then, and the note.
    """

    at: Callable[[str, float, str], bool] = lambda phase, done, note: False

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        super().step(phase, done, total, note)
        if self.at(phase, done, note):
            raise KilledError


@dataclass
class Stopwatch:
    """Stands for the sessions of a device: answers from what the files hold and remembers what it was asked.

    Attributes:
        name: Begins the names of its sessions; no other stopwatch of a database has it.
        asked: Digests of the subjects, one list a call.
        broken: Subjects that the runtime cannot load.
        has_meter: Whether energies can be measured.
        scope: What that meter sees.
        busy: Processors that other work keeps busy, more than is allowed; 0 for none.
        layers_slower: How many times as long as they would lone layers take.
    """

    name: str = "session"
    asked: list[list[str]] = field(default_factory=list)
    broken: frozenset[str] = frozenset()
    has_meter: bool = True
    scope: Scope = "board"
    busy: float = 0.0
    layers_slower: float = 1.0

    def __call__(
        self,
        subjects: Sequence[Subject],
        context: ExecutionContext,
        timing: TimingProtocol,
        *,
        num_sessions: int,
        reference_ms: Mapping[str, float],
        on_progress: Callable[[int, int], None],
        lease_folder: Path | None = None,
        gate: GateRules | None = None,
        meter_log: str = "",
        repeat: bool = True,
    ) -> Iterator[SessionResult]:
        self.asked.append([subject.digest for subject in subjects])
        number, now = len(self.asked), datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"device": host_device(), "context": context, "timing": timing, "started_at": now}
        facts |= {"conditions": Conditions(busy=self.busy, too_busy=self.busy > 0.0)}
        slower = self.layers_slower if timing == LAYER_PROTOCOL else 1.0
        medians = {
            one.digest: slower * file_ms(one.path) for one in subjects if one.digest not in self.broken
        }
        on_progress(len(subjects), len(subjects))
        paths = {subject.digest: subject.path for subject in subjects}
        for one in range(num_sessions):
            found = session(f"{self.name}-{number}-{one}", medians, spread=0.01)
            if timing == NETWORK_PROTOCOL:
                results = [
                    result.model_copy(update={"kernels": file_kernels(paths[result.digest])})
                    for result in found.results
                ]
                found = found.model_copy(update={"results": tuple(results)})
            if timing.energy:
                results = [
                    _watched(result, file_mj(paths[result.digest]), self.scope) for result in found.results
                ]
                found = found.model_copy(update={"results": tuple(results)})
            yield found.model_copy(update=facts)

    def serve(self, stores: Stores) -> bool:
        """Measure what is queued for this host, as its worker does; return whether something was."""
        leased = stores.measurements.lease(host_device().digest, self.name)
        if leased is None:
            return False
        lease, batches = leased
        for batch in batches:
            if batch.timing.energy and not self.has_meter:
                stores.measurements.fail(lease, batch, list(batch.artifacts), "no_meter", "there is none")
                continue
            subjects = [
                Subject(digest=subject, path=stores.artifacts.local_path(artifact, ".onnx"))
                for subject, artifact in batch.artifacts.items()
            ]
            for found in self(
                subjects,
                batch.context,
                batch.timing,
                num_sessions=batch.sessions,
                reference_ms=batch.reference_ms,
                on_progress=lambda done, total: None,
            ):
                stores.measurements.deliver(lease, found)
            for subject in self.broken.intersection(batch.artifacts):
                stores.measurements.fail(
                    lease, batch, [subject], "file_not_loadable", "it is broken", own=True
                )
        stores.measurements.give_back(lease)
        return True


_SHAPING = frozenset({"Shape", "Constant", "Concat", "ConstantOfShape"})
"""Nodes that make the zeros of an edge which is not there: next to no work, and part of no layer."""


def _num_working(path: Path) -> int:
    return sum(node.op_type not in _SHAPING for node in onnx.load(path).graph.node)


def file_ms(path: Path) -> float:
    """Milliseconds that a file is said to take: by its nodes that work and its weights."""
    return 0.004 * _num_working(path) + path.stat().st_size / 2e6


def file_kernels(path: Path) -> dict[str, int]:
    """Kernels that are said to run a file: one a node that works."""
    return {"Node": _num_working(path)}


def file_mj(path: Path) -> float:
    """Millijoules that a file is said to take: nodes and weights take other powers than they take times."""
    return 0.02 * _num_working(path) + path.stat().st_size / 4e5


def _watched(result: SubjectResult, gross_mj: float, scope: Scope) -> SubjectResult:
    gross, net = (
        EnergyFigure(mj, 0.98 * mj, 1.02 * mj, "measured", scope) for mj in (gross_mj, gross_mj / 2)
    )
    seen = MeasuredEnergy(gross, net, 4.0, (2.0, 2.0), result.median_ms, "a meter", 60)
    return result.model_copy(update={"summary": replace(result.summary, energy=seen)})


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Put the stopwatch in the place of measuring processes, for tests of what starts those."""
    watch = Stopwatch()
    with pytest.MonkeyPatch.context() as patch, brief_references():
        patch.setattr("workers.measuring.run_sessions", watch)
        yield watch


@contextmanager
def brief_references() -> Iterator[None]:
    """Train stock networks for a few epochs: in the time of so small a supernet they get a hundred."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "epochs_within", lambda ctx, network, cpu_seconds: 4)
        yield


@cache
def _layer(spec: LayerSpec, precision: str) -> bytes:
    return layer_file(spec, precision)


_NETWORKS: dict[tuple[str, ...], bytes] = {}


def _network(nodes: tuple[Node, ...], metadata: ExportMetadata, precision: str) -> bytes:
    key = (*metadata.properties().values(), precision)
    if key not in _NETWORKS:
        _NETWORKS[key] = network_file(nodes, metadata, precision)
    return _NETWORKS[key]


@contextmanager
def frugal_searches() -> Iterator[None]:
    """Have fewer subnets scored and networks measured, and what is only timed written once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "NUM_SUBNETS", NUM_SUBNETS)
        patch.setattr(sharpening, "SHARP", 1.0)
        patch.setattr(sharpening, "WIDE", 1.0)
        patch.setattr(measuring, "layer_file", _layer)
        patch.setattr(calibrating, "network_file", _network)
        yield


class RecordingCompute:
    """Runs tasks in this process and remembers them.

    Attributes:
        tasks: In the order in which they began.
        diverges: Tells which networks cannot be trained.
    """

    at_once = 1

    def __init__(self, compute: Compute) -> None:
        self.tasks: list[Task] = []
        self.diverges: Callable[[Network], bool] = lambda network: False
        self._compute = compute

    def run(self, task: Task) -> Run:
        self.tasks.append(task)
        if isinstance(task, TrainNetwork) and self.diverges(task.network):
            raise TrainingError("loss_not_finite", "the loss of step 7 is not finite")
        return self._compute.run(task)

    def of(self, kind: type[T]) -> list[T]:
        """The tasks of a kind."""
        return [task for task in self.tasks if isinstance(task, kind)]


class Home:
    """A home folder with its stores open, in which jobs are submitted and run by hand.

    Args:
        folder: May be there already.
        name: Of its stopwatch.
    """

    def __init__(self, folder: Path, name: str = "session") -> None:
        self.settings = Settings(home=folder)
        # Nobody renews leases here, and a test may take its time.
        self.stores = Stores.open(self.settings, LeaseTimes(HOUR_MS, HOUR_MS))
        self.compute = RecordingCompute(InProcessCompute(self.stores.artifacts, folder))
        self.watch = Stopwatch(name)
        self.runs: list[JobRun] = []
        """All that was claimed here, in order."""

    def close(self) -> None:
        """Let go of the database; it is opened again when it is asked."""
        self.stores.engine.dispose()

    def remove(self) -> None:
        """Close it and remove its folder: a copy for each of many tests would fill the disk."""
        self.close()
        shutil.rmtree(self.settings.home)

    def copy(self, folder: Path) -> "Home":
        """The same home somewhere else."""
        self.close()
        shutil.copytree(self.settings.home, folder, symlinks=True)
        return Home(folder, f"{self.watch.name}-{folder.name}")

    def damage(self, digest: str) -> None:
        """Change one byte of an artifact."""
        path = self.stores.artifacts.local_path(digest)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)

    def events(self, run: JobRun, kind: str) -> list[Mapping[str, Any]]:
        """What a job has said of a kind."""
        said = self.stores.jobs.events(run.lease.tenant, run.id)
        return [event.data for event in said if event.kind == kind]

    def placed(self, files: TensorFiles) -> Path:
        """Where stored weights can be read."""
        workplace = Workplace(self.stores.artifacts, self.settings.home, self.settings.home)
        return workplace.place(files, self.settings.home / "placed" / files.tensors[:12] / FINISHED)

    def around(self, progress: Progress | None = None) -> Surroundings:
        """What a job is run in."""
        return Surroundings(self.settings, self.stores, self.compute, progress or Recorder())

    def submit(self, spec: SearchSpec) -> Job:
        """Queue a search."""
        request = JobRequest(JobKind.SEARCH, spec.model_dump(mode="json"), spec.dataset.name)
        return self.stores.jobs.submit("local", request)

    def claim(self, job: Job) -> JobRun:
        """Claim a queued job, the only one in the queue."""
        (claim,) = self.stores.queue.claim("by hand")
        assert claim.lease.job_id == job.id
        self.runs.append(self.stores.run(claim))
        return self.runs[-1]

    def unsubmitted(self, **changes: object) -> SearchContext:
        """A small search that is not submitted."""
        return open_search(small_spec(**changes), self.around())

    def context(self, progress: Progress | None = None, **changes: object) -> PhaseContext:
        """What the phases of a small search are given: it is submitted and claimed."""
        search = open_search(small_spec(**changes), self.around(progress))
        return phase_context(search, self.claim(self.submit(search.spec)))

    def attempt(self, job: Job, progress: Progress | None = None) -> JobState:
        """Claim a job and run it until it ends or waits; give it back where it is killed."""
        run = self.claim(job)
        try:
            with brief_references():
                end: PhaseEnd = KINDS[job.kind](run, self.around(progress))
        except KilledError:
            return self.stores.queue.settle(run.lease, Released())
        return self.stores.queue.settle(run.lease, Succeeded() if isinstance(end, Done) else end)

    def finish(self, job: Job, progress: Progress | None = None) -> StoredJob:
        """Run a job to its end and measure in between, as a worker does; return what it left."""
        while self.attempt(job, progress) is not JobState.SUCCEEDED:
            self.watch.serve(self.stores)
        return self.stores.stored(job)

    def search(self, progress: Progress | None = None, **changes: object) -> SearchResult:
        """Run a small search to its end."""
        return self.finish(self.submit(small_spec(**changes)), progress).result()


def measured(home: Home, ask: Callable[[], Any]) -> Any:
    """What is asked for once all that it has to wait for is measured."""
    while (found := ask()) is None or isinstance(found, Waiting):
        assert home.watch.serve(home.stores), "whoever waits has queued something"
    return found

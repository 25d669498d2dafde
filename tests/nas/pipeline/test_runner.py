"""A search from end to end, what it leaves behind, and how it goes on."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Semaphore

import pytest

from latency_predictors.meters import Meter, Reading
from latency_predictors.probes import probe_subjects
from nas.jobs import JobState, Released, Waiting
from nas.leases import LeaseLost
from nas.pipeline import runner
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.context import Done, PhaseContext, PhaseEnd
from nas.pipeline.export import ExportDocument
from nas.pipeline.runner import PHASES, Timing, collect, open_search, phase_context, run_phases
from nas.pipeline.train import TrainDocument
from nas.ports import Run
from nas.results import SEARCH_PHASES, PhaseCost, SearchResult
from nas.tasks import Task
from search_spaces.errors import ArtifactError, TrainingError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home, KilledError, Killer, Recorder, small_spec

Phase = Callable[[PhaseContext], PhaseEnd]


def undated(result: SearchResult) -> SearchResult:
    """A result without what the clock says."""
    times = tuple(phase.model_copy(update={"seconds": 0.0}) for phase in result.phases)
    return result.model_copy(update={"finished_at": "", "phases": times, "ledger": None})


def test_phases_follow_each_other_and_each_has_its_time(finished: FinishedSearch) -> None:
    assert [phase.name for phase in finished.result.phases] == list(PHASES)
    assert all(phase.seconds > 0 for phase in finished.result.phases)
    seen = list(dict.fromkeys(phase for phase, *_ in finished.progress.steps))
    assert seen == ["profile", "train", "predict", "verify", "finetune", "references", "export"]
    assert all(finished.run.has(phase) for phase in SEARCH_PHASES)
    for phase in PHASES:
        own = [step for step in finished.progress.steps if step[0] == phase]
        assert own[0][1:3] == (0, 1)
        assert own[-1][1:3] == (1, 1)


def test_each_phase_has_its_costs(finished: FinishedSearch) -> None:
    ledger = finished.result.ledger
    assert ledger is not None
    costs = {cost.name: cost for cost in ledger.phases}
    assert list(costs) == list(PHASES)
    trained = finished.run.load("train", TrainDocument)
    # The task tells its own; loading the images and keeping the weights come on top.
    assert trained.cpu_seconds < costs["train"].cpu_s < 3 * trained.cpu_seconds + 3
    assert all(cost.cpu_s > 0 for cost in costs.values())
    assert ledger.energy_kind == "assumed" or ledger.total.metered_wh > 0
    assert ledger.grid_g_per_kwh == finished.home.settings.grid_g_per_kwh


def test_costs_of_attempts_add_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[Exception | None] = [KilledError(), KilledError(), None]

    def phase(ctx: PhaseContext) -> PhaseEnd:
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            sum(range(1000))
        if (fault := ends.pop(0)) is not None:
            raise fault
        return Done()

    monkeypatch.setattr(runner, "PHASES", {"train": phase})
    monkeypatch.setattr(runner, "collect", reached_the_end)
    ctx = home.context()
    for expected in (0.1, 0.2, 0.3):
        with pytest.raises((KilledError, StopIteration)):
            run_phases(ctx)
        assert ctx.run.load("train.cost", PhaseCost).cpu_s == pytest.approx(expected, abs=0.05)


def test_counters_are_looked_at_while_a_phase_asks_for_no_task(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Semaphore(0)

    def read() -> Reading:
        looks.release()
        return Reading(1.0)

    def phase(ctx: PhaseContext) -> PhaseEnd:
        assert all(looks.acquire(timeout=20.0) for _ in range(4))
        return Done()

    counter = Meter("rapl/package-0", "package", "energy_j", 1e-6, 0.001, 65_533.0, read)
    monkeypatch.setattr("nas.ledger.LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(runner, "host_counters", lambda: (counter,))
    monkeypatch.setattr(runner, "PHASES", {"train": phase})
    monkeypatch.setattr(runner, "collect", reached_the_end)
    ctx = home.context()
    with pytest.raises(StopIteration):
        run_phases(ctx)
    assert ctx.run.load("train.cost", PhaseCost).assumed_wh == 0.0


def test_each_phase_is_told_once_however_often_it_waited(finished: FinishedSearch) -> None:
    told = [words for words in finished.progress.said if words.startswith("phase ")]
    assert told == [f"phase {name}" for name in PHASES if name != "profile"]


def test_a_search_waits_for_layers_networks_each_round_and_stock_networks(finished: FinishedSearch) -> None:
    layers, calibration, *verified, stock = (len(asked) for asked in finished.home.watch.asked)
    assert layers == finished.target.table.num_layers + len(probe_subjects("onnx", "fp32"))
    assert calibration == NUM_CALIBRATION
    assert len(verified) == finished.target.num_rounds
    assert sum(verified) == len(finished.target.networks)
    assert stock == 1
    # Each claim but the last ended in waiting.
    assert [run.lease.attempt for run in finished.home.runs] == list(range(1, 4 + len(verified) + 1))


def test_nothing_is_measured_twice(finished: FinishedSearch) -> None:
    asked = [digest for call in finished.home.watch.asked for digest in call]
    assert len(asked) == len(set(asked))


def test_collecting_again_gives_the_same_result(finished: FinishedSearch) -> None:
    again = collect(finished.context())
    assert again.model_copy(update={"finished_at": finished.result.finished_at}) == finished.result


def test_a_damaged_phase_is_named_when_results_are_collected(home: Home) -> None:
    ctx = home.context()
    for name in ("export", "finetune"):
        ctx.run.save(name, Timing(seconds=1.0))
    with pytest.raises(ArtifactError) as caught:
        collect(ctx)
    assert caught.value.code == "damaged_file"
    assert "'export'" in caught.value.message
    ctx.run.save("export", ExportDocument(deliveries=(), test_accuracies={}))
    with pytest.raises(ArtifactError, match="'finetune'"):
        collect(ctx)


def recorded(ran: list[str], ends: dict[str, list[PhaseEnd | Exception]]) -> dict[str, Phase]:
    """Phases that do nothing but end, each as it is told for each of its runs; done where it is not told."""

    def phase(name: str) -> Phase:
        def run(ctx: PhaseContext) -> PhaseEnd:
            ran.append(name)
            end = ends[name].pop(0) if ends.get(name) else Done()
            if isinstance(end, Exception):
                raise end
            return end

        return run

    return {name: phase(name) for name in ("profile", "train", "predict")}


def reached_the_end(ctx: PhaseContext) -> SearchResult:
    raise StopIteration


def test_finished_phases_are_not_run_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    fault = TrainingError("loss_not_finite", "the loss is no number")
    monkeypatch.setattr(runner, "PHASES", recorded(ran, {"train": [fault]}))
    monkeypatch.setattr(runner, "collect", reached_the_end)
    ctx = home.context()
    with pytest.raises(TrainingError):
        run_phases(ctx)
    assert ran == ["profile", "train"]
    assert ctx.run.has("profile.time")
    assert not ctx.run.has("train.time")
    ran.clear()
    with pytest.raises(StopIteration):
        run_phases(ctx)
    assert ran == ["train", "predict"]


def test_a_phase_that_waits_ends_the_attempt_and_is_run_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(runner, "PHASES", recorded(ran, {"train": [Waiting(), Waiting()]}))
    monkeypatch.setattr(runner, "collect", reached_the_end)
    ctx = home.context()
    assert run_phases(ctx) == Waiting()
    assert ran == ["profile", "train"]
    waiting = ctx.run.load("train.time", Timing)
    assert waiting.waiting_since > 0
    assert not waiting.finished
    assert run_phases(ctx) == Waiting()
    with pytest.raises(StopIteration):
        run_phases(ctx)
    assert ran == ["profile", "train", "train", "train", "predict"]
    assert isinstance(ctx.progress, Recorder)
    assert ctx.progress.said == ["phase train", "phase predict"]


def test_the_time_of_a_phase_counts_what_it_waited(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]

    def phase(ctx: PhaseContext) -> PhaseEnd:
        now[0] += 2.0
        return Done() if ctx.run.has("train.time") else Waiting()

    monkeypatch.setattr(runner, "PHASES", {"train": phase})
    monkeypatch.setattr(runner, "collect", reached_the_end)
    monkeypatch.setattr("nas.pipeline.runner.time.time", lambda: now[0])
    ctx = home.context()
    run_phases(ctx)
    now[0] += 30.0
    with pytest.raises(StopIteration):
        run_phases(ctx)
    # Two seconds of work, thirty of waiting, two of work.
    assert ctx.run.load("train.time", Timing) == Timing(seconds=34.0, finished=True)


def test_what_was_killed_is_not_counted_as_time_of_its_phase(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    ends: list[Exception | None] = [KilledError(), None]

    def phase(ctx: PhaseContext) -> PhaseEnd:
        now[0] += 2.0
        if (fault := ends.pop(0)) is not None:
            raise fault
        return Done()

    monkeypatch.setattr(runner, "PHASES", {"train": phase})
    monkeypatch.setattr(runner, "collect", reached_the_end)
    monkeypatch.setattr("nas.pipeline.runner.time.time", lambda: now[0])
    ctx = home.context()
    with pytest.raises(KilledError):
        run_phases(ctx)
    now[0] += 500.0
    with pytest.raises(StopIteration):
        run_phases(ctx)
    assert ctx.run.load("train.time", Timing).seconds == 2.0


def test_whoever_has_lost_the_job_leaves_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = home.context()

    def phase(own: PhaseContext) -> PhaseEnd:
        home.stores.queue.settle(ctx.run.lease, Released())
        return Done()

    monkeypatch.setattr(runner, "PHASES", {"train": phase})
    with pytest.raises(LeaseLost):
        run_phases(ctx)
    assert not ctx.run.has("train.time")


class NoCompute:
    """Refuses every task."""

    at_once = 1

    def run(self, task: Task) -> Run:
        raise AssertionError(f"{type(task).__name__} is not to be run")


def test_a_search_that_only_lacks_its_result_measures_and_computes_nothing(copied: Home) -> None:
    """Killed before its last word: every phase is done, the result is not there."""
    job = copied.submit(small_spec(references=[]))
    killer = Killer(at=lambda phase, done, note: phase == "export" and done == 1 and not note)
    while copied.attempt(job, killer) is not JobState.QUEUED:
        copied.watch.serve(copied.stores)
    stored = copied.stores.stored(job)
    assert stored.load("export.time", Timing).finished
    assert not stored.finished
    asked = list(copied.watch.asked)
    around = replace(copied.around(), compute=NoCompute())
    run = copied.claim(job)
    result = run_phases(phase_context(open_search(run.spec(), around), run))
    assert result == stored.result()
    assert copied.watch.asked == asked


# One moment in each phase: `(phase, how much of it is done then)`.
KILLED: dict[str, Callable[[str, float, str], bool]] = {
    "profile": lambda phase, done, note: phase == "profile" and done == 0,
    "train": lambda phase, done, note: phase == "train" and done == 1 and bool(note),
    "predict": lambda phase, done, note: phase == "predict" and done == 40,
    "verify": lambda phase, done, note: phase == "verify" and note == "exporting and scoring",
    "references": lambda phase, done, note: phase == "references" and bool(note),
    "export": lambda phase, done, note: phase == "export" and done == 1,
}


def test_a_search_that_is_killed_in_every_phase_ends_like_one_that_is_not(
    home: Home, finished: FinishedSearch
) -> None:
    job = home.submit(small_spec())
    left = dict(KILLED)
    killer = Killer()

    def at(phase: str, done: float, note: str) -> bool:
        if phase in left and left[phase](phase, done, note):
            del left[phase]
            return True
        return False

    killer.at = at
    result = home.finish(job, killer).result()
    assert left == {}
    assert [network.file_sha256 for network in result.targets[0].networks] == [
        network.file_sha256 for network in finished.target.networks
    ]
    for name in ("id", "started_at", "supernet", "targets", "references", "target_references"):
        result = result.model_copy(update={name: getattr(finished.result, name)})
    assert undated(result) == undated(finished.result)
    asked = [digest for call in home.watch.asked for digest in call]
    assert len(asked) == len(set(asked))

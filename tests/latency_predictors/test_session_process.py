from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from latency_predictors.energy import measure_energy
from latency_predictors.energy_figure import EnergyFigure, MeasuredEnergy
from latency_predictors.measure import Summary, TimingProtocol
from latency_predictors.meters import running_log
from latency_predictors.protocol import Line, Segment, SessionRequest, Started, Subject
from latency_predictors.session_process import answer
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import CONTEXT
from tests.latency_predictors.test_measure import PROTOCOL


class Stopwatch:
    """A clock that every run moves on by two milliseconds; one file cannot be loaded."""

    def __init__(self, broken: str = "") -> None:
        self.now_ns = 0
        self.loaded: list[str] = []
        self.broken = broken

    def clock(self) -> int:
        return self.now_ns

    def load(self, subject: Subject) -> Callable[[], None]:
        if subject.digest == self.broken:
            raise MeasurementError("file_not_loadable", f"{subject.path.name} is none")
        self.loaded.append(subject.digest)
        return self.run_once

    def run_once(self) -> None:
        self.now_ns += 2_000_000


def subject(digest: str) -> Subject:
    return Subject(digest=digest, path=Path(f"{digest}.onnx"))


def requested(timing: TimingProtocol = PROTOCOL) -> SessionRequest:
    return SessionRequest(
        context=CONTEXT,
        timing=timing,
        subjects=(subject("a"), subject("b")),
        anchors=(subject("anchor"),),
        reference_ms={},
        seed=0,
    )


def said_by(watch: Stopwatch) -> list[Line]:
    said: list[Line] = []
    answer(requested(), watch.load, watch.clock, said.append)
    return said


def test_every_measurement_is_told_when_it_begins_and_what_is_kept_when_it_is() -> None:
    watch = Stopwatch()
    *begun, segment = said_by(watch)
    assert [line.digest for line in begun if isinstance(line, Started)] in (
        ["anchor", "a", "b", "anchor"],
        ["anchor", "b", "a", "anchor"],
    )
    assert isinstance(segment, Segment)
    assert {timed.digest: timed.summary.median_ms for timed in segment.timed} == {"a": 2.0, "b": 2.0}
    assert len(segment.readings) == 2


def test_anchors_are_loaded_once_and_first() -> None:
    watch = Stopwatch()
    said_by(watch)
    assert watch.loaded[0] == "anchor"
    assert sorted(watch.loaded) == ["a", "anchor", "b"]


def test_a_file_that_cannot_be_loaded_is_told_and_the_others_are_measured() -> None:
    (segment,) = [line for line in said_by(Stopwatch(broken="a")) if isinstance(line, Segment)]
    assert [timed.digest for timed in segment.timed] == ["b"]
    (failure,) = segment.failures
    assert (failure.digest, failure.code, failure.message) == ("a", "file_not_loadable", "a.onnx is none")


def test_without_its_anchors_there_is_no_session() -> None:
    with pytest.raises(MeasurementError, match="anchor.onnx is none") as caught:
        said_by(Stopwatch(broken="anchor"))
    # Whoever hears of a file's own error gives the file up.
    assert caught.value.code == "anchor_not_loadable"


def test_a_meter_watches_subjects_and_no_anchors_where_energy_is_asked_for() -> None:
    watch, watched = Stopwatch(), 0
    gross = EnergyFigure(3.0, 2.9, 3.1, "measured", "board")
    energy = MeasuredEnergy(gross, gross, 1.5, (1.0, 1.0), 2.0, "a meter", 60)

    def see(run_once: Callable[[], None]) -> MeasuredEnergy:
        nonlocal watched
        watched += 1
        return energy

    request = SessionRequest(
        context=CONTEXT,
        timing=replace(PROTOCOL, energy=True),
        subjects=(subject("a"), subject("b")),
        anchors=(subject("anchor"),),
        reference_ms={},
        seed=0,
    )
    said: list[Line] = []
    answer(request, watch.load, watch.clock, said.append, watch=see)
    assert isinstance(said[-1], Segment)
    assert [timed.summary.energy for timed in said[-1].timed] == [energy, energy]
    assert watched == 2


def test_a_log_that_is_emptied_while_a_file_runs_is_the_meters_fault(tmp_path: Path) -> None:
    """The file that ran is not at fault: nothing is said of it, and the process does not die."""
    watch, log, began_ns = Stopwatch(), tmp_path / "plug.csv", 0

    def write(seconds: float = 0.0) -> None:
        watch.now_ns += round(seconds * 1e9)
        log.write_text(f"timestamp,watts\n1,5\n1.1,5\n{2 + watch.now_ns / 1e9},5\n")

    def run_and_write() -> None:
        watch.run_once()
        write()
        if watch.now_ns - began_ns > 1e9:
            log.write_text("")

    def see(run_once: Callable[[], None]) -> MeasuredEnergy:
        nonlocal began_ns
        began_ns = watch.now_ns
        return measure_energy(run_and_write, meter, watch.clock, write)

    write()
    meter = running_log(log, write)
    request, said = requested(replace(PROTOCOL, energy=True)), list[Line]()
    with pytest.raises(MeasurementError, match="the file has no complete line any more") as caught:
        answer(request, watch.load, watch.clock, said.append, watch=see)
    assert caught.value.code == "meter_stopped"
    assert not [line for line in said if isinstance(line, Segment) and line.failures]


@pytest.mark.parametrize("repeat", [True, False])
def test_nobody_looks_at_the_core_where_nothing_is_repeated(repeat: bool) -> None:
    watch = Stopwatch()
    looks: list[int] = []

    def work() -> None:
        looks.append(watch.now_ns)
        watch.now_ns += 20_000

    timing = replace(PROTOCOL, undisturbed=True)
    request = requested(timing).model_copy(update={"repeat": repeat})
    answer(request, watch.load, watch.clock, lambda _: None, work=work)
    assert bool(looks) == repeat


class Core(Stopwatch):
    """A clock moved on by runs of half a millisecond and by looks; its speed is a function of time."""

    def __init__(self, slowness: Callable[[float], float], look_ns: int) -> None:
        super().__init__()
        self.slowness = slowness
        self.look_ns = look_ns

    def run_once(self) -> None:
        self.now_ns += round(500_000 * self.slowness(self.now_ns / 1e9))

    def look(self) -> None:
        self.now_ns += round(self.look_ns * self.slowness(self.now_ns / 1e9))


def found_on(core: Core, request: SessionRequest) -> dict[str, Summary]:
    said: list[Line] = []
    answer(request, core.load, core.clock, said.append, work=core.look)
    return {one.digest: one.summary for line in said if isinstance(line, Segment) for one in line.timed}


@pytest.mark.parametrize(("known", "slow_s"), [(False, 1.5), (True, 0.02)])
def test_who_is_at_work_when_a_process_begins_is_noticed(known: bool, slow_s: float) -> None:
    core = Core(lambda at_s: 1.7 if at_s < slow_s else 1.0, look_ns=10_000)
    request = requested(replace(PROTOCOL, undisturbed=True))
    if known:
        request = request.model_copy(update={"reference_ms": {"anchor": 0.5}})
    found = found_on(core, request)
    assert [one.median_ms for one in found.values()] == [0.5, 0.5]
    assert core.now_ns < 1e9 * (2.0 if known else 4.0), "with a reference there is less to learn"


def test_the_more_files_the_longer_the_core_is_waited_for() -> None:
    # It is undisturbed for 0.2 s in two.
    core = Core(lambda at_s: 1.0 if at_s < 2.0 or at_s % 2.0 < 0.2 else 1.7, look_ns=1_000_000)
    files = tuple(subject(f"s{i}") for i in range(150))
    timing = replace(PROTOCOL, undisturbed=True, min_blocks=10, min_duration_s=0.08)
    found = found_on(core, requested(timing).model_copy(update={"subjects": files}))
    assert sum(one.waited_s for one in found.values()) > 90
    assert {one.median_ms for one in found.values()} == {0.5}

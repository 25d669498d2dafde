"""What happens between sessions and between the processes of one: by scripts, and by a device with one."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from latency_predictors.child_process import ChildEnded
from latency_predictors.drift import against
from latency_predictors.fake_device import ANCHORS, CONTEXT, FakeDevice, Script, Throttling
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.protocol import (
    Alive,
    AnchorReading,
    Conditions,
    Failed,
    Finished,
    Kernels,
    Line,
    Segment,
    SessionRequest,
    SessionResult,
    Started,
    Subject,
    SubjectFailure,
    Timed,
)
from latency_predictors.series import MAX_IN_A_ROW, MAX_TRIES, run_series
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import DEVICE, summary

DIED = ChildEnded("was ended by signal 9", "out of luck")
SAME, OTHER = {"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.5}
Play = list[Line | ChildEnded]


def subject(digest: str) -> Subject:
    return Subject(digest=digest, path=Path(f"{digest}.onnx"))


def requested(*digests: str, **more: object) -> SessionRequest:
    request = SessionRequest(
        context=CONTEXT,
        timing=NETWORK_PROTOCOL,
        subjects=tuple(map(subject, digests)),
        anchors=(subject("anchor"),),
        reference_ms={},
        seed=5,
    )
    return request.model_copy(update=more)


def segment(
    medians: dict[str, float], anchor_ms: float = 0.5, failures: dict[str, str] | None = None
) -> Segment:
    """What was found between two equal readings of the anchor."""
    reading = AnchorReading(at_ns=0, median_ms={"anchor": anchor_ms})
    timed = tuple(
        Timed(
            digest=digest,
            at_ns=0,
            summary=summary(ms),
            before=reading,
            after=reading,
            moved=False,
            num_repeats=0,
        )
        for digest, ms in medians.items()
    )
    failed = tuple(
        SubjectFailure(digest=digest, code=code, message="told") for digest, code in (failures or {}).items()
    )
    return Segment(timed=timed, failures=failed, readings=(reading, reading))


def begun(*digests: str) -> Play:
    return [Started(digest=digest) for digest in digests]


def whole(medians: dict[str, float], anchor_ms: float = 0.5) -> Play:
    """A process that measures everything."""
    return [*begun("anchor", *medians, "anchor"), segment(medians, anchor_ms), Finished(cpus=(1,))]


@dataclass
class Machine:
    """Plays what its processes say, one after the other.

    Attributes:
        asked: Requests, one a process.
        closed: Processes that are gone.
    """

    plays: list[Play]
    conditions: Conditions = field(default_factory=Conditions)
    throttles: Iterator[int] = field(default_factory=lambda: iter([0] * 100))
    asked: list[SessionRequest] = field(default_factory=list)
    closed: int = 0

    device = DEVICE

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def settle(self) -> Conditions:
        return self.conditions

    def num_throttles(self) -> int:
        return next(self.throttles)

    def run(self, request: SessionRequest) -> Generator[Line | ChildEnded, None, None]:
        self.asked.append(request)
        try:
            yield from self.plays.pop(0)
        finally:
            self.closed += 1

    @property
    def subjects(self) -> list[list[str]]:
        return [[one.digest for one in request.subjects] for request in self.asked]


def medians(one: SessionResult) -> dict[str, float]:
    return {result.digest: result.median_ms for result in one.results}


def test_each_session_is_handed_over_when_it_is_over() -> None:
    """Whoever is killed after one has lost nothing of it."""
    machine = Machine([whole(SAME)] * 3)
    found = run_series(requested("a", "b"), machine, 3)
    assert machine.asked == []
    assert medians(next(found)) == SAME
    assert len(machine.asked) == 1
    assert len(list(found)) == 2
    assert machine.closed == 3


def test_what_differs_is_measured_once_more_before_the_last_is_handed_over() -> None:
    """Whoever counts two sessions of a file and takes it for done has the third of it already."""
    machine = Machine([whole(SAME), whole(OTHER), whole({"b": 2.49})])
    found = list(run_series(requested("a", "b"), machine))
    assert [medians(one) for one in found] == [SAME, {"b": 2.49}, OTHER]
    assert machine.subjects == [["a", "b"], ["a", "b"], ["b"]]


@pytest.mark.parametrize("error", [MeasurementError("machine_busy", "other work"), KeyboardInterrupt()])
def test_a_further_session_that_cannot_be_measured_costs_no_other(error: BaseException) -> None:
    class Ending(Machine):
        def settle(self) -> Conditions:
            if not self.plays:
                raise error
            return super().settle()

    kept: list[dict[str, float]] = []
    found = run_series(requested("a", "b"), Ending([whole(SAME), whole(OTHER)]))
    with pytest.raises(type(error)) as caught:
        kept.extend(map(medians, found))
    assert caught.value is error
    assert kept == [SAME, OTHER]


def test_a_request_without_repeats_gets_so_many_sessions_whatever_they_say() -> None:
    slow = {digest: 1.4 * ms for digest, ms in SAME.items()}
    machine = Machine([whole(slow, 0.7), whole(SAME)])
    first, second = run_series(requested("a", "b", repeat=False), machine)
    assert [one.reference_ms for one in (first, second)] == [{"anchor": 0.7}, {"anchor": 0.5}]
    assert all(result.suspect for result in against(first, second.reference_ms).results)
    assert medians(second) == SAME
    assert not any(result.suspect for result in second.results)
    assert not any(request.repeat for request in machine.asked)


def test_where_nothing_differs_there_is_no_further_session() -> None:
    assert len(list(run_series(requested("a", "b"), Machine([whole(SAME)] * 2)))) == 2


def test_a_single_session_is_the_last_one() -> None:
    """As where a killed worker had delivered the first one."""
    assert len(list(run_series(requested("a", "b"), Machine([whole(SAME)]), 1))) == 1


def test_later_sessions_have_the_reference_of_the_first_and_another_order() -> None:
    machine = Machine([whole(SAME), whole(OTHER), whole(OTHER)])
    list(run_series(requested("a", "b"), machine))
    assert [request.reference_ms for request in machine.asked] == [{}, {"anchor": 0.5}, {"anchor": 0.5}]
    assert [request.seed for request in machine.asked] == [5, 6, 7]


def test_the_first_session_tells_which_kernels_run_and_no_later_one_is_asked() -> None:
    told = [Kernels(digest="a", counts={"Conv": 3, "Add": 1}), Kernels(digest="b", counts={"Conv": 2})]
    half = [*begun("anchor", "a", "anchor"), segment({"a": 1.0}), *begun("b"), DIED]
    rest = whole({"b": 2.0})
    machine = Machine([half, [*rest[:-1], *told, rest[-1]], whole(OTHER), whole({"b": 2.49})])
    found = list(run_series(requested("a", "b", kernels=True), machine))
    assert [request.kernels for request in machine.asked] == [True, True, False, False]
    kernels = [{one.digest: one.kernels for one in session.results} for session in found]
    assert kernels == [{"a": {"Conv": 3, "Add": 1}, "b": {"Conv": 2}}, {"b": {}}, {"a": {}, "b": {}}]
    silent = Machine([whole(SAME)] * 2)
    assert not any(
        one.kernels for session in run_series(requested("a", "b"), silent) for one in session.results
    )
    assert not any(request.kernels for request in silent.asked)


def test_a_process_that_dies_while_it_tells_kernels_loses_nothing_that_was_measured() -> None:
    machine = Machine([[*whole(SAME)[:-1], Kernels(digest="a", counts={"Conv": 3}), DIED]])
    (found,) = run_series(requested("a", "b", kernels=True), machine, 1)
    assert medians(found) == SAME
    assert found.failures == ()
    assert [one.kernels for one in found.results] == [{"Conv": 3}, {}]


def test_a_first_session_that_was_slow_loses_the_reference_to_a_later_one() -> None:
    slow = {digest: 1.4 * ms for digest, ms in SAME.items()}
    machine = Machine([whole(slow, 0.7), whole(SAME), whole(SAME)])
    first, second, third = run_series(requested("a", "b"), machine)
    assert first.reference_ms == {"anchor": 0.7}
    assert second.reference_ms == third.reference_ms == {"anchor": 0.5}
    assert not any(result.suspect for result in (*second.results, *third.results))
    assert medians(third) == SAME


def test_a_reference_that_was_given_stays_however_fast_the_device_is() -> None:
    machine = Machine([whole(SAME)] * 3)
    sessions = list(run_series(requested("a", "b", reference_ms={"anchor": 0.7}), machine))
    assert {one.reference_ms["anchor"] for one in sessions} == {0.7}
    assert all(result.suspect for one in sessions for result in one.results)
    assert len(sessions) == 3, "disturbed in both: a third one decides"


def test_a_process_that_dies_costs_what_it_had_not_kept() -> None:
    half = [*begun("anchor", "a", "anchor"), segment({"a": 1.0}), *begun("b", "c"), DIED]
    machine = Machine([half, whole({"b": 2.0}), whole({"c": 3.0})])
    (found,) = run_series(requested("a", "b", "c"), machine, 1)
    # What killed it is measured last, alone; the readings so far are the reference.
    assert machine.subjects == [["a", "b", "c"], ["b"], ["c"]]
    assert machine.asked[1].reference_ms == {"anchor": 0.5}
    assert medians(found) == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert found.failures == ()


def test_what_kills_three_processes_is_unsupported_and_never_asked_for_again() -> None:
    deadly = [*begun("anchor", "b"), DIED]
    machine = Machine([deadly, whole({"a": 1.0}), deadly, deadly, whole({"a": 1.0})])
    first, second = run_series(requested("a", "b"), machine)
    (failure,) = first.failures
    assert (failure.digest, failure.code) == ("b", "unsupported_subject")
    assert "was ended by signal 9 while measuring b.onnx (b)" in failure.message
    assert "out of luck" in failure.message
    assert f"{MAX_TRIES} times" in failure.message
    assert machine.subjects == [["a", "b"], ["a"], ["b"], ["b"], ["a"]]
    assert second.failures == ()


def test_what_cannot_be_loaded_is_unsupported_at_once() -> None:
    bad: Play = [
        *begun("anchor", "b", "a"),
        segment({"a": 1.0}, failures={"b": "file_not_loadable"}),
        Finished(cpus=()),
    ]
    machine = Machine([bad, whole({"a": 1.0})])
    first, _ = run_series(requested("a", "b"), machine)
    assert [failure.digest for failure in first.failures] == ["b"]
    assert machine.subjects == [["a", "b"], ["a"]]


def test_where_nothing_can_be_measured_one_session_says_so() -> None:
    bad: Play = [segment({}, failures={"a": "file_not_loadable"}), Finished(cpus=())]
    (only,) = run_series(requested("a"), Machine([bad]))
    assert only.results == ()
    assert len(only.failures) == 1


def test_a_process_that_dies_before_it_begins_is_nobodys_fault() -> None:
    with pytest.raises(MeasurementError, match="before it measured anything.*out of luck") as caught:
        next(run_series(requested("a"), Machine([[DIED]])))
    assert caught.value.code == "session_died"


def test_where_one_subject_after_the_other_dies_it_is_not_the_subjects() -> None:
    names = [f"s{i}" for i in range(9)]
    machine = Machine([[*begun("anchor", name), DIED] for name in names])
    with pytest.raises(MeasurementError) as caught:
        next(run_series(requested(*names), machine))
    assert caught.value.code == "session_died"
    assert len(machine.asked) == MAX_IN_A_ROW


def test_an_anchor_that_dies_now_and_then_is_put_up_with() -> None:
    machine = Machine([[*begun("anchor"), DIED], whole({"a": 1.0})])
    assert medians(next(run_series(requested("a"), machine))) == {"a": 1.0}
    with pytest.raises(MeasurementError, match="while measuring anchor.onnx") as caught:
        next(run_series(requested("a"), Machine([[*begun("anchor"), DIED]] * MAX_IN_A_ROW)))
    assert caught.value.code == "session_died"


@pytest.mark.parametrize("code", ["session_void", "clock_jumped"])
def test_a_void_session_is_repeated_once(code: str) -> None:
    void: Play = [*begun("anchor", "a"), segment({"a": 9.0}), Failed(code=code, message="restless")]
    assert medians(next(run_series(requested("a"), Machine([void, whole({"a": 1.0})])))) == {"a": 1.0}
    with pytest.raises(MeasurementError, match="restless") as caught:
        next(run_series(requested("a"), Machine([void, void])))
    assert caught.value.code == code


def test_another_refusal_is_not_tried_again() -> None:
    machine = Machine([[Failed(code="telemetry_on", message="switch it off")]])
    with pytest.raises(MeasurementError, match="switch it off"):
        next(run_series(requested("a"), machine))


def test_conditions_are_kept_with_what_happened_meanwhile() -> None:
    machine = Machine([whole(SAME)], Conditions(busy=0.2, temperature_c=60.0), iter([4, 6]))
    (found,) = run_series(requested("a", "b"), machine, 1)
    assert found.conditions == Conditions(busy=0.2, temperature_c=60.0, num_throttles=2)
    assert found.conditions.disturbed


def test_progress_counts_subjects_over_all_sessions() -> None:
    told: list[tuple[int, int]] = []
    machine = Machine([whole(SAME), whole(OTHER), whole({"b": 2.5})])
    list(run_series(requested("a", "b"), machine, on_progress=lambda *at: told.append(at)))
    assert told[0] == (0, 4)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (5, 5)


def test_what_is_measured_again_is_counted_again() -> None:
    told: list[tuple[int, int]] = []
    begun = [Started(digest=digest) for digest in ("a", "b", "a")]
    machine = Machine([[*begun, *whole(SAME)], whole(SAME)])
    list(run_series(requested("a", "b"), machine, on_progress=lambda *at: told.append(at)))
    assert [done / total for done, total in told] == sorted(done / total for done, total in told)
    assert told[-1][0] == told[-1][1] > 4


def test_a_process_that_is_alive_tells_the_same_progress_and_changes_nothing() -> None:
    told: list[tuple[int, int]] = []
    slow = [*begun("anchor", "a"), Alive(), Alive(), *whole(SAME)[2:]]
    found = next(run_series(requested("a", "b"), Machine([slow]), 1, lambda *at: told.append(at)))
    assert found.results == next(run_series(requested("a", "b"), Machine([whole(SAME)]), 1)).results
    # Anchor, "a", twice the same, "b", anchor, the end.
    assert told == [(0, 2), (0, 2), (0, 2), (0, 2), (1, 2), (2, 2), (2, 2)]


def test_a_process_that_is_alive_and_dies_is_blamed_on_what_it_measured() -> None:
    died = [*begun("anchor", "a"), Alive(), Alive(), DIED]
    machine = Machine([died, whole({"b": 2.0}), died[:], died[:], whole({"b": 2.0})])
    first = next(run_series(requested("a", "b"), machine))
    assert [(one.digest, one.code) for one in first.failures] == [("a", "unsupported_subject")]
    assert [result.digest for result in first.results] == ["b"]


def test_whoever_stops_listening_ends_the_process() -> None:
    machine = Machine([whole(SAME)] * 2)
    found = run_series(requested("a", "b"), machine)
    next(found)
    assert isinstance(found, Generator)
    found.close()
    assert machine.closed == len(machine.asked) == 1


TRUTH = {f"s{i}": 0.5 + i / 4 for i in range(30)}


def test_crashes_cost_no_subject() -> None:
    device = FakeDevice(TRUTH, Script(crash_share=0.05, hang_share=0.02))
    for found in device.sessions(list(TRUTH), NETWORK_PROTOCOL):
        assert medians(found) == pytest.approx(TRUTH, rel=0.03)
    assert device.num_processes > 4


def test_a_slow_session_is_corrected_whichever_it_is() -> None:
    for factors in ((1.4, 1.0), (1.0, 1.4)):
        device = FakeDevice(TRUTH, Script(session_factors=factors))
        last = list(device.sessions(list(TRUTH), NETWORK_PROTOCOL))[-1]
        assert medians(last) == pytest.approx(TRUTH, rel=0.03)
        assert last.reference_ms == pytest.approx(ANCHORS, rel=0.01)


def test_throttling_is_corrected_or_marked() -> None:
    device = FakeDevice(TRUTH, Script(throttling=Throttling(after_s=6.0, factor=1.3, lasts_s=3.0)))
    for found in device.sessions(list(TRUTH), NETWORK_PROTOCOL):
        calm = {result.digest: result.median_ms for result in found.results if not result.suspect}
        assert calm == pytest.approx({digest: TRUTH[digest] for digest in calm}, rel=0.03)
        assert len(calm) > 10


def test_an_anchor_that_dies_again_and_again_is_put_up_with_while_something_is_kept() -> None:
    names = [f"s{i}" for i in range(7)]
    one_each: list[Play] = [
        [*begun("anchor", name), segment({name: 1.0}), *begun("anchor"), DIED] for name in names
    ]
    (found,) = run_series(requested(*names), Machine(one_each), 1)
    assert medians(found).keys() == set(names)

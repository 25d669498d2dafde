"""A series of sessions of the same files: what is repeated, what is measured once more, what is given up.

Pure: the machine, with its clock and its processes, is behind a protocol. `session` has the real one,
`fake_device` one that follows a script.
"""

import uuid
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Final, Protocol

from latency_predictors.agreement import undecided
from latency_predictors.child_process import ChildEnded
from latency_predictors.device import Device
from latency_predictors.drift import DriftRules, around_kept, at_rest, outcome, slowness
from latency_predictors.protocol import (
    Alive,
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
)
from latency_predictors.series_progress import OnProgress, SeriesProgress
from search_spaces.errors import MeasurementError

MAX_TRIES: Final = 3
"""A subject that ends so many processes is unsupported."""

MAX_IN_A_ROW: Final = 5
"""Where so many processes end in a row, of an anchor or each of another subject, it is not the subjects."""

_REPEATED: Final = ("session_void", "clock_jumped")


class Machine(Protocol):
    """What is measured on."""

    @property
    def device(self) -> Device:
        """What it is."""

    def now(self) -> datetime:
        """Return the date and time, with a time zone."""

    def settle(self) -> Conditions:
        """Wait until a session may begin; called before each.

        Raises:
            MeasurementError: `machine_busy`, `device_hot` or `not_enough_idle_cores`.
        """

    def num_throttles(self) -> int:
        """Return how often heat has slowed the processor down, since whenever."""

    def run(self, request: SessionRequest) -> Generator[Line | ChildEnded, None, None]:
        """Start a process; yield the lines of its answer, and how it ended if that was before the last one.

        The process is gone when the iterator is exhausted or closed.
        """


def run_series(
    request: SessionRequest, machine: Machine, num_sessions: int = 2, on_progress: OnProgress | None = None
) -> Iterator[SessionResult]:
    """Measure files in several sessions, and in a further one those on which the sessions do not agree.

    Yields each session when it is over, so that a kill loses one at most; but the last of `num_sessions`
    after the one for what is open: whoever counts sessions then has all of a file before it seems done. Where
    that one cannot be measured the last is yielded all the same, and then the error is raised.

    Without a reference the first session sets it. A later one that finds the device faster than that by more
    than drift explains sets it anew, and there is one session more.

    A request without repeats gets so many sessions and no more.

    Args:
        request: What to measure; its seed is that of the first session.
        machine: Where.
        num_sessions: Sessions for every subject.
        on_progress: Told after every subject.

    Raises:
        MeasurementError: `session_void`, `clock_jumped`, `session_died`, and whatever the machine or its
            processes refuse with.
    """
    progress = SeriesProgress(on_progress, num_sessions * len(request.subjects))
    sessions: list[SessionResult] = []
    while len(sessions) < num_sessions and (asked := _next(request, sessions)).subjects:
        if sessions:
            yield sessions[-1]
        found = _run(asked, machine, progress, keeps=bool(request.reference_ms))
        if sessions and found.reference_ms != asked.reference_ms and request.repeat:
            num_sessions += 1
            progress.total += len(asked.subjects)
        sessions.append(found)
    unsettled = undecided(sessions) if request.repeat else ()
    asked = _next(request, sessions)
    if some := tuple(subject for subject in asked.subjects if subject.digest in unsettled):
        progress.total += len(some)
        try:
            further = _run(asked.model_copy(update={"subjects": some}), machine, progress, keeps=True)
        except BaseException:  # a drain too
            yield sessions[-1]
            raise
        yield further
    yield from sessions[-1:]


def _next(request: SessionRequest, sessions: Sequence[SessionResult]) -> SessionRequest:
    """Return what the session after some others is to do: what can be measured, in another order."""
    failed = {failure.digest for session in sessions for failure in session.failures}
    update = {
        "seed": request.seed + len(sessions),
        "subjects": tuple(subject for subject in request.subjects if subject.digest not in failed),
        "reference_ms": sessions[-1].reference_ms if sessions else request.reference_ms,
        # What runs a file is the same in each.
        "kernels": request.kernels and not sessions,
    }
    return request.model_copy(update=update)


def _run(
    request: SessionRequest, machine: Machine, progress: SeriesProgress, *, keeps: bool
) -> SessionResult:
    """Run one session; a void one is repeated once."""
    try:
        return _Session(request, machine, progress).run(keeps=keeps)
    except MeasurementError as error:
        if error.code not in _REPEATED:
            raise
    return _Session(request, machine, progress).run(keeps=keeps)


class _Session:
    """One session: a process, and further ones for what a process left when it died."""

    def __init__(self, request: SessionRequest, machine: Machine, progress: SeriesProgress) -> None:
        self._request = request
        self._machine = machine
        self._progress = progress
        self._segments: list[Segment] = []
        self._failures: dict[str, SubjectFailure] = {}
        self._kernels: dict[str, dict[str, int]] = {}
        self._deaths: Counter[str] = Counter()
        self._in_a_row = 0
        self._begun: set[str] = set()
        self._cpus: tuple[int, ...] = ()

    def run(self, *, keeps: bool) -> SessionResult:
        """Run it.

        Args:
            keeps: Whether the reference holds, however fast the device is.
        """
        conditions = self._machine.settle()
        throttles = self._machine.num_throttles()
        started_at = self._machine.now().isoformat(timespec="seconds")
        # Who has ended a process is measured last, alone: nothing else is lost with it then.
        while some := [one for one in self._open() if not self._deaths[one.digest]]:
            self._process(some)
        while some := self._open():
            self._process(some[:1])
        found = outcome(self._segments, self._reference(keeps=keeps))
        self._progress.session_done(len(self._request.subjects))
        meanwhile = {"num_throttles": self._machine.num_throttles() - throttles}
        return SessionResult(
            session_id=uuid.uuid4().hex,
            started_at=started_at,
            device=self._machine.device,
            context=self._request.context,
            timing=self._request.timing,
            cpus=self._cpus,
            results=tuple(
                one.model_copy(update={"kernels": self._kernels.get(one.digest, {})}) for one in found.results
            ),
            readings=found.readings,
            reference_ms=found.reference_ms,
            failures=tuple(self._failures.values()),
            conditions=conditions.model_copy(update=meanwhile),
        )

    def _open(self) -> list[Subject]:
        """Return the subjects that are neither measured nor given up."""
        kept = {timed.digest for segment in self._segments for timed in segment.timed}
        return [
            one
            for one in self._request.subjects
            if one.digest not in kept and one.digest not in self._failures
        ]

    def _process(self, subjects: Sequence[Subject]) -> None:
        """Have one process measure some subjects, as far as it gets."""
        update = {"subjects": tuple(subjects), "reference_ms": self._reference(keeps=True)}
        begun: list[str] = []
        with closing(self._machine.run(self._request.model_copy(update=update))) as lines:
            for line in lines:
                match line:
                    case Started():
                        begun.append(line.digest)
                        self._tell(line.digest)
                    case Alive():
                        self._progress.still()
                    case Segment():
                        self._segments.append(line)
                        if line.timed or line.failures:
                            self._in_a_row = 0
                        self._failures |= {failure.digest: failure for failure in line.failures}
                    case Kernels():
                        self._kernels[line.digest] = line.counts
                    case Finished():
                        self._cpus = line.cpus
                        return
                    case Failed():
                        raise MeasurementError(line.code, line.message)
                    case ChildEnded():
                        self._blame(line, begun)
                        return

    def _tell(self, digest: str) -> None:
        if digest in self._begun:
            self._progress.repeat()
        self._progress.tell(len(self._begun))
        if digest in {one.digest for one in self._request.subjects}:
            self._begun.add(digest)

    def _reference(self, *, keeps: bool) -> Mapping[str, float]:
        """Return what counts as scale 1: what was asked for, unless the device at rest is much faster."""
        given, readings, rules = self._request.reference_ms, around_kept(self._segments), DriftRules()
        if not readings or (given and keeps):
            return given
        rest = at_rest(readings, rules)
        much_faster = bool(given) and slowness(rest, given) * (1 + rules.max_correction) < 1
        return rest if much_faster or not given else given

    def _blame(self, ended: ChildEnded, begun: Sequence[str]) -> None:
        """Note whose fault the end of a process was.

        Raises:
            MeasurementError: `session_died` where it was no subject's.
        """
        culprit = begun[-1] if begun else ""
        anchors = {anchor.digest for anchor in self._request.anchors}
        self._deaths[culprit] += 1
        tries = self._deaths[culprit]
        others = any(digest not in anchors for digest in begun[:-1])
        known = culprit not in anchors and (tries > 1 or others)
        self._in_a_row = 1 if known else self._in_a_row + 1
        if not culprit or self._in_a_row >= MAX_IN_A_ROW:
            said = "look at the runtime, or measure again"
            raise MeasurementError("session_died", f"{_death(ended, self._request, begun)}; {said}")
        if culprit not in anchors and tries >= MAX_TRIES:
            said = f"{_death(ended, self._request, begun)}, {tries} times: it is not tried again"
            error = MeasurementError("unsupported_subject", said)
            self._failures[culprit] = SubjectFailure.of(culprit, error)


def _death(ended: ChildEnded, request: SessionRequest, begun: Sequence[str]) -> str:
    files = {subject.digest: subject.path.name for subject in (*request.anchors, *request.subjects)}
    during = f"while measuring {files[begun[-1]]} ({begun[-1]})" if begun else "before it measured anything"
    said = f", its last words were: {ended.last_words}" if ended.last_words else ""
    return f"the measuring process {ended.reason} {during}{said}"

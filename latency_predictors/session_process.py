"""What a measuring process does with a request. Pure: loading, the clock and the answer are functions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from latency_predictors.core_watch import CoreWatch, WatchRules
from latency_predictors.drift import NO_REPEATS, DriftRules
from latency_predictors.energy_figure import MeasuredEnergy
from latency_predictors.measure import Summary, for_median, measure, no_pause
from latency_predictors.protocol import FILE_ERRORS, Line, SessionRequest, Started, Subject
from latency_predictors.schedule import segments
from search_spaces.errors import MeasurementError

_ALIKE: Final = 1.25
"""Runs under a meter that take longer by so much were slowed down, where those that were timed were not."""

_LOST_S: Final = 1.0
"""Seconds for each file of a session that may be lost with waiting for the core, on average."""

_FIRST_LEARN_S: Final = 2.0
"""Seconds for which a process looks at the core to know it undisturbed, where there is no reference."""

RunOnce = Callable[[], None]


def answer(
    request: SessionRequest,
    load: Callable[[Subject], RunOnce],
    clock: Callable[[], int],
    say: Callable[[Line], None],
    pause: Callable[[], None] = no_pause,
    watch: Callable[[RunOnce], MeasuredEnergy] | None = None,
    work: Callable[[], object] | None = None,
) -> None:
    """Measure what a request asks for; say what begins and what was found, all but the last word.

    Args:
        request: What to measure, and how.
        load: Returns what runs a file once. Anchors are loaded first and stay loaded.
        clock: Monotonic time in nanoseconds.
        say: Takes the lines of the answer as they come.
        pause: Rests before each run.
        watch: Returns what a meter sees while a file runs; needed where the request asks for energy.
        work: A fixed computation that tells whether somebody else slows the core down, which is waited for
            where the request repeats; without it nothing is.

    Raises:
        MeasurementError: As `schedule.segments`; `anchor_not_loadable`; as `watch`: what a meter saw no end
            of counts for nothing.
    """
    subjects = {subject.digest: subject for subject in request.subjects}
    anchors = {anchor.digest: _loaded(anchor, load) for anchor in request.anchors}
    core = CoreWatch(clock, work, _watch_rules(request)) if work and request.repeat else None

    def measure_one(digest: str) -> Summary:
        say(Started(digest=digest))
        run_once = anchors.get(digest) or load(subjects[digest])
        timing = request.timing if digest in subjects else for_median(request.timing)
        found = measure(run_once, clock, timing, pause, core)
        return _with_energy(found, run_once, watch) if timing.energy and digest in subjects else found

    rng, known = np.random.default_rng(request.seed), request.reference_ms
    rules = DriftRules() if request.repeat else NO_REPEATS
    for segment in segments(list(subjects), list(anchors), measure_one, clock, rng, known, rules):
        say(segment)


def _loaded(anchor: Subject, load: Callable[[Subject], RunOnce]) -> RunOnce:
    """Return what runs an anchor; where it cannot be loaded, no file that is to be measured is at fault."""
    try:
        return load(anchor)
    except MeasurementError as error:
        if error.code not in FILE_ERRORS:
            raise
        raise MeasurementError(
            "anchor_not_loadable",
            f"a reference graph cannot be loaded, without which nothing is measured ({error.message}): look "
            "at the memory, the disk and the runtime of the device",
        ) from error


def _with_energy(
    found: Summary, run_once: RunOnce, watch: Callable[[RunOnce], MeasuredEnergy] | None
) -> Summary:
    """Return what was timed of a file with what a meter sees while it runs."""
    assert watch is not None, "energy is measured with a meter"
    energy = watch(run_once)
    slowed = energy.latency_ms > _ALIKE * found.median_ms
    return replace(found, energy=energy, disturbed=found.disturbed or slowed)


def _watch_rules(request: SessionRequest) -> WatchRules:
    """Return how long the core is watched and waited for.

    More files may take more waiting. Without a reference only looks tell how fast the undisturbed core is,
    and a neighbour that is at work when the process begins goes on for a second or two.
    """
    process_s = max(WatchRules.process_s, _LOST_S * len(request.subjects))
    learn_s = WatchRules.learn_s if request.reference_ms else _FIRST_LEARN_S
    return WatchRules(process_s=process_s, learn_s=learn_s)

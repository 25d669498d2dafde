"""A job as somebody sees it who waits for its end."""

import threading
from collections.abc import Callable
from typing import Final

from latency_predictors.device import host_device
from nas.job_records import Job, JobEvent
from nas.jobs import TERMINAL, JobState
from nas.pipeline.context import Progress
from nas.store.bound import DEVICE_AWAY
from nas.store.stores import Stores

POLL_S: Final = 0.25
_QUEUE: Final = ""
"""Where what was told of the queue is kept, beside names of devices, which are not empty."""

ENDS: Final = (*TERMINAL, JobState.PARKED)


def watch(stores: Stores, job: Job, progress: Progress, keep_alive: Callable[[], None]) -> Job:
    """Show how far a job is until it has ended; return it as it is then.

    Args:
        stores: Where it is.
        job: As it was submitted.
        progress: Told what happens from now on.
        keep_alive: Called each time: raises where nobody can be found to work on it.
    """
    seen, whys = _last_event(stores, job), dict[str, str]()
    while True:
        now = stores.jobs.get(job.tenant, job.id)
        for event in stores.jobs.events(job.tenant, job.id, after=seen):
            seen = event.id
            _show(event, progress)
        if now.state in ENDS:
            return now
        if now.state is JobState.QUEUED:
            _show_queue(stores, now, progress, whys)
        if now.state is JobState.WAITING:
            _show_measuring(stores, now, progress, whys)
        keep_alive()
        threading.Event().wait(POLL_S)


def _last_event(stores: Stores, job: Job) -> int:
    """Return the number of the last event so far: what happened before is not told again."""
    last = 0
    while events := stores.jobs.events(job.tenant, job.id, after=last):
        last = events[-1].id
    return last


def _show(event: JobEvent, progress: Progress) -> None:
    data = event.data
    if event.kind == "progress":
        progress.step(data["phase"], data["done"], data["total"], data["note"])
    elif event.kind == "message":
        progress.say(data["text"])
    elif event.kind == DEVICE_AWAY:
        progress.say(data["message"])
    elif "fault" in data:
        later = "" if event.kind in ENDS else f"; tried again in {data['delay_ms'] / 1000:g} s"
        progress.say(f"attempt {event.attempt} failed: {data['message']}{later}")


def _show_queue(stores: Stores, job: Job, progress: Progress, whys: dict[str, str]) -> None:
    """Say which jobs of the tenant run while a job waits for its turn; once for the same ones."""
    running = stores.jobs.page(job.tenant, states=(JobState.RUNNING,)).jobs
    names = ", ".join(f"{one.kind} {one.id}" for one in running)
    if names and names != whys.get(_QUEUE):
        progress.say(f"{job.kind} {job.id} waits for its turn; before it: {names}")
    whys[_QUEUE] = names


def _show_measuring(stores: Stores, job: Job, progress: Progress, whys: dict[str, str]) -> None:
    """Show how far the devices are that a job waits for, and why nothing happens on one of them.

    Args:
        stores: Where the job is.
        job: It waits.
        progress: Told of it.
        whys: What was told of each device last; another reason is told once.
    """
    host = host_device()
    far = {"this host": stores.measurements.progress(host.digest)}
    for one in stores.agent_queue.awaited(job.id):
        if one.device != host.label:
            far[one.device] = (one.measured, one.to_measure)
        if one.why != whys.get(one.device, ""):
            files = f"; {one.pending} files wait for it" if one.pending else ""
            progress.say(
                f"device '{one.device}': {one.why}{files}"
                if one.why
                else f"device '{one.device}' works again"
            )
        whys[one.device] = one.why
    for name, (done, total) in far.items():
        if total:
            progress.step("measure", done, total, f"measuring on {name}")

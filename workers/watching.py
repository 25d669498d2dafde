"""A job as somebody sees it who waits for its end."""

import threading
from collections.abc import Callable
from typing import Final

from latency_predictors.agent_protocol import HOST
from latency_predictors.device import host_device
from nas.job_records import Job, JobEvent
from nas.jobs import TERMINAL, JobState
from nas.pipeline.context import Progress
from nas.store.bound import DEVICE_AWAY
from nas.store.stores import Stores

POLL_S: Final = 0.25
ENDS: Final = (*TERMINAL, JobState.PARKED)


def watch(stores: Stores, job: Job, progress: Progress, keep_alive: Callable[[], None]) -> Job:
    """Show how far a job is until it has ended; return it as it is then.

    Args:
        stores: Where it is.
        job: As it was submitted.
        progress: Told what happens from now on.
        keep_alive: Called each time: raises where nobody can be found to work on it.
    """
    seen = _last_event(stores, job)
    while True:
        now = stores.jobs.get(job.tenant, job.id)
        for event in stores.jobs.events(job.tenant, job.id, after=seen):
            seen = event.id
            _show(event, progress)
        if now.state in ENDS:
            return now
        if now.state is JobState.WAITING:
            _show_measuring(stores, now, progress)
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


def _show_measuring(stores: Stores, job: Job, progress: Progress) -> None:
    """Show how far the devices are that a job waits for."""
    named = {one.get("device", HOST) for one in job.spec.get("targets", ()) if isinstance(one, dict)}
    boards = {agent.name: agent.device for agent in stores.agents.list_all(job.tenant) if agent.name in named}
    for name, device in {"this host": host_device(), **boards}.items():
        done, total = stores.measurements.progress(device.digest)
        if total:
            progress.step("measure", done, total, f"measuring on {name}")

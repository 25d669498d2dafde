"""A search in this process: for notebooks, tests and benchmarks. No Ray, no worker beside it."""

import threading

from nas.compute import InProcessCompute
from nas.jobs import JobState
from nas.leases import LeaseTimes
from nas.pipeline.context import Progress
from nas.results import SearchResult
from nas.settings import Settings
from nas.specs import SearchSpec
from nas.store.stores import opened_stores
from workers.orchestrator import PAUSE_S, Orchestrator
from workers.searches import ended_otherwise, submit
from workers.watching import ENDS


def run_search(
    spec: SearchSpec, settings: Settings, progress: Progress, times: LeaseTimes | None = None
) -> SearchResult:
    """Run a search to its end; go on where an unfinished one of the same specification was.

    Works on whatever is queued in the same database until the search has ended.

    Raises:
        HwnasError: Whatever keeps it from its end; finished phases are kept.
    """
    with opened_stores(settings, times) as stores:
        job = submit(spec, settings, stores, progress)
        compute = InProcessCompute(stores.artifacts, settings.home)
        with Orchestrator(stores, settings, compute, progress, times=times) as worker:
            while job.state not in ENDS:
                if not worker.work_once():
                    threading.Event().wait(PAUSE_S)  # another worker has it, or it is tried again later
                job = stores.jobs.get(settings.tenant, job.id)
        if job.state is not JobState.SUCCEEDED:
            raise ended_otherwise(job)
        return stores.stored(job).result()

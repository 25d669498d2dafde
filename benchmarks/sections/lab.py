"""Where benchmarks work: contexts of phases in a home of their own, results in it, fresh measurements.

Several processes may use one home at a time.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.sections.quiet import Quiet
from latency_predictors.agent_protocol import HOST
from latency_predictors.lease import host_lease_folder
from latency_predictors.lookup_table import LookupTable
from latency_predictors.measure import NETWORK_PROTOCOL, TimingProtocol
from latency_predictors.protocol import SessionResult, Subject
from latency_predictors.session import run_sessions
from latency_predictors.spread import Measured, combine_sessions
from nas.compute import InProcessCompute
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState
from nas.leases import LeaseTimes
from nas.pipeline.amounts import NUM_SESSIONS
from nas.pipeline.context import PhaseContext, RunContext, Surroundings
from nas.pipeline.jobs import ProfileContext
from nas.pipeline.profile import profile_site
from nas.pipeline.runner import open_search, phase_context
from nas.pipeline.sharpening import sharpened
from nas.pipeline.sites import site_of
from nas.results import SearchResult
from nas.settings import Settings
from nas.specs import ContextSpec, SearchSpec
from nas.store.job_run import JobRun, StoredJob
from nas.store.searches import all_searches
from nas.store.stores import Stores, opened_stores
from search_spaces.base import Space
from workers.inprocess import run_search
from workers.measuring import serve_host

_MONTH_MS: Final = 30 * 24 * 3_600_000
PATIENT: Final = LeaseTimes(stall_ms=_MONTH_MS)
"""Of searches: nobody takes the job of another benchmark for one that is stuck."""

_LASTING: Final = LeaseTimes(lease_ms=_MONTH_MS, stall_ms=_MONTH_MS)
_KIND: Final = JobKind.EXPORT
"""Of the jobs that contexts write under: one that no worker claims."""


def settings_of(home: Path) -> Settings:
    """Return the settings of a home, whatever the environment says of databases and clusters."""
    home = home.absolute()
    return Settings(
        home=home,
        database_url=f"sqlite:///{home / 'hwnas.db'}",
        artifact_url=str(home / "artifacts"),
        tenant="local",
        ray_address="",
    )


def open_lab(home: Path, spec: SearchSpec) -> PhaseContext:
    """Return the context of a search that nobody runs: it may be profiled, trained and exported for."""
    settings = settings_of(home)
    stores = Stores.open(settings, _LASTING)
    compute = InProcessCompute(stores.artifacts, settings.home)
    search = open_search(spec, Surroundings(settings, stores, compute, Quiet()))
    return phase_context(search, _run(stores, settings, spec.model_dump(mode="json")))


def open_profile(home: Path, space: Space) -> ProfileContext:
    """Return the context of a profile that nobody runs, for any space."""
    settings = settings_of(home)
    stores = Stores.open(settings, _LASTING)
    return ProfileContext(space, stores, _run(stores, settings, {"space": space.name}), Quiet())


def _run(stores: Stores, settings: Settings, document: dict[str, Any]) -> JobRun:
    """Return the right to write, under a job that no worker claims."""
    stores.jobs.submit(settings.tenant, JobRequest(_KIND, document, "benchmark"))
    # Of several processes one may get another's: all that matters is the right to write.
    (claim,) = stores.queue.claim("benchmark", kinds=(_KIND,))
    return stores.run(claim)


def profiled(ctx: RunContext, context: ContextSpec, *, quick: bool = False) -> LookupTable:
    """Return the table of this host, complete, as `hwnas devices profile` makes it.

    Args:
        ctx: Of the search or the profile.
        context: How networks run.
        quick: Leave out further networks, as `--quick` and a search do.
    """
    site = site_of(ctx.stores, ctx.run.lease.tenant, HOST, context)
    while (table := profile_site(ctx, site)) is None or (table := _finished(ctx, table, quick)) is None:
        if not serve_host(ctx.stores, ctx.run.id, lambda done, total: None):
            raise SystemExit("another process measures for this home: let it end first")
    return table


def _finished(ctx: RunContext, table: LookupTable, quick: bool) -> LookupTable | None:
    return table if quick else sharpened(ctx, table)


def measured_anew(table: LookupTable, files: Mapping[str, Path]) -> dict[str, Measured]:
    """Measure networks in sessions that they share with nothing else, whatever is known of them already.

    Args:
        table: Says how they are run, and what counts as scale 1.
        files: By digest.
    """
    return combine_sessions(sessions_anew(table, files, NETWORK_PROTOCOL, NUM_SESSIONS))


def sessions_anew(
    table: LookupTable, files: Mapping[str, Path], timing: TimingProtocol, num_sessions: int
) -> tuple[SessionResult, ...]:
    """Return sessions that measure files, likewise."""
    subjects = [Subject(digest=digest, path=path) for digest, path in files.items()]
    sessions = run_sessions(
        subjects,
        table.context,
        timing,
        lease_folder=host_lease_folder(),
        num_sessions=num_sessions,
        reference_ms=table.reference_ms,
    )
    return tuple(sessions)


def search_once(ctx: PhaseContext) -> SearchResult:
    """Run the search of a context, or return what it found if it is finished."""
    document = ctx.spec.model_dump(mode="json")
    for job in all_searches(ctx.stores, ctx.tenant):
        if job.state is JobState.SUCCEEDED and job.spec == document:
            return ctx.stores.stored(job).result()
    return run_search(ctx.spec, ctx.settings, ctx.progress, PATIENT)


def stored_search(ctx: PhaseContext, result: SearchResult) -> StoredJob:
    """Return what a search left."""
    return ctx.stores.stored(ctx.stores.jobs.get(ctx.tenant, result.id))


def hwnas(settings: Settings, *arguments: str) -> str:
    """Run the command line as its users do and return what it printed; an error of it ends the benchmark."""
    command = [str(Path(sys.executable).with_name("hwnas")), *arguments]
    environment = {**os.environ, **settings.as_environment()}
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def last_result(settings: Settings) -> SearchResult:
    """Return the result of the search that was submitted last."""
    with opened_stores(settings) as stores:
        return stores.stored(all_searches(stores, settings.tenant)[-1]).result()

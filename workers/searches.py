"""Searches as jobs: submitted, watched to their end, and what the user reads then."""

import math
from importlib.resources import files
from pathlib import Path

import yaml
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from nas.job_records import Job, JobRequest
from nas.jobs import JobKind, JobState
from nas.pipeline.context import Progress
from nas.pipeline.deliver import deliver_search
from nas.pipeline.runner import open_inputs
from nas.pipeline.sites import check_devices
from nas.report.terminal import show_search
from nas.results import Document, SearchResult
from nas.settings import Settings
from nas.spec_files import load_document
from nas.specs import SearchSpec, parse_spec
from nas.store.registered import names_registered, with_registered
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import HwnasError, InfeasibleError
from workers.progress import shown_progress
from workers.watching import watch
from workers.worker_process import LocalWorker


class SearchOutcome(Document):
    """A finished search and where its files are."""

    id: str
    folder: Path
    report: Path
    result: SearchResult

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the fronts, then where the files are and how to go on."""
        yield Text()
        yield show_search(self.result, width=options.max_width, ascii_only=options.ascii_only)
        yield _closing(self)


class Submitted(Document):
    """A search that is queued."""

    id: str
    state: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Say how to follow it."""
        lines = [
            f"search {self.id} is {self.state}",
            f"hwnas searches show {self.id}   tells how far it is",
            "hwnas worker   works on whatever is queued",
        ]
        yield Text("\n".join(lines), no_wrap=True, overflow="ignore")


def demo_spec() -> SearchSpec:
    """Return the specification of the demo, which is part of the package."""
    return parse_spec(yaml.safe_load(files("workers").joinpath("demo.yaml").read_text(encoding="utf-8")))


def search(spec: SearchSpec, settings: Settings) -> SearchOutcome:
    """Have a search run to its end, by a worker that is alive or one that is started for it.

    Goes on with an unfinished search of the same specification. Ctrl-C leaves it so.

    Raises:
        HwnasError: Whatever keeps it from its end; what was finished is kept.
    """
    with opened_stores(settings) as stores, shown_progress() as progress:
        job = submit(spec, settings, stores, progress)
        return outcome(run_to_end(job, settings, stores, progress), settings, stores)


def run_to_end(job: Job, settings: Settings, stores: Stores, progress: Progress) -> Job:
    """Watch a job to its end, with a worker that is alive or one that is started for it.

    Raises:
        HwnasError: `no_worker`; `interrupted` on Ctrl-C, telling how the job goes on.
    """
    try:
        with LocalWorker(settings, stores) as worker:
            return watch(stores, job, progress, worker.keep_alive)
    except KeyboardInterrupt as error:
        raise HwnasError("interrupted", _how_it_goes_on(job, stores)) from error


def _how_it_goes_on(job: Job, stores: Stores) -> str:
    others = stores.workers.alive()
    if others:
        tells = (
            f"`hwnas searches show {job.id}` tells how far it is, `hwnas searches cancel {job.id}` ends it"
        )
        shown = tells if job.kind is JobKind.SEARCH else "run the same command again to watch it"
        return f"{job.kind} {job.id} goes on without you, with worker {others[0].name}: {shown}"
    return (
        f"stopped as you asked; what was finished is kept: run the same command again to go on with "
        f"{job.kind} {job.id}, or `hwnas worker`"
    )


def search_file(
    path: Path, settings: Settings, *, watched: bool, proceed: bool = False
) -> SearchOutcome | Submitted:
    """Submit the search that a file specifies; have it run to its end if it is to be watched.

    Args:
        path: The specification.
        settings: Where things are kept.
        watched: Whether to stay until it ends.
        proceed: Whether it goes on without boards that are missing, whatever the file says.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml` or `invalid_spec`.
        HwnasError: As `search`.
    """
    written = load_document(path)
    if proceed:
        written["when_missing"] = "proceed"
    if not names_registered(written):
        parse_spec(written)  # what is wrong with it is told before anything is opened
    with opened_stores(settings) as stores, shown_progress() as progress:
        document, found = with_registered(stores, settings.tenant, written)
        job = submit(parse_spec(document), settings, stores, progress, found.name if found else "")
        if not watched:
            return Submitted(id=job.id, state=job.state)
        return outcome(run_to_end(job, settings, stores, progress), settings, stores)


def submit(spec: SearchSpec, settings: Settings, stores: Stores, progress: Progress, name: str = "") -> Job:
    """Return the unfinished job of a specification, or queue a new one.

    A search begins only where its data and its space can be opened: a typing error leaves nothing behind.
    What its owner should know of the data is said.

    Raises:
        UsageError: `unknown_device`.
        HwnasError: What is wrong with the data set or the space.
    """
    check_devices(stores, settings.tenant, spec.targets, spec.when_missing)
    dataset, _ = open_inputs(spec, settings, stores.artifacts, progress)
    for warning in dataset.report.warnings:
        progress.say(f"note: {warning.message}")
    request = JobRequest(JobKind.SEARCH, spec.model_dump(mode="json"), name or spec.dataset.name)
    return submit_once(request, settings, stores, progress)


def submit_once(request: JobRequest, settings: Settings, stores: Stores, progress: Progress) -> Job:
    """Return the unfinished job of a request, or queue a new one."""
    job, found = stores.jobs.submit_once(settings.tenant, request)
    if found:
        progress.say(f"{job.kind} {job.id} goes on")
    return job


def outcome(job: Job, settings: Settings, stores: Stores) -> SearchOutcome:
    """Write the folder of a finished search; return what the user reads.

    Raises:
        HwnasError: What ended the search otherwise, with its own code.
    """
    if job.state is not JobState.SUCCEEDED:
        raise ended_otherwise(job)
    stored = stores.stored(job)
    folder = settings.searches / job.id
    deliver_search(stored, folder)
    return SearchOutcome(id=job.id, folder=folder, report=folder / "report.html", result=stored.result())


def ended_otherwise(job: Job) -> HwnasError:
    """Return the error that a job ended with: the failure of a job, not of the command that asked for it."""
    if job.state is JobState.INFEASIBLE:
        return InfeasibleError(job.code, job.message)
    if job.state is JobState.CANCELLED:
        return HwnasError(
            "cancelled", f"{job.kind} {job.id} was cancelled: run the same command again to go on"
        )
    if job.state is JobState.PARKED:
        return HwnasError(
            job.code,
            f"{job.message}; {job.kind} {job.id} was tried several times and is parked: mend the cause and "
            "run the same command again, it goes on where it was",
        )
    return HwnasError(job.code, job.message)


def _closing(outcome: SearchOutcome) -> Text:
    lines = [
        "",
        f"folder  {outcome.folder}",
        f"report  {outcome.report}",
        "",
        f"hwnas searches front {outcome.id}  draws the front again",
    ]
    front = outcome.result.targets[0].front
    if front:
        # A limit that the network in the middle of the front just keeps.
        limit_ms = _rounded_up(front[len(front) // 2].latency.upper_ms)
        of_first = " --target 1" if len(outcome.result.targets) > 1 else ""
        command = f"hwnas export {outcome.id} --best --under latency_ms={limit_ms:g}{of_first}"
        lines.append(f"{command}  delivers another network of it")
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def _rounded_up(value: float) -> float:
    """Return a positive value with two digits, not below it."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(value / step) * step, 12)

"""The phases of a search, one after the other, from where an earlier attempt was."""

import time
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Final

from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.jobs import Waiting
from nas.ledger import Book, CountedCompute, host_counters
from nas.pipeline import export, finetune, predict, profile, references, train, verify
from nas.pipeline.context import PhaseContext, PhaseEnd, Progress, SearchContext, Surroundings
from nas.pipeline.export import ExportDocument
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.images import looking, prepare_images
from nas.pipeline.planning import planned_epochs
from nas.pipeline.predict import PredictDocument
from nas.pipeline.publish import publish
from nas.pipeline.references import ReferencesDocument
from nas.pipeline.train import TrainDocument
from nas.pipeline.versions import versions
from nas.ports import Artifacts
from nas.results import SEARCH_PHASES, Document, Ledger, PhaseCost, PhaseTime, SearchResult
from nas.settings import Settings
from nas.specs import SearchSpec
from nas.store.counters import PHASES_ENDED, Count
from nas.store.job_run import JobRun
from nas.workplace import space_for
from search_spaces.base import Space

_FUNCTIONS: Final[tuple[Callable[[PhaseContext], PhaseEnd], ...]] = (
    profile.run,
    lambda ctx: train.run(ctx, planned_epochs),
    predict.run,
    verify.run,
    finetune.run,
    references.run,
    export.run,
)
PHASES: Final = dict(zip(SEARCH_PHASES, _FUNCTIONS, strict=True))
"""What each phase of a search does."""


class Timing(Document):
    """How long a phase took.

    Attributes:
        seconds: By the wall clock, measuring included, so far.
        waiting_since: When it began to wait for measurements; 0 where it does not.
        finished: Whether it is over.
    """

    seconds: float
    waiting_since: float = 0.0
    finished: bool = False


def run_phases(ctx: PhaseContext) -> SearchResult | Waiting:
    """Run the phases that are left; return the result, or that measurements are missing.

    Raises:
        HwnasError: Whatever keeps the search from its end; finished phases are kept.
        LeaseLost: The job is another's.
    """
    for name, phase in PHASES.items():
        timing = _timing(ctx, name)
        if timing.finished:
            continue
        if not timing.waiting_since and name != profile.NAME:
            ctx.progress.say(f"phase {name}")
        ctx.progress.step(name, 0, 1)
        started = time.time()
        waited = started - timing.waiting_since if timing.waiting_since else 0.0
        end = _run_counted(ctx, name, phase)
        now = time.time()
        spent = timing.seconds + max(waited, 0.0) + now - started
        if isinstance(end, Waiting):
            ctx.run.save(f"{name}.time", Timing(seconds=spent, waiting_since=now))
            return end
        ended = Count(PHASES_ENDED, name, total=spent)
        ctx.run.save(f"{name}.time", Timing(seconds=spent, finished=True), ended)
        ctx.progress.step(name, 1, 1)
    result = collect(ctx)
    publish(ctx, result)
    ctx.run.save_result(result)
    return result


def open_search(spec: SearchSpec, around: Surroundings) -> SearchContext:
    """Open the data set and the space of a search.

    Raises:
        HwnasError: What is wrong with either.
    """
    dataset, space = open_inputs(spec, around.settings, around.stores.artifacts, around.progress)
    return SearchContext(
        tenant=around.settings.tenant,
        spec=spec,
        settings=around.settings,
        dataset=dataset,
        space=space,
        stores=around.stores,
        compute=around.compute,
        progress=around.progress,
    )


def phase_context(search: SearchContext, run: JobRun) -> PhaseContext:
    """Return what the phases of a claimed search are given."""
    given = {field.name: getattr(search, field.name) for field in fields(search)}
    return PhaseContext(**{**given, "tenant": run.lease.tenant}, run=run)


def open_inputs(
    spec: SearchSpec, settings: Settings, artifacts: Artifacts, progress: Progress
) -> tuple[Dataset, Space]:
    """Open the data set and the space of a specification.

    Args:
        spec: What was asked for.
        settings: Where things are kept.
        artifacts: Where uploaded images are.
        progress: Told how many images are looked at, where they are new.

    Raises:
        HwnasError: What is wrong with either.
    """
    dataset = open_dataset(spec.dataset, settings.home / "images", artifacts.local_path, looking(progress))
    return dataset, space_for(spec.space, dataset)


def collect(ctx: PhaseContext) -> SearchResult:
    """Put together what the phases of a search found."""
    run = ctx.run
    exported = run.load(export.NAME, ExportDocument)
    tuned = run.load(finetune.NAME, FinetuneDocument)
    stock = run.load(references.NAME, ReferencesDocument)
    return SearchResult(
        id=run.id,
        spec=ctx.spec,
        started_at=run.started_at(),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=ctx.dataset.report.as_dict(),
        dataset_digest=ctx.dataset.digest,
        class_names=ctx.dataset.class_names,
        supernet=run.load(train.NAME, TrainDocument).summary,
        predictor=run.load(predict.NAME, PredictDocument).report,
        targets=exported.with_test_accuracies(tuned.targets),
        references=stock.networks,
        target_references=stock.targets,
        reference_latencies=stock.latencies,
        deliveries=exported.deliveries,
        phases=tuple(PhaseTime(name=name, seconds=_timing(ctx, name).seconds) for name in PHASES),
        versions=versions(),
        ledger=Ledger(
            phases=tuple(_cost(ctx, name) for name in PHASES),
            watts_per_core=ctx.settings.watts_per_core,
            grid_g_per_kwh=ctx.settings.grid_g_per_kwh,
            grid_source=ctx.settings.grid_source,
        ),
    )


def _run_counted(ctx: PhaseContext, name: str, phase: Callable[[PhaseContext], PhaseEnd]) -> PhaseEnd:
    """Run a phase and enter what it costs, however it ends."""

    def save(cost: PhaseCost) -> None:
        ctx.run.save(f"{name}.cost", cost)

    book = Book(_cost(ctx, name), ctx.settings.watts_per_core, save, host_counters())
    counted = replace(ctx, compute=CountedCompute(ctx.compute, book))
    try:
        with book.watched():
            if name not in (profile.NAME, train.NAME):
                # They were ready once, but another machine has none, and folders are removed.
                prepare_images(counted, ctx.space)
            return phase(counted)
    finally:
        others = sum(_cost(ctx, other).device_s for other in PHASES if other != name)
        book.set_device_s(ctx.stores.sessions.device_seconds(ctx.run.id) - others)
        book.save()


def _cost(ctx: PhaseContext, name: str) -> PhaseCost:
    document = f"{name}.cost"
    return ctx.run.load(document, PhaseCost) if ctx.run.has(document) else PhaseCost(name=name)


def _timing(ctx: PhaseContext, name: str) -> Timing:
    document = f"{name}.time"
    return ctx.run.load(document, Timing) if ctx.run.has(document) else Timing(seconds=0.0)

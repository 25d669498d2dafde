"""Runs a search from its specification to the delivered files, or goes on with one that was interrupted."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.pipeline import export, finetune, predict, profile, references, train, verify
from nas.pipeline.context import PhaseContext, Progress
from nas.pipeline.export import ExportDocument
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.plan import Plan, make_plan, planned_epochs
from nas.pipeline.predict import PredictDocument
from nas.pipeline.references import ReferencesDocument
from nas.pipeline.train import TrainDocument
from nas.pipeline.versions import versions
from nas.report.page import write_report
from nas.results import Document, PhaseTime, SearchResult
from nas.settings import Settings
from nas.specs import SearchSpec
from nas.store.run_folder import RunFolder, start_run
from nas.workplace import space_for
from search_spaces.base import SearchSpace

PHASES: Final[Mapping[str, Callable[[PhaseContext], None]]] = {
    profile.NAME: profile.run,
    train.NAME: lambda ctx: train.run(ctx, planned_epochs),
    predict.NAME: predict.run,
    verify.NAME: verify.run,
    finetune.NAME: finetune.run,
    references.NAME: references.run,
    export.NAME: export.run,
}


class Timing(Document):
    """How long a finished phase took."""

    seconds: float


def run_search(spec: SearchSpec, settings: Settings, progress: Progress) -> SearchResult:
    """Run a search to its end; go on where an interrupted one of the same specification was.

    Raises:
        HwnasError: Whatever keeps it from its end; finished phases are kept.
    """
    dataset, space = _open_inputs(spec, settings)
    # A search begins only where its data and its space can be opened: a typing error leaves nothing behind.
    ctx = PhaseContext(spec, settings, dataset, space, start_run(settings.searches, spec), progress)
    for name, run in PHASES.items():
        if ctx.run.has(f"{name}.time"):
            progress.say(f"phase {name} is done already")
            continue
        progress.step(name, 0, 1)
        started = time.perf_counter()
        run(ctx)
        ctx.run.save(f"{name}.time", Timing(seconds=time.perf_counter() - started))
        progress.step(name, 1, 1)
    result = collect(ctx)
    write_report(result, ctx.run.path / "report.html")
    ctx.run.save_result(result)
    return result


def plan_search(spec: SearchSpec, settings: Settings, progress: Progress) -> Plan:
    """Work out what a search would cost; nothing is left behind."""
    return make_plan(open_context(spec, settings, progress, RunFolder(settings.searches / "plan")))


def open_context(spec: SearchSpec, settings: Settings, progress: Progress, run: RunFolder) -> PhaseContext:
    """Open the data set and the space of a search.

    Raises:
        HwnasError: What is wrong with either.
    """
    dataset, space = _open_inputs(spec, settings)
    return PhaseContext(spec, settings, dataset, space, run, progress)


def _open_inputs(spec: SearchSpec, settings: Settings) -> tuple[Dataset, SearchSpace]:
    dataset = open_dataset(spec.dataset, settings.home / "images")
    return dataset, space_for(spec.space, dataset)


def collect(ctx: PhaseContext) -> SearchResult:
    """Put together what the phases of a search found."""
    run = ctx.run
    exported = run.load(export.NAME, ExportDocument)
    tuned = run.load(finetune.NAME, FinetuneDocument)
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
        references=run.load(references.NAME, ReferencesDocument).networks,
        deliveries=exported.deliveries,
        phases=tuple(
            PhaseTime(name=name, seconds=run.load(f"{name}.time", Timing).seconds) for name in PHASES
        ),
        versions=versions(),
    )

"""What each kind of job does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from latency_predictors.agent_protocol import HOST
from latency_predictors.device import host_device
from nas.data.inspection import inspect
from nas.data.spec import UploadedSpec
from nas.jobs import JobKind, Waiting
from nas.pipeline import profile
from nas.pipeline.context import Done, PhaseEnd, Progress, Surroundings
from nas.pipeline.few_shot import profile_few_shot
from nas.pipeline.profile import noted_due, profile_site, recheck, table_summary
from nas.pipeline.runner import PHASES, open_search, phase_context, run_phases
from nas.pipeline.sharpening import sharpened
from nas.pipeline.single import MAKE, MEASURE, TUNE, run_export, run_finetune
from nas.pipeline.sites import attended, site_of
from nas.specs import ProfileSpec, parse_spec
from nas.store.job_run import JobRun
from nas.store.stores import Stores
from search_spaces.base import Space
from search_spaces.catalogue import get_space
from search_spaces.errors import DataError, UsageError

CHECK: Final = "check"

JobFunction = Callable[[JobRun, Surroundings], PhaseEnd]
"""Runs a job from where it is; raises what keeps it from its end."""


@dataclass(frozen=True)
class ProfileContext:
    """What profiling a device is given; a `RunContext`."""

    space: Space
    stores: Stores
    run: JobRun
    progress: Progress


def run_search(run: JobRun, around: Surroundings) -> PhaseEnd:
    """Run a search.

    Raises:
        HwnasError: Whatever keeps it from its end; finished phases are kept.
        LeaseLost: The job is another's.
    """
    spec = attended(run, around.stores, around.progress)
    if any(target.device == HOST for target in spec.targets):
        run.bind(host_device().digest)
    end = run_phases(phase_context(open_search(spec, around), run))
    return end if isinstance(end, Waiting) else Done()


def run_profile(run: JobRun, around: Surroundings) -> PhaseEnd:
    """Complete a device's table for a space, and measure again what is in doubt or not settled.

    Where that is asked for, fit a model on few networks instead.

    Raises:
        UsageError: `outdated_spec`, `unknown_space` or `unknown_preset`.
        MeasurementError: `device_missing`, or what keeps the device from being measured.
        LeaseLost: The job is another's.
    """
    spec = _profile_spec(run)
    if spec.device == HOST:
        run.bind(host_device().digest)
    space = get_space(
        spec.space.name, preset=spec.space.preset, num_classes=spec.num_classes, in_channels=spec.in_channels
    )
    ctx = ProfileContext(space, around.stores, run, around.progress)
    site = site_of(around.stores, run.lease.tenant, spec.device, spec.context)
    if spec.few_shot is not None:
        return Waiting() if profile_few_shot(ctx, site, spec.few_shot) is None else Done()
    due = noted_due(ctx, site)
    table = profile_site(ctx, site)
    table = recheck(ctx, table, due) if table else None
    if table and not spec.quick:
        table = sharpened(ctx, table)
    if table is None:
        return Waiting()
    run.save(profile.NAME, table_summary(ctx, table))
    return Done()


def run_dataset(run: JobRun, around: Surroundings) -> PhaseEnd:
    """Check a registered data set: it is ready, or rejected with the reason.

    Raises:
        LeaseLost: The job is another's.
    """
    registered = around.stores.datasets.get(run.lease.tenant, str(run.document()["dataset"]))
    note = "looking at every image"
    around.progress.step(CHECK, 0, 1, note)
    try:
        spec = parse_spec({"dataset": dict(registered.spec)}).dataset
        place = around.stores.artifacts.local_path
        found = inspect(
            spec,
            place(spec.file, ".zip") if isinstance(spec, UploadedSpec) else None,
            told=lambda done, total: around.progress.step(CHECK, done, total, note),
        )
    except (DataError, UsageError) as error:
        reason = {"code": error.code, "message": error.message}
        around.stores.datasets.judge(run.lease, registered.id, "rejected", reason)
    else:
        around.stores.datasets.judge(run.lease, registered.id, "ready", found.report, found.digest)
    return Done()


def _profile_spec(run: JobRun) -> ProfileSpec:
    try:
        return ProfileSpec.model_validate(run.document())
    except ValidationError as error:
        raise UsageError(
            "outdated_spec",
            f"the specification of job {run.id} is not valid for this version of hwnas: submit the job again",
        ) from error


KINDS: Final[Mapping[JobKind, JobFunction]] = {
    JobKind.SEARCH: run_search,
    JobKind.PROFILE: run_profile,
    JobKind.DATASET: run_dataset,
    JobKind.EXPORT: run_export,
    JobKind.FINETUNE: run_finetune,
}
PHASES_OF: Final[Mapping[JobKind, tuple[str, ...]]] = {
    JobKind.SEARCH: tuple(PHASES),
    JobKind.PROFILE: (profile.NAME,),
    JobKind.DATASET: (CHECK,),
    JobKind.EXPORT: (MAKE, MEASURE),
    JobKind.FINETUNE: (TUNE, MAKE, MEASURE),
}
"""In order: how far a job is."""

"""Measuring a device for a search space."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import RenderableType
from rich.text import Text

from latency_predictors.agent_protocol import DEVICE_NAME, HOST
from latency_predictors.few_shot import FewShotReport
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState
from nas.pipeline.profile import NAME
from nas.pipeline.sites import Site, context_of, site_of
from nas.report.few_shot_words import few_shot_sentence
from nas.report.numbers import percent
from nas.report.trust import doubt_sentences
from nas.results import Document, TableSummary
from nas.settings import Settings
from nas.specs import ContextSpec, ProfileSpec, SpaceSpec
from nas.store import few_shot_models
from nas.store.few_shot_models import StoredFewShot
from nas.store.job_run import StoredJob
from nas.store.stores import opened_stores
from search_spaces.catalogue import PRESETS, get_space
from search_spaces.errors import UsageError
from workers.progress import shown_progress
from workers.searches import ended_otherwise, run_to_end, submit_once


class Profiled(Document):
    """A device's table, complete for one space.

    Attributes:
        name: `host` or that of a board.
    """

    device: str
    context: str
    table: TableSummary
    name: str = HOST

    def __rich__(self) -> RenderableType:
        """Say what was measured, what of it is in doubt, and how good predictions are."""
        table = self.table
        layers = (
            f"{table.num_layers} layers of the space are in the table, {table.num_measured_now} measured now"
        )
        lines = [
            f"{self.device} · {self.context}",
            f"{layers}; sessions differ by {percent(table.median_spread)} % (median)",
            *doubt_sentences(table.states),
        ]
        corrected = table.report.get("corrected")
        if corrected:
            error = f"a median error of {percent(corrected['median_error'])} %"
            rank = f"a rank correlation of {corrected['spearman']:.3f}"
            lines.append(f"whole networks, left out one by one, are predicted with {error} and {rank}")
        where = "show` has the details" if self.name == HOST else "list` has the name of the table"
        lines.append(f"`hwnas devices {where}, `{_predict(self.name)}` uses it")
        return Text("\n".join(lines))


class FewShotProfiled(Document):
    """A model of a device for one space, from few whole networks.

    Attributes:
        name: `host` or that of a board.
    """

    device: str
    context: str
    report: FewShotReport
    name: str = HOST

    def __rich__(self) -> RenderableType:
        """Say what was measured and how good predictions are."""
        lines = [
            f"{self.device} · {self.context}",
            few_shot_sentence(self.report),
            f"their rank correlation with the measurement is {self.report.fitted.spearman:.3f}",
            f"`{_predict(self.name)}` uses it until there is a table (by this command without --few-shot)",
        ]
        return Text("\n".join(lines))


def _predict(name: str) -> str:
    """Return the command that uses what was measured of a device."""
    return "hwnas predict" if name == HOST else f"hwnas predict --device {name}"


def profile_host(
    settings: Settings,
    name: str,
    preset: str | None,
    num_classes: int,
    in_channels: int,
    context: ContextSpec | None = None,
    device: str = HOST,
    *,
    quick: bool = False,
) -> Profiled:
    """Measure what a device's table of a context lacks for a space.

    Further networks, where predictions are in doubt, are left out if it is to be `quick`.

    Raises:
        UsageError: `unknown_space` or `unknown_preset`.
        MeasurementError: `device_missing`, or what keeps the device from being measured, such as
            `runtime_missing`.
    """
    spec = _spec(name, preset, num_classes, in_channels, context, device)
    spec = spec.model_copy(update={"quick": quick})
    with _profiled(spec, settings) as (stored, site):
        return Profiled(
            device=site.device.label,
            context=site.context.label,
            table=stored.load(NAME, TableSummary),
            name=device,
        )


def profile_few_shot(
    settings: Settings,
    name: str,
    preset: str | None,
    num_classes: int,
    in_channels: int,
    num_networks: int,
    context: ContextSpec | None = None,
    device: str = HOST,
) -> FewShotProfiled:
    """Measure few whole networks of a space on a device instead of a table.

    Raises:
        UsageError: `unknown_space`, `unknown_preset` or `too_few_networks`.
        MeasurementError: As `profile_host`.
    """
    spec = _spec(name, preset, num_classes, in_channels, context, device)
    spec = spec.model_copy(update={"few_shot": num_networks})
    with _profiled(spec, settings) as (stored, site):
        report = stored.load(few_shot_models.NAME, StoredFewShot).model.report
        return FewShotProfiled(
            device=site.device.label, context=site.context.label, report=report, name=device
        )


def _spec(
    name: str,
    preset: str | None,
    num_classes: int,
    in_channels: int,
    context: ContextSpec | None,
    device: str,
) -> ProfileSpec:
    if not re.fullmatch(DEVICE_NAME, device):
        raise UsageError(
            "unknown_device", f"no board can be called '{device}': `hwnas devices list` shows all"
        )
    chosen = preset or next(iter(PRESETS.get(name, ())), "")
    get_space(name, preset=chosen, num_classes=num_classes, in_channels=in_channels)
    return ProfileSpec(
        space=SpaceSpec(name=name, preset=chosen),
        device=device,
        context=context or ContextSpec(),
        num_classes=num_classes,
        in_channels=in_channels,
    )


@contextmanager
def _profiled(spec: ProfileSpec, settings: Settings) -> Iterator[tuple[StoredJob, Site]]:
    """Yield what a profile has left, once it has succeeded, and where it was measured."""
    if spec.device == HOST:
        context_of(spec.context)  # what is not installed is said before anything is made
    with opened_stores(settings) as stores, shown_progress() as progress:
        site = site_of(stores, settings.tenant, spec.device, spec.context)
        request = JobRequest(JobKind.PROFILE, spec.model_dump(mode="json"), NAME)
        job = submit_once(request, settings, stores, progress)
        ended = run_to_end(job, settings, stores, progress)
        if ended.state is not JobState.SUCCEEDED:
            raise ended_otherwise(ended)
        yield stores.stored(ended), site

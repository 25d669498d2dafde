"""What a job says before it has a device measured: what, where, and for about how long."""

from latency_predictors.device import layer_ranges
from latency_predictors.latency_metric import PLAIN, LatencyMetric
from nas.pipeline.context import RunContext
from nas.pipeline.sites import Site
from nas.report.numbers import duration
from nas.report.words import counted
from nas.results import Document


class _Announced(Document):
    """What a job has measured of one context, noted when it was asked for."""

    num_layers: int


def announce(
    ctx: RunContext,
    site: Site,
    num_layers: int,
    num_networks: int,
    seconds: float,
    metric: LatencyMetric = PLAIN,
) -> None:
    """Say what is measured of a context, once a job: layers, networks by each metric, and probes alone.

    Args:
        ctx: The job.
        site: The device and the context.
        num_layers: Lone layers, and
        num_networks: whole networks after them. Where there are neither, the runtime is probed.
        seconds: That this takes, about.
        metric: How networks are measured.
    """
    name = noted_name(site)
    probed = f"{name}.other"
    notes = [name] if num_layers else []
    if num_networks:
        notes.append(f"{name}.networks.{metric.statistic}.{metric.pause_ms:g}")
    # Whoever measures layers says it with the networks that follow, and probes beside them.
    if any(ctx.run.has(note) for note in notes[:1] or [name, probed]):
        return
    what = _what(site, num_layers, num_networks, metric)
    ctx.progress.say(f"measuring {what} on {site.device.label}, for about {duration(seconds)}")
    for note in notes or [probed]:
        ctx.run.save(note, _Announced(num_layers=num_layers))


def num_announced(ctx: RunContext, site: Site) -> int:
    """Return how many layers of a context a job has said that it measures."""
    name = noted_name(site)
    return ctx.run.load(name, _Announced).num_layers if ctx.run.has(name) else 0


def noted_name(site: Site) -> str:
    """Return under which name a job notes what it has measured of a context."""
    unit = f".{site.device.registered}" if site.device.registered else ""
    return f"profile.{site.context.digest[:12]}{unit}"


def _what(site: Site, num_layers: int, num_networks: int, metric: LatencyMetric) -> str:
    precision, ranges = site.context.precision, layer_ranges(site.context.precision)
    how = f" in {precision} (quantised on {ranges})" if ranges else ""
    layers = [f"{counted(num_layers, 'layer')}{how}"] if num_layers else []
    by = "" if metric == PLAIN else f" ({metric.label})"
    networks = [f"{counted(num_networks, 'whole network')}{by}"] if num_networks else []
    return " and ".join([*layers, *networks]) or "which graphs the runtime runs"

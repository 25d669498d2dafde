"""Where targets are measured: on the machine of the worker, or on a board that is registered under a name.

A board's context is what its agent told when it registered last: versions of runtimes, power mode.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

from latency_predictors.abilities import lacking
from latency_predictors.agent_protocol import HOST
from latency_predictors.device import Device, ExecutionContext, host_context, host_device
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable
from nas.pipeline.context import PhaseContext, Progress, Reads
from nas.results import Document
from nas.specs import ContextSpec, SearchSpec, TargetSpec, WhenMissing
from nas.store.agent_store import Agent
from nas.store.job_run import JobRun
from nas.store.stores import Stores
from search_spaces.errors import MeasurementError, UsageError

ATTENDANCE: Final = "targets"
"""Name of the document that says which targets a search goes on with."""


@dataclass(frozen=True)
class Site:
    """A device, and how it runs networks."""

    device: Device
    context: ExecutionContext

    @classmethod
    def of(cls, table: LookupTable) -> Self:
        """Return where a table was measured."""
        return cls(table.device, table.context)


def site_of(stores: Stores, tenant: str, device: str, spec: ContextSpec) -> Site:
    """Return what a specification means by a device and a context.

    Args:
        stores: Where boards are registered.
        tenant: Whose board.
        device: `host` or the name of a board.
        spec: The context.

    Raises:
        MeasurementError: `device_missing` where no board has that name, `runtime_missing` where it does not
            have the runtime, `context_unsupported` where it cannot run networks so.
    """
    if device == HOST:
        return Site(host_device(), context_of(spec))
    agent = stores.agents.find(tenant, device)
    if agent is None:
        raise MeasurementError(
            "device_missing",
            f"no device '{device}' is registered: start `hwnas agent --name {device}` on it, with a key of "
            f"`hwnas keys create {device} --scope device`",
        )
    return Site(agent.device, _context_of(agent, spec))


def target_site(ctx: Reads, target: TargetSpec) -> Site:
    """Return where a target of a search is measured.

    Raises:
        MeasurementError: As `site_of`.
    """
    return site_of(ctx.stores, ctx.tenant, target.device, target.context)


def check_devices(
    stores: Stores, tenant: str, targets: Iterable[TargetSpec], when_missing: WhenMissing = "wait"
) -> None:
    """Refuse what is to be submitted where it names a device that nobody has registered.

    A board that is away is waited for; a name that was mistyped would be waited for without end. Where a
    search proceeds without boards that are missing, one that has a key and never registered is one of them.

    Args:
        stores: Where boards are registered.
        tenant: Whose boards.
        targets: That name devices.
        when_missing: As in the specification.

    Raises:
        UsageError: `unknown_device`, naming those that there are.
    """
    known = [HOST, *(agent.name for agent in stores.agents.list_all(tenant))]
    awaited = stores.keys.of_new_boards(tenant) if when_missing == "proceed" else frozenset()
    for target in targets:
        if target.device not in known and target.device not in awaited:
            raise UsageError(
                "unknown_device",
                f"no device is named '{target.device}': there are {', '.join(known)}; correct the name, or "
                f"start `hwnas agent --name {target.device}` on the board first",
            )


def metric_site(site: Site, metric: LatencyMetric) -> Site:
    """Return where whole networks are measured, by what is meant by latency."""
    return replace(site, context=metric.context(site.context))


def context_of(spec: ContextSpec) -> ExecutionContext:
    """Return the context that a specification means on this machine, with the runtime's installed version."""
    known = host_context(spec.runtime, threads=spec.threads, batch=spec.batch)
    return replace(known, precision=spec.precision)


def missing_devices(ctx: PhaseContext) -> tuple[str, ...]:
    """Return the devices of a search that nobody has registered; the job waits for them from now on.

    Raises:
        LeaseLost: The job is another's.
    """
    wanted = {target.device for target in ctx.spec.targets} - {HOST}
    there = {agent.name for agent in ctx.stores.agents.list_all(ctx.tenant)}
    if wanted <= there:
        return ()
    missing = ctx.stores.agents.wait_for(ctx.run.lease, wanted - there)
    for name in missing:
        ctx.progress.say(
            f"waiting for device '{name}': start `hwnas agent --name {name}` on it; whatever the others can "
            "do goes on"
        )
    return missing


class Attendance(Document):
    """Which targets of a search are measured, decided when it began.

    Attributes:
        targets: Numbers of those that are, from 0.
        left_out: Devices of the others, each with why.
    """

    targets: tuple[int, ...]
    left_out: dict[str, str]


def attended(run: JobRun, stores: Stores, progress: Progress) -> SearchSpec:
    """Return the specification of a search with the targets that are to be measured.

    Where it is to proceed without devices that are missing, that is decided once, for all of its attempts;
    where all are missing, it waits for them.

    Raises:
        UsageError: `outdated_spec`.
        LeaseLost: The job is another's.
    """
    spec = run.spec()
    if spec.when_missing == "wait":
        return spec
    if not run.has(ATTENDANCE):
        absent = absent_devices(stores, run.lease.tenant, spec)
        kept = tuple(number for number, one in enumerate(spec.targets) if one.device not in absent)
        if not kept:
            return spec
        run.save(ATTENDANCE, Attendance(targets=kept, left_out=absent))
        for name, why in absent.items():
            progress.say(
                f"goes on without device '{name}' ({why}): search again for its front, nothing is trained"
            )
    kept = run.load(ATTENDANCE, Attendance).targets
    return spec.model_copy(update={"targets": tuple(spec.targets[number] for number in kept)})


def absent_devices(stores: Stores, tenant: str, spec: SearchSpec) -> dict[str, str]:
    """Return the devices of a search that cannot be measured now, each with why."""
    known = {agent.name: agent for agent in stores.agents.list_all(tenant)}
    wanted = dict.fromkeys(one.device for one in spec.targets)
    reasons = {name: _why_absent(stores, known.get(name)) for name in wanted}
    return {name: why for name, why in reasons.items() if name != HOST and why}


def _why_absent(stores: Stores, agent: Agent | None) -> str:
    if agent is None:
        return "not registered"
    if agent.quarantine:
        return f"in quarantine: {agent.quarantine}"
    return "" if agent.alive or _is_carried(stores, agent) else "its agent is not heard of"


def _is_carried(stores: Stores, agent: Agent) -> bool:
    """Return whether a board works by bundles: it has no good key, so it is silent; its answers are taken."""
    return not stores.keys.is_good(agent.key_id) and stores.bundles.has_answered(agent.tenant, agent.name)


def _context_of(agent: Agent, spec: ContextSpec) -> ExecutionContext:
    version = agent.facts["runtimes"].get(spec.runtime)
    if version is None:
        raise MeasurementError(
            "runtime_missing",
            f"device '{agent.name}' has no {spec.runtime}: pip install {spec.runtime} on it, and start its "
            "agent again",
        )
    context = ExecutionContext(
        spec.runtime,
        version,
        precision=spec.precision,
        threads=spec.threads,
        batch=spec.batch,
        power_mode=agent.facts["power_mode"],
    )
    if why := lacking(agent.facts, context):
        raise MeasurementError(
            "context_unsupported",
            f"device '{agent.name}' cannot run networks with {context.label}: {why}; ask for another context",
        )
    return context

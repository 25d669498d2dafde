"""What the service does for the agents of devices: who may work, and what is kept of what they deliver."""

import re
import time
from typing import Final

from latency_predictors.agent_protocol import MAX_CLOCK_SKEW_S, Delivery, Trouble, Work
from latency_predictors.plausible import implausible
from latency_predictors.protocol import SessionResult
from nas.leases import LeaseLost
from nas.measurement_tasks import Batch, DeviceLease, protocol_digest
from nas.store.agent_store import Agent, in_use
from nas.store.stores import Stores
from search_spaces.errors import MeasurementError, UsageError

PASSING: Final = ("machine_busy", "device_hot", "not_enough_idle_cores")
"""Troubles that end by themselves: they count neither against a file nor against a board."""

_SESSION_ID: Final = re.compile(r"[0-9a-f]{32}")


def check_clock(clock_s: float) -> None:
    """Refuse a board whose clock is wrong: what it measures would be dated wrongly.

    Raises:
        UsageError: `clock_wrong`.
    """
    ahead_s = clock_s - time.time()
    if not abs(ahead_s) <= MAX_CLOCK_SKEW_S:
        which = "ahead" if ahead_s > 0 else "behind"
        raise UsageError(
            "clock_wrong",
            f"the clock of the board is {abs(ahead_s):.0f} s {which}, at most {MAX_CLOCK_SKEW_S:g} are "
            "allowed: set it (`timedatectl set-ntp true`); nothing was taken",
        )


def work_for(stores: Stores, agent: Agent, instance: str, number: int) -> Work | None:
    """Lease an agent's device to measure a batch; None where nothing is to be done, or it is in quarantine.

    Raises:
        UsageError: As `DatabaseAgentQueue.ask`.
    """
    if agent.quarantine:
        return None
    found = stores.agent_queue.ask(agent, instance, number)
    if found is None:
        return None
    lease, batch = found
    return Work(
        lease=lease.token,
        attempt=lease.attempt,
        context=batch.context,
        timing=batch.timing,
        files=batch.artifacts,
        sessions=batch.sessions,
        reference_ms=batch.reference_ms,
    )


def keep_lease(stores: Stores, agent: Agent, lease: DeviceLease, measured: int, to_measure: int) -> None:
    """Renew a lease.

    Raises:
        UsageError: `lease_lapsed`.
    """
    try:
        stores.measurements.renew(lease, measured, to_measure)
    except LeaseLost as lost:
        raise _lapsed(agent) from lost


def deliver(stores: Stores, agent: Agent, lease: DeviceLease, delivery: Delivery) -> int:
    """Keep what an agent delivers; return how many results were new.

    Raises:
        UsageError: `key_in_use`, `lease_lapsed`, `not_asked_for` or `implausible_result`; nothing was kept.
        MeasurementError: `context_mismatch`.
        ArtifactError: `result_conflict`.
    """
    if agent.instance != delivery.instance:
        raise in_use(agent.name)
    new = 0
    try:
        if delivery.session is not None:
            new = _keep(stores, agent, lease, delivery.session)
        if delivery.trouble is not None:
            _note(stores, agent, lease, delivery.trouble)
    except LeaseLost as lost:
        raise _lapsed(agent) from lost
    return new


def _keep(stores: Stores, agent: Agent, lease: DeviceLease, session: SessionResult) -> int:
    _check_asked(stores, agent, session)
    if reason := implausible(session):
        stores.agent_queue.faulted(agent, reason)
        raise UsageError("implausible_result", f"session {session.session_id} was not taken: {reason}")
    new = stores.measurements.deliver(lease, session)
    batch = Batch(session.context, session.timing, {}, 0, {})
    for failure in session.failures:
        subjects, why = [failure.digest], (failure.code, failure.message)
        stores.measurements.fail(lease, batch, subjects, *why, own=True)
    if session.results:
        stores.agent_queue.succeeded(agent)
    return new


def _check_asked(stores: Stores, agent: Agent, session: SessionResult) -> None:
    """Refuse results that nobody has asked this device for.

    Raises:
        MeasurementError: `context_mismatch` where the session is of another device.
        UsageError: `not_asked_for`.
    """
    if session.device != agent.device:
        raise MeasurementError(
            "context_mismatch",
            f"the session ran on {session.device.label}, '{agent.name}' is {agent.device.label}: start the "
            "agent again",
        )
    subjects = [result.digest for result in session.results]
    subjects += [failure.digest for failure in session.failures]
    context, protocol = session.context.digest, protocol_digest(session.timing)
    unasked = stores.agent_queue.unasked(agent, context, protocol, subjects)
    if unasked or not subjects or not _SESSION_ID.fullmatch(session.session_id):
        named = f" the first is {unasked[0][:12]}" if unasked else ""
        raise UsageError(
            "not_asked_for",
            f"session {session.session_id[:32]} has {len(unasked)} results that nobody has asked "
            f"'{agent.name}' for:{named or ' it is empty, or its identifier is none of ours'}",
        )


def _note(stores: Stores, agent: Agent, lease: DeviceLease, trouble: Trouble) -> None:
    batch = Batch(trouble.context, trouble.timing, {}, 0, {})
    stores.measurements.fail(
        lease, batch, trouble.subjects, trouble.code, f"{agent.name}: {trouble.message}", own=trouble.own
    )
    if trouble.code not in PASSING:
        stores.agent_queue.faulted(agent, f"{trouble.code}: {trouble.message}")


def _lapsed(agent: Agent) -> UsageError:
    return UsageError(
        "lease_lapsed",
        f"this lease of '{agent.name}' has ended and another began: nothing was kept; ask for work again",
    )

"""What the service tells the agents of devices: whether their clock is right, what there is to measure."""

import time

from latency_predictors.agent_protocol import MAX_CLOCK_SKEW_S, Work, WorkRequest
from nas.measurement_tasks import Batch, DeviceLease
from nas.store.agent_store import Agent
from nas.store.board_signs import not_registered
from nas.store.stores import Stores
from search_spaces.errors import UsageError


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


def work_for(stores: Stores, key_id: str, asked: WorkRequest) -> Work | None:
    """Lease the device of a key to measure a batch; None where nothing is to be done, or it is in quarantine.

    Raises:
        UsageError: `not_registered`, or as `DatabaseAgentQueue.ask`.
    """
    agent = agent_of(stores, key_id)
    found = None if agent.quarantine else stores.agent_queue.ask(agent, asked.instance, asked.number)
    if found is None:
        return None
    lease, batch = found
    return work_of(batch, lease.token, lease.attempt)


def work_of(batch: Batch, lease: str, attempt: int) -> Work:
    """Return a batch as a board is told it, under the name of a lease."""
    return Work(
        lease=lease,
        attempt=attempt,
        context=batch.context,
        timing=batch.timing,
        files=batch.artifacts,
        sessions=batch.sessions,
        reference_ms=batch.reference_ms,
        images=batch.images or None,
    )


def agent_of(stores: Stores, key_id: str) -> Agent:
    """Return the board that a key belongs to.

    Raises:
        UsageError: `not_registered`.
    """
    agent = stores.agents.of_key(key_id)
    if agent is None:
        raise not_registered()
    return agent


def lease_of(agent: Agent, token: str, attempt: int) -> DeviceLease:
    """Return the lease that an agent says it holds."""
    return DeviceLease(agent.device.digest, agent.id, attempt, token)

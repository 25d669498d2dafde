"""Agents of devices: a board registers, asks for work, fetches files, delivers what it has measured.

Everything is asked by the board; nothing connects to it. A key with scope `device` belongs to the one board
that has registered with it, and sees the tasks of that board alone.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.responses import FileResponse

from api.agents import check_clock, deliver, keep_lease, work_for
from api.resources.downloads import digest_headers
from api.security import DeviceKey
from api.state import Service, Shared
from latency_predictors.agent_protocol import (
    PROTOCOL,
    PROTOCOL_HEADER,
    Delivered,
    Delivery,
    Heartbeat,
    Pair,
    Paired,
    Registered,
    Registration,
    WorkAnswer,
    WorkRequest,
)
from nas.measurement_tasks import DeviceLease
from nas.store.agent_store import Agent, in_use
from search_spaces.errors import UsageError

router = APIRouter(prefix="/v1/agents", tags=["agents"])

ASK_EVERY_S = 2.0
"""Pause of an agent between requests for work while there is none."""

LeaseId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


def check_protocol(
    who: DeviceKey, version: Annotated[str, Header(alias=PROTOCOL_HEADER, max_length=20)] = ""
) -> None:
    """Refuse an agent of another version before anything that it says is read.

    Raises:
        UsageError: `agent_outdated` or `agent_newer`.
    """
    number = int(version) if version.isascii() and version.isdigit() else 0
    if number < PROTOCOL:
        raise UsageError(
            "agent_outdated",
            f"the agent speaks version {number} of the protocol, this service {PROTOCOL}: on the board, "
            "`pip install --upgrade hwnas`, then start the agent again",
        )
    if number > PROTOCOL:
        raise UsageError(
            "agent_newer",
            f"the agent speaks version {number} of the protocol, this service {PROTOCOL}: update the service",
        )


Spoken = Annotated[None, Depends(check_protocol)]


def registered_agent(who: DeviceKey, service: Shared) -> Agent:
    """Return the board that a key belongs to.

    Raises:
        UsageError: `not_registered`.
    """
    agent = service.stores.agents.of_key(who.key_id)
    if agent is None:
        raise UsageError("not_registered", "no device is registered with this key: register first")
    return agent


Asking = Annotated[Agent, Depends(registered_agent)]


@router.post("/register")
def register(
    told: Registration, who: DeviceKey, spoken: Spoken, service: Shared, request: Request
) -> Registered:
    """Register a board under a name, or say that its agent has started again."""
    check_clock(told.clock_s)
    return _registered(service, service.stores.agents.register(who.tenant, who.actor(request), told))


@router.post("/pair")
def pair(asked: Pair, service: Shared, request: Request) -> Paired:
    """Give a board that has a code of `hwnas serve --lan` a key of its own. The code works once."""
    key = service.pairing.redeem(bytes.fromhex(asked.secret), asked.name, request.state.request_id)
    return Paired(key=key)


@router.post("/leases")
def lease(asked: WorkRequest, who: DeviceKey, spoken: Spoken, agent: Asking, service: Shared) -> WorkAnswer:
    """Ask for work: at most one batch, under a lease that has to be renewed."""
    check_clock(asked.clock_s)
    service.stores.agents.seen(agent)
    work = work_for(service.stores, agent, asked.instance, asked.number)
    return WorkAnswer(work=work, quarantine=agent.quarantine)


@router.get("/artifacts/{digest}", response_class=FileResponse)
def artifact(digest: Digest, who: DeviceKey, spoken: Spoken, agent: Asking, service: Shared) -> Response:
    """Return a file that is to be measured under the lease that the board holds."""
    if not service.stores.agent_queue.holds(agent, digest):
        raise UsageError(
            "unknown_artifact", f"'{agent.name}' has no lease to measure file {digest[:12]}: ask for work"
        )
    path = service.stores.artifacts.local_path(digest)
    return FileResponse(path, media_type="application/octet-stream", headers=digest_headers(digest))


@router.post("/leases/{lease_id}/heartbeat", status_code=204)
def heartbeat(
    lease_id: LeaseId, told: Heartbeat, who: DeviceKey, spoken: Spoken, agent: Asking, service: Shared
) -> None:
    """Keep a lease, and tell how far its work is."""
    if agent.instance != told.instance:
        raise in_use(agent.name)
    service.stores.agents.seen(agent)
    held = _lease(agent, lease_id, told.attempt)
    keep_lease(service.stores, agent, held, told.measured, told.to_measure)


@router.post("/leases/{lease_id}/result")
def result(
    lease_id: LeaseId, told: Delivery, who: DeviceKey, spoken: Spoken, agent: Asking, service: Shared
) -> Delivered:
    """Deliver a session, or what kept files from being measured; again changes nothing."""
    held = _lease(agent, lease_id, told.attempt)
    return Delivered(new=deliver(service.stores, agent, held, told))


@router.post("/leases/{lease_id}/return", status_code=204)
def give_back(
    lease_id: LeaseId, told: Heartbeat, who: DeviceKey, spoken: Spoken, agent: Asking, service: Shared
) -> None:
    """End a lease; what it left open is given to whoever asks next."""
    service.stores.measurements.give_back(_lease(agent, lease_id, told.attempt))


def _lease(agent: Agent, lease_id: str, attempt: int) -> DeviceLease:
    return DeviceLease(agent.device.digest, agent.id, attempt, lease_id)


def _registered(service: Service, agent: Agent) -> Registered:
    return Registered(
        name=agent.name,
        device=agent.device,
        asked=agent.asked,
        ask_every_s=ASK_EVERY_S,
        renew_every_s=service.stores.agent_queue.times.renew_every_ms / 1000,
        quarantine=agent.quarantine,
    )

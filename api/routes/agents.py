"""Agents of devices: a board registers, asks for work, fetches files, delivers what it has measured.

Everything is asked by the board; nothing connects to it. A key with scope `device` belongs to the one board
that has registered with it, and sees the tasks of that board alone.
"""

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api.agents import agent_of, check_clock, lease_of, work_for
from api.deliveries import Posted, note_invalid
from api.limits import DOCUMENT
from api.resources.downloads import ModelFile, digest_headers
from api.security import DeviceKey
from api.state import Shared, service_of
from latency_predictors.agent_protocol import (
    PROTOCOL,
    PROTOCOL_HEADER,
    Delivered,
    Delivery,
    Heartbeat,
    Registered,
    Registration,
    WorkAnswer,
    WorkRequest,
)
from latency_predictors.pairing_code import Pair, Paired
from nas.store.board_signs import Beat, Call
from search_spaces.errors import HwnasError, UsageError

_LOG: Final = logging.getLogger("hwnas.boards")


def _log(what: str, code: str, detail: str, key_id: str) -> None:
    """Say in the log of the service, too, what a board is told or tells."""
    _LOG.warning(what, extra={"facts": {"code": code, "detail": detail, "key": key_id}})


class _ReadRequest(Request):
    """A request whose body was parsed before it came here: a pack of results has thousands of values."""

    async def json(self) -> Any:
        """Return what the body says."""
        return self.scope["state"][DOCUMENT]


class BoardRoute(APIRoute):
    """Reads a body once, and says in the log of the service, too, why a board was refused."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what serves a request."""
        serve = super().get_route_handler()

        async def served(request: Request) -> Response:
            try:
                return await serve(_ReadRequest(request.scope, request.receive))
            except HwnasError as error:
                who = getattr(request.state, "principal", None)
                _log("a board was refused", error.code, error.message, who.key_id if who else "")
                raise
            except RequestValidationError as error:
                await _note_invalid(request, error)
                raise

        return served


async def _note_invalid(request: Request, error: RequestValidationError) -> None:
    """Say in the log that what a board sent is no such document; where it is a delivery that is a fault."""
    who = getattr(request.state, "principal", None)
    first = error.errors()[0]
    problem = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:500]
    _log("a board was refused", "invalid_request", problem, who.key_id if who else "")
    if who is not None and request.url.path.endswith("/result"):
        service, lease = service_of(request), request.path_params["lease_id"]
        document = request.scope["state"].get(DOCUMENT)
        await service.boards.in_turn(
            partial(note_invalid, service.stores, who.key_id, lease, document, problem)
        )


router = APIRouter(prefix="/v1/agents", tags=["agents"], route_class=BoardRoute)

LeaseId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


async def check_version(
    version: Annotated[str, Header(alias=PROTOCOL_HEADER, max_length=20)] = "",
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
            "`pipx upgrade hwnas`, or `pip install --upgrade hwnas` in its environment, then start it again",
        )
    if number > PROTOCOL:
        raise UsageError(
            "agent_newer",
            f"the agent speaks version {number} of the protocol, this service {PROTOCOL}: update the service",
        )


async def check_protocol(who: DeviceKey, version: Annotated[None, Depends(check_version)]) -> None:
    """Refuse whoever has no key of a board, then an agent of another version."""


Spoken = Annotated[None, Depends(check_protocol)]


@router.post("/register")
async def register(
    told: Registration, who: DeviceKey, spoken: Spoken, service: Shared, request: Request
) -> Registered:
    """Register a board under a name, or say that its agent has started again."""
    check_clock(told.clock_s)
    agent = await service.boards.registrations.ask((who.tenant, who.actor(request), told))
    service.boards.heartbeats.forget(who.key_id)
    return Registered(
        name=agent.name,
        device=agent.device,
        asked=agent.asked,
        renew_every_s=service.stores.agent_queue.times.renew_every_ms / 1000,
        quarantine=agent.quarantine,
    )


@router.post("/pair")
def pair(
    asked: Pair, version: Annotated[None, Depends(check_version)], service: Shared, request: Request
) -> Paired:
    """Give a board that has a code of `hwnas serve --lan` a key of its own. The code works once."""
    secret = bytes.fromhex(asked.secret)
    key = service.pairing.redeem(secret, asked.name, asked.instance, request.state.request_id)
    return Paired(key=key)


@router.post("/leases")
async def lease(asked: WorkRequest, who: DeviceKey, spoken: Spoken, service: Shared) -> WorkAnswer:
    """Ask for work: at most one batch, under a lease that has to be renewed."""
    check_clock(asked.clock_s)
    standing = await service.boards.calls.ask(Call(who.key_id, asked.instance))
    work = None
    if standing.pending and not standing.quarantine:
        work = await service.boards.in_turn(lambda: work_for(service.stores, who.key_id, asked))
    if work:
        service.boards.heartbeats.know(Beat(who.key_id, asked.instance, work.lease, work.attempt))
    pause_s = service.boards.pause_s(who.key_id)
    return WorkAnswer(work=work, quarantine=standing.quarantine, ask_again_s=pause_s)


@router.get("/artifacts/{digest}", response_class=ModelFile)
def artifact(digest: Digest, who: DeviceKey, spoken: Spoken, service: Shared) -> Response:
    """Return a file that is to be measured under the lease that the board holds."""
    agent = agent_of(service.stores, who.key_id)
    if not service.stores.agent_queue.holds(agent, digest):
        raise UsageError(
            "unknown_artifact", f"'{agent.name}' has no lease to measure file {digest[:12]}: ask for work"
        )
    return ModelFile(service.stores.artifacts.local_path(digest), headers=digest_headers(digest))


@router.post("/leases/{lease_id}/heartbeat", status_code=204)
async def heartbeat(
    lease_id: LeaseId, told: Heartbeat, who: DeviceKey, spoken: Spoken, service: Shared
) -> None:
    """Keep a lease, and tell how far its work is."""
    beat = Beat(who.key_id, told.instance, lease_id, told.attempt, told.measured, told.to_measure)
    await service.boards.heartbeats.beat(beat)


@router.post("/leases/{lease_id}/result")
async def result(
    lease_id: LeaseId, told: Delivery, who: DeviceKey, spoken: Spoken, service: Shared
) -> Delivered:
    """Deliver a session, or what kept files from being measured; again changes nothing."""
    if (trouble := told.trouble) is not None:
        _log("a board cannot measure", trouble.code, trouble.message, who.key_id)
    return Delivered(new=await service.boards.deliveries.ask(Posted(who.key_id, lease_id, told)))


@router.post("/leases/{lease_id}/return", status_code=204)
async def give_back(
    lease_id: LeaseId, told: Heartbeat, who: DeviceKey, spoken: Spoken, service: Shared
) -> None:
    """End a lease; what it left open is given to whoever asks next."""
    stores = service.stores

    def end() -> None:
        stores.measurements.give_back(lease_of(agent_of(stores, who.key_id), lease_id, told.attempt))

    await service.boards.in_turn(end)
    service.boards.heartbeats.forget(who.key_id)

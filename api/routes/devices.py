"""Devices and what is known of them: their lookup tables, measuring one for a space."""

from collections.abc import Callable, Sequence
from functools import cache, partial

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.answers import tagged
from api.boards import BoardLine, board_line
from api.devices import TableDetails, TableLine, table_details, table_lines
from api.few_shot_lines import FewShotLine, few_shot_lines, of_device
from api.pagination import Cursor, Limit, Page, opened, sealed
from api.predictions import Predictions
from api.resources.jobs import Accepted
from api.resources.predictions import AskedCosts, predicted
from api.routes import jobs as job_routes
from api.security import Principal, Reader, Submitter
from api.state import Service, Shared
from latency_predictors.agent_protocol import HOST
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.specs import ProfileSpec
from nas.store.few_shot_models import KnownFewShot, known_few_shots
from nas.store.pages import cut
from nas.store.table_store import TableKey
from search_spaces.errors import UsageError

router = APIRouter(prefix="/v1/devices", tags=["devices"])


class DeviceResource(BaseModel):
    """A device: one physical unit.

    Attributes:
        id: SHA-256 of its facts.
        tables: What has been measured of it, a line a context.
        board: How its agent is, where it is registered; null otherwise.
        few_shot: Its models of few whole networks, which predict where no table does.
    """

    id: str
    label: str
    tables: tuple[TableLine, ...]
    board: BoardLine | None = None
    few_shot: tuple[FewShotLine, ...] = ()


class Tables(BaseModel):
    """Everything that was measured of a device, by context."""

    items: tuple[TableDetails, ...]


@router.get("")
def devices(who: Reader, service: Shared, limit: Limit = 50, cursor: Cursor = None) -> Page[DeviceResource]:
    """Return the devices that are registered, by name, then the others that were measured, by identifier."""
    agents = {agent.device.digest: agent for agent in service.stores.agents.list_all(who.tenant)}
    keys: dict[str, list[TableKey]] = {digest: [] for digest in agents}
    for key in _tables(service, who):
        keys.setdefault(key.device, []).append(key)
    models = few_shot_lines(service.stores, who.tenant)
    for line in models:
        keys.setdefault(line.device, [])
    places = {f"board {agents[one].name}" if one in agents else f"device {one}": one for one in keys}
    after = opened(cursor) or ""
    page = cut(sorted(place for place in places if place > after), limit, str)

    def resource(digest: str) -> DeviceResource:
        board = board_line(service.stores, agents[digest]) if digest in agents else None
        return _device(digest, table_lines(service.stores, keys[digest]), board, models)

    return Page(items=tuple(resource(places[one]) for one in page.items), next_cursor=sealed(page.cursor))


@router.get("/{device_id}", response_model=DeviceResource)
def device(device_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return a device, by its identifier or the name of a board."""
    return tagged(request, device_resource(device_id, who, service))


@router.post("/{board_name}/release")
def release(board_name: str, who: Submitter, service: Shared, request: Request) -> DeviceResource:
    """Give work again to a board that is in quarantine."""
    service.stores.agents.release(who.tenant, board_name, who.actor(request))
    return device_resource(board_name, who, service)


@router.get("/{device_id}/tables", response_model=Tables)
def tables(device_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return the lookup tables of a device: entries, sessions, error reports."""
    keys = tables_of(service, who, device_id)
    return tagged(request, Tables(items=tuple(table_details(service.stores, key) for key in keys)))


@router.post("/{device_id}/profiles", status_code=202)
def profile(
    device_id: str,
    spec: ProfileSpec,
    who: Submitter,
    service: Shared,
    request: Request,
    response: Response,
    key: job_routes.Key = "",
) -> Accepted:
    """Have a device measured for a space: a board by its name; `host` is the machine of whichever worker."""
    if device_id != HOST and service.stores.agents.find(who.tenant, device_id) is None:
        raise UsageError("unknown_device", f"there is no board '{device_id[:80]}': list the devices")
    spec = spec.model_copy(update={"device": device_id})
    asked = JobRequest(JobKind.PROFILE, spec.model_dump(mode="json"), "profile", who.owner)
    return job_routes.submitted(service, who, request, response, asked, key)


@router.post("/{device_id}/predictions")
def predictions(device_id: str, asked: AskedCosts, who: Reader, service: Shared) -> Predictions:
    """Predict the costs of architectures from the stored table of a device: point, interval, label.

    Where the table does not do, its model of few whole networks is used, also of hardware that is gone.
    `host` is the machine of this service. Nothing is run.
    """
    known = _known(service, who)
    digest = device_id if device_id == HOST else _find(service, who, device_id, known)[0]
    return predicted(service.stores, who.tenant, digest, asked, known)


def device_resource(device_id: str, who: Principal, service: Service) -> DeviceResource:
    """Return a device as clients get it.

    Raises:
        UsageError: `unknown_device`.
    """
    known = _known(service, who)
    digest, board = _find(service, who, device_id, known)
    tables = table_lines(service.stores, tables_measured(service, who, digest))
    return _device(digest, tables, board, few_shot_lines(service.stores, who.tenant, known()))


_Known = Callable[[], tuple[KnownFewShot, ...]]


def _known(service: Service, who: Principal) -> _Known:
    """Return what looks up the models that somebody may see: where it is asked for, and once."""
    return cache(partial(known_few_shots, service.stores, who.tenant))


def _tables(service: Service, who: Principal) -> list[TableKey]:
    """Return the tables that somebody may see: those of other tenants' boards do not exist for them."""
    hidden = service.stores.agents.foreign(who.tenant)
    return [key for key in service.stores.tables.published() if key.device not in hidden]


def tables_of(service: Service, who: Principal, device_id: str) -> list[TableKey]:
    """Return the tables of a device, by its identifier or the name of a board.

    Raises:
        UsageError: `unknown_device`.
    """
    digest, _ = _find(service, who, device_id, _known(service, who))
    return tables_measured(service, who, digest)


def tables_measured(service: Service, who: Principal, digest: str) -> list[TableKey]:
    """Return the tables of a device that was found, by its digest."""
    return [key for key in _tables(service, who) if key.device == digest]


def _find(service: Service, who: Principal, device_id: str, known: _Known) -> tuple[str, BoardLine | None]:
    """Return a device's digest, and its board if it is a registered one.

    Raises:
        UsageError: `unknown_device`.
    """
    for agent in service.stores.agents.list_all(who.tenant):
        if device_id in (agent.name, agent.device.digest):
            return agent.device.digest, board_line(service.stores, agent)
    if device_id in {key.device for key in _tables(service, who)}:
        return device_id, None
    if any(one.stored.device == device_id for one in known()):
        return device_id, None
    raise UsageError(
        "unknown_device", f"there is no device '{device_id[:80]}': list them to see which there are"
    )


def _device(
    digest: str, lines: list[TableLine], board: BoardLine | None, models: Sequence[FewShotLine]
) -> DeviceResource:
    few_shot = of_device(models, digest)
    labels = [*([board.label] if board else ()), *(line.device for line in lines if line.device)]
    labels += [line.label for line in few_shot]
    return DeviceResource(
        id=digest, label=next(iter(labels), ""), tables=tuple(lines), board=board, few_shot=few_shot
    )

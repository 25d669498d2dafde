"""Verified networks: what they are, files of them, training them on."""

from fastapi import APIRouter, Request, Response

from api.answers import tagged
from api.resources.jobs import Accepted
from api.resources.subnets import SubnetResource, subnet_resource
from api.routes import jobs as job_routes
from api.routes.searches import OfTarget
from api.security import Reader, Submitter
from api.state import Shared, root_of
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.network_specs import FileJobSpec, FileSpec, TuneJobSpec, TuneSpec
from nas.store.subnets import find_subnet
from search_spaces.errors import UsageError

router = APIRouter(prefix="/v1/subnets", tags=["subnets"])


@router.get("/{subnet_id}", response_model=SubnetResource)
def subnet(
    subnet_id: str, who: Reader, service: Shared, request: Request, target: OfTarget = None
) -> Response:
    """Return a verified network: architecture, layers, costs, accuracy, where it comes from.

    The fronts of searches name their subnets; so do jobs that have trained one on.
    """
    found = find_subnet(service.stores, who.tenant, subnet_id, target)
    return tagged(request, subnet_resource(found, root_of(request)))


@router.post("/{subnet_id}/exports", status_code=202)
def export(
    subnet_id: str,
    sent: FileSpec,
    who: Submitter,
    service: Shared,
    request: Request,
    response: Response,
    target: OfTarget = None,
    key: job_routes.Key = "",
) -> Accepted:
    """Have a file made of a network: what was verified is taken, anything else is checked and measured first.

    `Location` is the export: it has the file once it is `ready`.
    """
    found = find_subnet(service.stores, who.tenant, subnet_id, target)
    spec = FileJobSpec(**dict(sent), subnet=subnet_id, target=found.number + 1).model_dump(mode="json")
    asked = JobRequest(JobKind.EXPORT, spec, found.network.name, who.owner)
    answer = job_routes.submitted(service, who, request, response, asked, key)
    here = f"{root_of(request)}/v1/exports/{answer.id}"
    response.headers["Location"] = here
    return answer.model_copy(update={"links": {**answer.links, "export": here}})


@router.post("/{subnet_id}/finetune", status_code=202)
def finetune(
    subnet_id: str,
    sent: TuneSpec,
    who: Submitter,
    service: Shared,
    request: Request,
    response: Response,
    target: OfTarget = None,
    key: job_routes.Key = "",
) -> Accepted:
    """Train a network on, on its own; what comes of it is a subnet of its own, exported and measured."""
    found = find_subnet(service.stores, who.tenant, subnet_id, target)
    if found.network.origin != "search":
        raise UsageError("not_a_subnet", f"{found.network.name} is a stock network: it has no supernet")
    spec = TuneJobSpec(**dict(sent), subnet=subnet_id, target=found.number + 1).model_dump(mode="json")
    asked = JobRequest(JobKind.FINETUNE, spec, found.network.name, who.owner)
    answer = job_routes.submitted(service, who, request, response, asked, key)
    made = f"{root_of(request)}/v1/subnets/{answer.id}.{found.network.name}"
    return answer.model_copy(update={"links": {**answer.links, "subnet": made}})

"""The screen of one network: what is it, what does each part cost, where do its figures come from?"""

import tempfile
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Query, Request, Response

from api.dashboard.figures.network import network_svg
from api.dashboard.layers import anatomy
from api.dashboard.mistakes import mistakes
from api.dashboard.neighbours import neighbours
from api.dashboard.pages import page
from api.dashboard.results import TargetFront, target_front
from api.keys import Scope
from api.resources.exports import shown_export
from api.security import Reader
from api.state import Root, Shared
from nas.export.figure_rows import figure_rows
from nas.network_specs import FileSpec
from nas.pipeline.deliver import deliver
from nas.report import words
from nas.report.architecture import searched_space
from nas.report.rows import rows_of, units_for
from nas.report.trust import SUSPECT, prediction_sentences
from nas.results import VerifiedNetwork
from nas.specs import Precision
from nas.store.stores import Stores
from search_spaces.errors import UsageError

router = APIRouter(include_in_schema=False)

Target = Annotated[int, Query(ge=1, le=1_000)]

_DRAWN: Final = "The layers of the network from the image to the classes; the table below has the same."


@router.get("/searches/{search_id}/networks/{name}")
def candidate(
    search_id: str,
    name: str,
    who: Reader,
    service: Shared,
    root: Root,
    request: Request,
    target: Target = 1,
    job: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show a verified network: layers and their costs, figures with their origin, neighbours, files."""
    stores = service.stores
    asked = stores.jobs.get(who.tenant, job) if job else None
    front = target_front(stores, who.tenant, search_id, target)
    network = _network(front, name)
    space = searched_space(front.result) if front.result else None
    parts = anatomy(stores, front, network)
    return page(
        request,
        "candidate",
        search=front.job,
        shown=front,
        network=network,
        row=rows_of([network], units_for([network]), space)[0],
        drawing=network_svg(parts.nodes, parts.shares, _DRAWN) if parts else None,
        anatomy=parts,
        figures=figure_rows(network),
        predictions=prediction_sentences(front.target, [network]),
        mistakes=mistakes(stores, front, network),
        neighbours=neighbours(front.target.front, network, space),
        exports=[one for one in stores.fronts.exports(who.tenant, search_id) if one.name == name],
        why=_why(front, name),
        provenance=_provenance(front),
        formats=get_args(FileSpec.model_fields["format"].annotation),
        precisions=get_args(Precision),
        asked=asked,
        made=shown_export(stores, who.tenant, asked.id, root) if asked else None,
        may_submit=who.may(Scope.SUBMIT),
        suspect=SUSPECT,
        words=words,
    )


@router.get("/searches/{search_id}/networks/{name}/card")
def card(
    search_id: str, name: str, who: Reader, service: Shared, request: Request, target: Target = 1
) -> Response:
    """Show the card of a network, as its bundle has it."""
    front = target_front(service.stores, who.tenant, search_id, target)
    network = _network(front, name)
    text = card_text(service.stores, front, network)
    return page(request, "card", search=front.job, shown=front, network=network, text=text)


def card_text(stores: Stores, front: TargetFront, network: VerifiedNetwork) -> str:
    """Return the card of a network: Markdown with the head that model hubs read.

    Raises:
        UsageError: `search_not_finished`.
        ArtifactError: `wrong_file`, `damaged_file`, `artifact_missing` or `artifact_damaged`.
    """
    stored = stores.stored(front.job)
    result = front.result or stored.result()
    with tempfile.TemporaryDirectory() as folder:
        written = deliver(
            stored,
            network,
            front.target,
            Path(folder) / "bundle",
            why=_why(front, network.name) or "chosen by you",
            supernet=result.supernet,
            versions=result.versions,
        )
        return (written / "README.md").read_text(encoding="utf-8")


def _network(front: TargetFront, name: str) -> VerifiedNetwork:
    for one in (*front.target.networks, *front.references):
        if one.name == name:
            return one
    raise UsageError("unknown_network", f"search {front.job.id} has no network '{name}': see its front")


def _why(front: TargetFront, name: str) -> str:
    deliveries = front.result.deliveries if front.result else ()
    here = front.number - 1
    return next((one.why for one in deliveries if (one.name, one.target) == (name, here)), "")


def _provenance(front: TargetFront) -> list[tuple[str, Any]]:
    """Return where the figures come from: who computed them, with what, from which data."""
    facts: list[tuple[str, Any]] = [("search", front.job.id), ("device", front.target.device_label)]
    facts += [("context", front.target.context_label)]
    result = front.result
    if result is not None:
        facts += [("data set, SHA-256", result.dataset_digest), ("supernet", result.supernet.key)]
        facts += [("specification, SHA-256", result.spec.digest)]
        facts += [("versions", words.options_text(result.versions))]
    return facts

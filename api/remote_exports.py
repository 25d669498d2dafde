"""What `hwnas export` does with `--server`: the network is chosen from the fronts of a search there."""

import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from api.client import Client
from api.exports import Delivered, check_one_way, is_file
from api.remote import client_of, find_search, watched
from api.resources.fronts import FrontResource
from api.selection import COSTS, parse_limits
from nas.publication import held_value, keeps_limits
from nas.report.words import cost_text
from nas.results import VerifiedNetwork
from nas.specs import Precision
from nas.store.subnets import subnet_id
from search_spaces.atomic import write_atomically
from search_spaces.errors import InfeasibleError, UsageError

Found = tuple[FrontResource, VerifiedNetwork]


def export(
    server: str,
    search: str,
    *,
    best: bool,
    fastest: bool,
    name: str | None,
    under: Sequence[str] | None,
    target: int | None,
    out: Path | None,
    format: str,
    precision: Precision | None,
) -> Delivered:
    """Fetch a verified network of a search at a service, with its card, into a folder.

    Args:
        server: Of the service.
        search: The search; or `SEARCH.NETWORK`.
        best: The most accurate one within the limits; what is meant where nothing is said.
        fastest: The fastest one.
        name: The network of that name.
        under: Limits as they are written.
        target: Counted from 1; all of them if not given.
        out: The folder; `SEARCH-NETWORK` if not given. With the ending of the format it is the file.
        format: Of the file.
        precision: Of the file, which the service makes where it is not there; that of the verified one if not
            given.

    Raises:
        UsageError: `conflicting_options`, `invalid_limit`, `unknown_search`, `ambiguous_search`,
            `search_not_finished`, `unknown_target`, `unknown_network` or `folder_in_use`.
        InfeasibleError: `no_network_within_limits`.
        ArtifactError: `download_damaged`.
    """
    limits = parse_limits(tuple(under or ()))
    meant, _, network_name = search.partition(".")
    name = name or network_name or None
    check_one_way(best + fastest, name, limits)
    with client_of(server) as client:
        job = find_search(client, meant)
        numbers = [target] if target else range(1, len(job.spec.get("targets", ())) + 1)
        fronts = [client.front(job.id, number) for number in numbers]
        front, network = _named(fronts, name) if name else _chosen(fronts, limits, fastest=fastest)
        why = _why(limits, name, fastest=fastest)
        source = _Source(
            *(partial(fetch, job.id, network.name) for fetch in (client.download, client.bundle))
        )
        place = out or Path(f"{job.id}-{network.name}")
        if precision is not None:
            network, source = _made(client, subnet_id(job.id, network.name), precision)
            why, place = f"exported in {precision}", out or Path(f"{place}-{precision}")
        files = (source.file(place).name,) if is_file(out) else _fetched(source, place)
    folder = place.parent if is_file(out) else place
    return Delivered(
        search=job.id,
        target_number=front.target,
        folder=folder.resolve(),
        files=files,
        why=why,
        network=network,
    )


class _Source(NamedTuple):
    """What fetches a file, and what its bundle, to a place."""

    file: Callable[[Path], Path]
    bundle: Callable[[Path], Path]


def _made(client: Client, subnet: str, precision: Precision) -> tuple[VerifiedNetwork, _Source]:
    """Have a file made of a network; return what the network is as that file, and where it is."""
    job = watched(client, client.job(client.export(subnet, precision).id))
    network = client.export_state(job.id).network
    assert network is not None, "the job has succeeded"
    fetch = partial(client.download_export, job.id)
    return network, _Source(fetch, partial(fetch, bundle=True))


def _named(fronts: Sequence[FrontResource], name: str) -> Found:
    for front in fronts:
        for network in (*front.networks, *front.dominated):
            if network.name == name:
                return front, network
    raise UsageError("unknown_network", f"search {fronts[0].search} has no network '{name}': see its front")


def _chosen(fronts: Sequence[FrontResource], limits: Mapping[str, float], *, fastest: bool) -> Found:
    everyone = [(front, network) for front in fronts for network in (*front.networks, *front.dominated)]
    keeping = [(front, one) for front, one in everyone if keeps_limits(one, {**front.limits, **limits})]
    if not keeping:
        asked = ", ".join(f"{name} <= {limit:g}" for name, limit in limits.items()) or "its limits"
        lowest = {name: min(held_value(one, name) for _, one in everyone) for name in limits if everyone}
        nearest = ", ".join(cost_text(name, value) for name, value in lowest.items() if name in COSTS)
        raise InfeasibleError(
            "no_network_within_limits",
            f"no verified network keeps {asked}"
            + (f": the least that there is: {nearest}" if nearest else ""),
        )

    def order(found: Found) -> tuple[float, float]:
        accuracy, latency_ms = -found[1].accuracy.value, found[1].latency.value_ms
        return (latency_ms, accuracy) if fastest else (accuracy, latency_ms)

    return min(keeping, key=order)


def _why(limits: Mapping[str, float], name: str | None, *, fastest: bool) -> str:
    if name:
        return "asked for by name"
    bounds = ", ".join(f"{name} of at most {limit:g}" for name, limit in limits.items())
    what = "the fastest verified network" if fastest else "the most accurate verified network"
    return what + (f" with {bounds}" if bounds else "")


def _fetched(source: _Source, folder: Path) -> tuple[str, ...]:
    """Unpack the bundle of a network into a folder; return the names of its files."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("folder_in_use", f"{folder} is there and not empty: give another folder with --out")
    with tempfile.TemporaryDirectory() as scratch:
        packed = source.bundle(Path(scratch) / "bundle.zip")
        with zipfile.ZipFile(packed) as archive:
            # Of each member the last part of its name alone: nothing leads out of the folder.
            contents = {member.filename.rpartition("/")[2]: member for member in archive.infolist()}
            for file, member in contents.items():
                write_atomically(folder / file, archive.read(member))
    return tuple(sorted(contents))

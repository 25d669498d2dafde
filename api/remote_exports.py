"""What `hwnas export` does with `--server`: the network is chosen from the fronts of a search there."""

import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

from api.client import Client
from api.exports import Delivered, check_one_way
from api.places import is_file
from api.remote import client_of, find_search, fronts_of, watched
from api.resources.fronts import FrontResource
from api.resources.jobs import JobResource
from api.selection import BY_NAME, Chosen, Rule, by_rule, parse_limits, parse_target
from latency_predictors.latency_metric import LatencyMetric
from nas.asked_targets import Asked, meant_targets
from nas.results import VerifiedNetwork
from nas.specs import Precision
from nas.store.network_names import by_name
from nas.store.subnets import subnet_id
from search_spaces.atomic import write_atomically
from search_spaces.errors import UsageError


@dataclass(frozen=True)
class _Offered:
    """What a service says was verified for a target."""

    networks: tuple[VerifiedNetwork, ...]
    limits: Mapping[str, float]
    device_name: str
    device_label: str
    context_label: str
    metric: LatencyMetric

    @classmethod
    def of(cls, front: FrontResource) -> Self:
        """Return it out of a front."""
        return cls(
            networks=(*front.networks, *front.dominated),
            limits=front.limits,
            device_name=front.device_name,
            device_label=front.device,
            context_label=front.context,
            metric=LatencyMetric(front.statistic, front.pause_ms),
        )


def export(
    server: str,
    search: str,
    *,
    best: bool,
    fastest: bool,
    name: str | None,
    under: Sequence[str] | None,
    target: str | None,
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
        target: As it is written: a number, counted from 1, or the name of a device; all of one device if not
            given.
        out: The folder; `SEARCH-NETWORK` if not given. With the ending of the format it is the file.
        format: Of the file.
        precision: Of the file, which the service makes where it is not there; that of the verified one if not
            given.

    Raises:
        UsageError: `conflicting_options`, `invalid_limit`, `unknown_search`, `ambiguous_search`,
            `search_not_finished`, `unknown_target`, `ambiguous_target`, `unknown_network`,
            `ambiguous_network` or `folder_in_use`.
        InfeasibleError: `no_network_within_limits`.
        ArtifactError: `download_damaged`.
    """
    limits, asked = parse_limits(tuple(under or ())), parse_target(target)
    meant, _, network_name = search.partition(".")
    name = name or network_name or None
    check_one_way(best + fastest, name, limits)
    with client_of(server) as client:
        job = find_search(client, meant)
        fronts, asked = _fronts(client, job, asked)
        chosen = _chosen(fronts, asked, name, "fastest" if fastest else "best", limits)
        network, why, number = chosen.network, chosen.why, fronts[chosen.position].target
        source = _verified(client, job.id, network.name, number)
        place = out or Path(f"{job.id}-{network.name}")
        if precision is not None:
            network, source = _made(client, subnet_id(job.id, network.name), precision, number)
            why, place = f"exported in {precision}", out or Path(f"{place}-{precision}")
        alone = is_file(out, format)
        files = (source.file(place).name,) if alone else _fetched(source, place)
    folder = place.parent if alone else place
    return Delivered(
        search=job.id,
        target_number=number,
        folder=folder.resolve(),
        files=files,
        why=why,
        network=network,
    )


class _Source(NamedTuple):
    """What fetches a file, and what its bundle, to a place."""

    file: Callable[[Path], Path]
    bundle: Callable[[Path], Path]


def _verified(client: Client, search: str, name: str, target: int) -> _Source:
    """Return where a network is as a target has verified it."""
    return _Source(
        *(partial(fetch, search, name, target=target) for fetch in (client.download, client.bundle))
    )


def _made(client: Client, subnet: str, precision: Precision, target: int) -> tuple[VerifiedNetwork, _Source]:
    """Have a file made of a network of a target; return what the network is as that file, and where it is."""
    job = watched(client, client.job(client.export(subnet, precision, target=target).id))
    network = client.export_state(job.id).network
    assert network is not None, "the job has succeeded"
    fetch = partial(client.download_export, job.id)
    return network, _Source(fetch, partial(fetch, bundle=True))


def _fronts(client: Client, job: JobResource, asked: Asked) -> tuple[list[FrontResource], Asked]:
    """Return the fronts that are fetched, of a number that one alone, and what is then asked of them."""
    if isinstance(asked, int):
        return [client.front(job.id, asked)], None
    return fronts_of(client, job), asked


def _chosen(
    fronts: Sequence[FrontResource],
    asked: Asked,
    name: str | None,
    rule: Rule,
    limits: Mapping[str, float],
) -> Chosen:
    search, among = fronts[0].search, [_Offered.of(front) for front in fronts]
    if name is None:
        return by_rule(search, among, asked, rule, limits)
    known = (
        (search, network.name, Chosen(network, position, BY_NAME))
        for position in meant_targets(search, among, asked)
        for network in among[position].networks
    )
    return by_name(known, name, f"search {search}")


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

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
from api.selection import BY_NAME, Chosen, Rule, by_rule, parse_limits
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
    device_label: str
    context_label: str

    @classmethod
    def of(cls, front: FrontResource) -> Self:
        """Return it out of a front."""
        return cls((*front.networks, *front.dominated), front.limits, front.device, front.context)


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
            `search_not_finished`, `unknown_target`, `unknown_network`, `ambiguous_network` or
            `folder_in_use`.
        InfeasibleError: `no_network_within_limits`.
        ArtifactError: `download_damaged`.
    """
    limits = parse_limits(tuple(under or ()))
    meant, _, network_name = search.partition(".")
    name = name or network_name or None
    check_one_way(best + fastest, name, limits)
    with client_of(server) as client:
        job = find_search(client, meant)
        fronts = [client.front(job.id, target)] if target else fronts_of(client, job)
        chosen = _chosen(fronts, name, "fastest" if fastest else "best", limits)
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


def _chosen(
    fronts: Sequence[FrontResource], name: str | None, rule: Rule, limits: Mapping[str, float]
) -> Chosen:
    among = [_Offered.of(front) for front in fronts]
    if name is None:
        return by_rule(among, rule, limits)
    known = (
        (front.search, network.name, Chosen(network, position, BY_NAME))
        for position, front in enumerate(fronts)
        for network in among[position].networks
    )
    return by_name(known, name, f"search {fronts[0].search}")


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

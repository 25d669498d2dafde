"""What `hwnas export` does with `--server`: the network is chosen from the fronts of a search there."""

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from api.client import Client
from api.exports import Delivered, check_one_way, is_file
from api.remote import client_of, find_search
from api.resources.fronts import FrontResource
from api.selection import COSTS, parse_limits
from nas.publication import keeps_limits
from nas.report.words import cost_text, held_value
from nas.results import VerifiedNetwork
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
        folder = out or Path(f"{job.id}-{network.name}")
        files: tuple[str, ...] = ()
        if is_file(out):
            folder, files = out.parent, (client.download(job.id, network.name, out).name,)
        else:
            files = _fetched(client, job.id, network.name, folder)
    return Delivered(
        search=job.id,
        target_number=front.target,
        folder=folder.resolve(),
        files=files,
        why=_why(limits, name, fastest=fastest),
        network=network,
    )


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


def _fetched(client: Client, search_id: str, name: str, folder: Path) -> tuple[str, ...]:
    """Unpack the bundle of a network into a folder; return the names of its files."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("folder_in_use", f"{folder} is there and not empty: give another folder with --out")
    with tempfile.TemporaryDirectory() as scratch:
        packed = client.bundle(search_id, name, Path(scratch) / "bundle.zip")
        with zipfile.ZipFile(packed) as archive:
            # Of each member the last part of its name alone: nothing leads out of the folder.
            contents = {member.filename.rpartition("/")[2]: member for member in archive.infolist()}
            for file, member in contents.items():
                write_atomically(folder / file, archive.read(member))
    return tuple(sorted(contents))

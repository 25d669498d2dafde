"""Delivering a verified network from a finished search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import RenderableType

from api.made_exports import make_file, write_made
from api.places import is_file
from api.searches import unbroken
from api.selection import (
    Rule,
    Selected,
    of_subnet,
    parse_limits,
    parse_target,
    select_by_name,
    select_by_rule,
)
from nas.pipeline.deliver import deliver
from nas.report.words import accuracy_text, cost_text, latency_text
from nas.results import Document, VerifiedNetwork
from nas.settings import Settings
from nas.specs import Precision
from nas.store.network_names import named_subnet
from nas.store.searches import all_searches
from nas.store.stores import opened_stores
from search_spaces.atomic import write_atomically
from search_spaces.errors import UsageError


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        what: A search, a network by its name, or `SEARCH.NETWORK`.
        rules: `best`, `fastest` or none.
        name: A network of the search.
        limits: As written, for example `latency_ms=0.5`.
        target: As written: a number, counted from 1, or the name of a device; None where nothing was said. By
            a rule it is the best of those that are meant, by name the first that has it.
        precision: Of the file; that of the verified one if not given.
        format: Of the file.
    """

    what: str
    rules: tuple[str, ...] = ()
    name: str | None = None
    limits: tuple[str, ...] = ()
    target: str | None = None
    precision: Precision | None = None
    format: str = "onnx"


class Delivered(Document):
    """A network on its way to the user.

    Attributes:
        target_number: Counted from 1.
        why: Why this one, in words.
    """

    search: str
    target_number: int
    folder: Path
    files: tuple[str, ...]
    why: str
    network: VerifiedNetwork

    def __rich__(self) -> RenderableType:
        """Say what it is and where."""
        network = self.network
        figures = (
            f"{latency_text(network.latency)} on the device, {accuracy_text(network.accuracy)} on "
            f"{network.accuracy.num_images:,} images, {network.num_params:,} parameters, "
            f"{cost_text('peak_memory_bytes', network.peak_memory_bytes)} of activations"
        )
        lines = [
            f"{network.name} of {self.search}: {self.why}",
            figures,
            f"{self.folder}/",
            *(f"  {name}" for name in self.files),
        ]
        return unbroken(lines)


def export_network(settings: Settings, request: Request, out: Path | None) -> Delivered:
    """Write the network that was asked for, with its card, into a folder; or its file alone.

    In another precision than the verified one the file is made first: checked, scored and measured.

    Args:
        settings: Where searches are.
        request: Which network.
        out: The folder; `SEARCH-NETWORK` in the current one if not given. A bundle that stands there
            alone is replaced. With the ending of the format it is the file.

    Raises:
        UsageError: `conflicting_options` or `folder_in_use`; or as `select_by_rule`, `select_by_name`.
        InfeasibleError: `no_network_within_limits`.
        HwnasError: What keeps a file from being made.
    """
    chosen = select(settings, request)
    verified = chosen.result.targets[chosen.target].target.context.precision
    if request.precision is not None and request.precision != verified:
        return _made(settings, request, request.precision, chosen, out)
    if is_file(out, request.format):
        write_atomically(out, chosen.job.network_path(chosen.network.file_sha256).read_bytes())
        return _delivered(chosen, out.parent, [out.name])
    folder = out or Path(f"{chosen.job.id}-{chosen.network.name}")
    written = deliver(
        chosen.job,
        chosen.network,
        chosen.result.targets[chosen.target],
        folder,
        why=chosen.why,
        supernet=chosen.result.supernet,
        versions=chosen.result.versions,
    )
    return _delivered(chosen, written, [path.name for path in written.iterdir()])


def _made(
    settings: Settings, request: Request, precision: Precision, chosen: Selected, out: Path | None
) -> Delivered:
    # A network that was trained on goes by the job which did that.
    made = make_file(settings, chosen.subnet, precision, chosen.target + 1)
    place = out or Path(f"{chosen.job.id}-{chosen.network.name}-{precision}")
    alone = is_file(out, request.format)
    files = write_made(settings, made, place, alone=alone)
    folder = place.parent if alone else place
    return _delivered(replace(chosen, network=made.network, why=made.why), folder, files)


def _delivered(chosen: Selected, folder: Path, files: Sequence[str]) -> Delivered:
    return Delivered(
        search=chosen.job.id,
        target_number=chosen.target + 1,
        folder=folder.resolve(),
        files=tuple(sorted(files)),
        why=chosen.why,
        network=chosen.network,
    )


def check_one_way(num_rules: int, name: str | None, limits: Mapping[str, float]) -> None:
    """Check that a network is named in one way only.

    Raises:
        UsageError: `conflicting_options`.
    """
    if num_rules + (name is not None) > 1 or (name and limits):
        raise UsageError(
            "conflicting_options", "give one of --best, --fastest and --name; --under goes with the first two"
        )


def select(settings: Settings, request: Request) -> Selected:
    """Return the network that is meant.

    Raises:
        UsageError: `conflicting_options`; or as `select_by_rule`, `select_by_name`, `named_subnet`.
        InfeasibleError: `no_network_within_limits`.
    """
    limits, target = parse_limits(request.limits), parse_target(request.target)
    check_one_way(len(request.rules), request.name, limits)
    if request.name is not None:
        return select_by_name(settings, request.name, request.what, target)
    with opened_stores(settings) as stores:
        if "." in request.what:
            return of_subnet(named_subnet(stores, settings.tenant, request.what, target))
        ids = [job.id for job in all_searches(stores, settings.tenant)]
    a_search = request.what == "latest" or any(known.startswith(request.what) for known in ids)
    if a_search or request.rules or limits:
        rule: Rule = "fastest" if "fastest" in request.rules else "best"
        return select_by_rule(settings, request.what, rule, limits, target)
    return select_by_name(settings, request.what, target=target)

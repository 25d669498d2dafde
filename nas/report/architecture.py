"""An architecture in words: grouped by kind of choice, without the choices that change nothing in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nas.results import SearchResult, VerifiedNetwork
from search_spaces.base import Option, SearchSpace, architecture_from_values
from search_spaces.catalogue import PRESETS, get_space
from search_spaces.sampling import active_choices, as_array


@dataclass(frozen=True)
class OptionGrid:
    """The options of one network as a table: a row for each part, a column for each kind of choice.

    Attributes:
        columns: Last parts of the choices' names, for example `kernel`.
        rows: First part of the name (`stage1.block2`, empty for choices of the whole network) and one cell a
            column, empty where there is no such choice or it changes nothing.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def searched_space(result: SearchResult) -> SearchSpace | None:
    """Return the space of a search, or None where this version does not have it."""
    wanted = result.spec.space
    if wanted.preset not in PRESETS.get(wanted.name, ()):
        return None
    # Classes and channels change layers, never which choices matter.
    return get_space(
        wanted.name, preset=wanted.preset, num_classes=max(len(result.class_names), 2), in_channels=3
    )


def active_options(architecture: Mapping[str, Option], space: SearchSpace | None) -> dict[str, Option]:
    """Return the options that change a layer of this network.

    A choice is inactive where its block is left out, for example; its option is then always the first one and
    says nothing. Without a space, or for an architecture of another one, all options are returned.
    """
    options = {choice.name: choice.options for choice in space.choices} if space is not None else {}
    known = architecture.keys() == options.keys()
    if space is None or not known or any(architecture[name] not in options[name] for name in architecture):
        return dict(architecture)
    indices = architecture_from_values(space, architecture)
    active = active_choices(space, as_array(indices))[0]
    return {
        choice.name: architecture[choice.name] for choice, on in zip(space.choices, active, strict=True) if on
    }


def option_places(used: Iterable[Option | None]) -> dict[Option, float]:
    """Return where each option in use stands, 0 to 1: numbers by size, names as they come."""
    found = list(dict.fromkeys(option for option in used if option is not None))
    if all(isinstance(option, int | float) for option in found):
        found.sort(key=float)
    steps = max(len(found) - 1, 1)
    return {option: place / steps for place, option in enumerate(found)}


def in_one_line(options: Mapping[str, Option]) -> str:
    """Return options on one line: `resolution 24, depth 1·2·3, width 16·24·64, kernel 3·3·5`."""
    kinds: dict[str, list[str]] = {}
    for name, option in options.items():
        kinds.setdefault(name.rpartition(".")[2], []).append(str(option))
    return ", ".join(f"{kind} {'·'.join(values)}" for kind, values in kinds.items())


def option_grid(options: Mapping[str, Option]) -> OptionGrid:
    """Return options as a table."""
    columns = tuple(dict.fromkeys(name.rpartition(".")[2] for name in options))
    parts = dict.fromkeys(name.rpartition(".")[0] for name in options)
    by_place = {
        (name.rpartition(".")[0], name.rpartition(".")[2]): str(value) for name, value in options.items()
    }
    rows = tuple((part, tuple(by_place.get((part, column), "") for column in columns)) for part in parts)
    return OptionGrid(columns, rows)


def varying(networks: tuple[VerifiedNetwork, ...], space: SearchSpace | None = None) -> tuple[str, ...]:
    """Return the choices in which networks differ, in the order of the space (else of the first network)."""
    if not networks:
        return ()
    place = {choice.name: number for number, choice in enumerate(space.choices)} if space is not None else {}
    names = sorted(networks[0].architecture, key=lambda name: place.get(name, len(place)))
    return tuple(name for name in names if len({one.architecture.get(name) for one in networks}) > 1)

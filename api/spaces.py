"""The search spaces, as a user chooses one."""

import math
from functools import lru_cache

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nas.report.numbers import COUNTS, plain, with_unit
from nas.results import Document
from search_spaces.base import Option, SearchSpace, space_digest
from search_spaces.catalogue import PRESETS, SPACES, get_space
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, largest, smallest
from search_spaces.slot_tables import distinct_layers

COLOUR = 3


class Size(Document):
    """What one network of a space costs whatever runs it."""

    resolution: int
    num_layers: int
    num_params: int
    num_macs: int


class ChoiceSummary(Document):
    """One decision of a space."""

    name: str
    options: tuple[Option, ...]


class SpaceSummary(Document):
    """One preset of a space.

    Attributes:
        log10_combinations: Power of ten of the number of combinations of options; some are the same network.
        num_layers: Distinct layers, which is what a device has to measure.
    """

    name: str
    preset: str
    num_classes: int
    in_channels: int
    num_choices: int
    log10_combinations: float
    num_layers: int
    smallest: Size
    largest: Size


class SpaceList(Document):
    """All spaces with all presets."""

    spaces: tuple[SpaceSummary, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line a preset."""
        table = Table("space", "preset", "combinations", "layers to measure", "MACs", "parameters", box=None)
        for space in self.spaces:
            table.add_row(
                space.name,
                space.preset,
                f"10^{space.log10_combinations:.0f}",
                str(space.num_layers),
                _range(space.smallest.num_macs, space.largest.num_macs),
                _range(space.smallest.num_params, space.largest.num_params),
            )
        return table


class SpaceDetails(Document):
    """One preset of a space with its choices."""

    summary: SpaceSummary
    digest: str
    choices: tuple[ChoiceSummary, ...]

    def __rich__(self) -> RenderableType:
        """Draw what it spans, then its choices."""
        summary = self.summary
        head = Text(
            f"{summary.name}, preset {summary.preset}, for {summary.num_classes} classes and "
            f"{summary.in_channels} channel{'s' if summary.in_channels > 1 else ''}\n"
            f"10^{summary.log10_combinations:.1f} combinations of {summary.num_choices} choices, "
            f"{summary.num_layers} distinct layers to measure\n"
            f"smallest: {_size_text(summary.smallest)}\nlargest:  {_size_text(summary.largest)}\n"
        )
        table = Table("choice", "options", box=None)
        for choice in self.choices:
            table.add_row(choice.name, " ".join(str(option) for option in choice.options))
        return Group(head, table)


def list_spaces() -> SpaceList:
    """Return every space with every preset, for ten classes of colour images."""
    return SpaceList(
        spaces=tuple(
            show_space(name, preset, 10, COLOUR).summary for name in SPACES for preset in PRESETS[name]
        )
    )


# Kept: one takes up to 50 ms, and the list is of all.
@lru_cache(maxsize=256)
def show_space(name: str, preset: str | None, num_classes: int, in_channels: int) -> SpaceDetails:
    """Return one space.

    Args:
        name: In the catalogue.
        preset: One of its presets, None for the first.
        num_classes: Classes of the images it is for.
        in_channels: 1 for grey images, 3 for colour.

    Raises:
        UsageError: `unknown_space` or `unknown_preset`.
    """
    chosen = preset or next(iter(PRESETS.get(name, ())), "")
    space = get_space(name, preset=chosen, num_classes=num_classes, in_channels=in_channels)
    choices = tuple(ChoiceSummary(name=choice.name, options=choice.options) for choice in space.choices)
    return SpaceDetails(
        summary=_summary(name, chosen, num_classes, in_channels), digest=space_digest(space), choices=choices
    )


def _summary(name: str, preset: str, num_classes: int, in_channels: int) -> SpaceSummary:
    space = get_space(name, preset=preset, num_classes=num_classes, in_channels=in_channels)
    return SpaceSummary(
        name=name,
        preset=preset,
        num_classes=num_classes,
        in_channels=in_channels,
        num_choices=len(space.choices),
        log10_combinations=sum(math.log10(len(choice.options)) for choice in space.choices),
        num_layers=len(distinct_layers(space)),
        smallest=_size(space, least=True),
        largest=_size(space, least=False),
    )


def _size(space: SearchSpace, *, least: bool) -> Size:
    architecture = as_architecture((smallest(space) if least else largest(space))[0])
    specs = layers(space, architecture)
    return Size(
        resolution=specs[0].in_shape[1],
        num_layers=len(specs),
        num_params=sum(spec.num_params for spec in specs),
        num_macs=sum(spec.macs for spec in specs),
    )


def _range(low: int, high: int) -> str:
    return f"{with_unit(low, COUNTS)} to {with_unit(high, COUNTS)}"


def _size_text(size: Size) -> str:
    return (
        f"images of {plain(size.resolution)} pixels, {size.num_layers} layers, "
        f"{with_unit(size.num_params, COUNTS)} parameters, {with_unit(size.num_macs, COUNTS)} MACs"
    )

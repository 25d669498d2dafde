"""Which networks of a front a reader has selected, by options of choices and by ends of figures."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from api.dashboard.figures.parallel import ENDS, MOST_LINES, choice_places, column_label
from api.dashboard.front_query import FrontQuery
from nas.report.architecture import active_options
from nas.report.front_traces import quantity_for
from nas.results import VerifiedNetwork
from search_spaces.base import Option, SearchSpace

_NEARLY: Final = 1e-9
"""Ends are written with few digits: who stands there is inside."""


@dataclass(frozen=True)
class ChoiceField:
    """A choice that networks differ in.

    Attributes:
        options: In use, as texts, each with where it stands in the plot and whether it is selected.
    """

    name: str
    options: tuple[tuple[str, float, bool], ...]


@dataclass(frozen=True)
class RangeField:
    """A figure that networks have.

    Attributes:
        title: With its unit.
        text: Ends that are selected, `LOW..HIGH`; empty where all are.
    """

    name: str
    title: str
    text: str


@dataclass(frozen=True)
class Selection:
    """What can be selected of a front, and what is.

    Attributes:
        names: Of the selected networks; None where nothing is asked for, which is all of them.
        count: Networks that are selected of.
    """

    choices: tuple[ChoiceField, ...]
    ranges: tuple[RangeField, ...]
    names: Set[str] | None
    count: int

    def has(self, name: str) -> bool:
        """Whether a network is selected."""
        return self.names is None or name in self.names


def selection(front: Sequence[VerifiedNetwork], space: SearchSpace | None, asked: FrontQuery) -> Selection:
    """Return what a reader has selected of a front.

    Args:
        front: By latency; as many as parallel coordinates show.
        space: Tells which choices are active: one that changes nothing in a network selects it by no option.
        asked: What is to be seen.
    """
    shown = front[:MOST_LINES]
    texts = {"latency_ms": asked.only_latency_ms or "", "accuracy": asked.only_accuracy or ""}
    choices = tuple(
        ChoiceField(name, tuple(_option(name, option, at, asked) for option, at in placed.items()))
        for name, placed in choice_places(shown, space).items()
    )
    fitting = [one for one in shown if _fits(one, active_options(one.architecture, space), asked, shown)]
    names = {one.name for one in fitting} if asked.options or asked.ranges else None
    ranges = tuple(RangeField(name, column_label(name), texts[name]) for name in ENDS)
    return Selection(choices, ranges, names, len(shown))


def _option(name: str, option: Option, at: float, asked: FrontQuery) -> tuple[str, float, bool]:
    return str(option), at, str(option) in asked.options.get(name, ())


def _fits(
    one: VerifiedNetwork, options: Mapping[str, Option], asked: FrontQuery, shown: Sequence[VerifiedNetwork]
) -> bool:
    among = all(name in options and str(options[name]) in wanted for name, wanted in asked.options.items())
    return among and all(
        low - _NEARLY <= quantity_for(name, shown).value(one) <= high + _NEARLY
        for name, (low, high) in asked.ranges.items()
    )

"""What a reader wants to see of a front, as the address of the page has it."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from api.selection import COSTS
from nas.objectives import OBJECTIVES

SizeName = Literal["peak_memory_bytes", "arena_bytes", "file_bytes"]
CostName = Literal["latency_ms", "energy_mj", SizeName, "num_params", "num_macs"]
ObjectiveName = Literal["accuracy", CostName]
assert set(ObjectiveName.__args__) == set(OBJECTIVES)  # type: ignore[attr-defined]

Part = Literal["none", "dominated", "over_limit", "unverified", "predicted", "stock", "ties"]
PARTS: Final[dict[Part, str]] = {
    "dominated": "dominated",
    "over_limit": "over a limit",
    "unverified": "not verified on the device",
    "predicted": "predicted only",
    "stock": "stock networks",
    "ties": "tied points",
}
"""What may be shown beside the front, with what the page calls it."""

DEFAULT: Final[tuple[Part, ...]] = ("dominated", "over_limit", "unverified", "stock", "ties")

MAX_OVERLAYS: Final = 6


def _empty_is_none(value: Any) -> Any:
    """Forms send fields that nobody filled in."""
    return None if value == "" else value


Budget = Annotated[Annotated[float, Field(gt=0, lt=1e18)] | None, BeforeValidator(_empty_is_none)]
Log = Annotated[Literal["log", "linear"] | None, BeforeValidator(_empty_is_none)]
Key = Annotated[str, Field(max_length=250)]
Name = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(_empty_is_none)]


def _checked_option(text: str) -> str:
    if ":" not in text:
        raise ValueError("write CHOICE:OPTION")
    return text


Option = Annotated[str, Field(max_length=250), AfterValidator(_checked_option)]
Between = Annotated[
    Annotated[str, Field(max_length=60, pattern=r"^\s*\d+(\.\d+)?\s*\.\.\s*\d+(\.\d+)?\s*$")] | None,
    BeforeValidator(_empty_is_none),
]


class FrontQuery(BaseModel):
    """What is to be seen; fields that this version does not know are ignored.

    Attributes:
        target: Counted from 1.
        x: Objective to the right.
        y: Objective upwards.
        x_scale: Of that axis; None for what suits the values.
        show: Parts beside the front. Forms send `none` with them, so that no part at all can be told from
            a form that was not sent.
        beside: Other fronts in the same plot, as `SEARCH.TARGET`; empty where a form offered one in vain.
        without: The one of these that is taken away.
        only: Options that networks of the front are selected by, each as `CHOICE:OPTION`: one of each choice
            that is named here.
        only_latency_ms: Ends of latencies that are selected: `0.1..0.3`.
        only_accuracy: Likewise, in percent.
        pick: Name of a network.
        grows: Cost of which more is asked for.
        more: How much more of it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    target: Annotated[int, Field(ge=1, le=1_000)] = 1
    x: ObjectiveName = "latency_ms"
    y: ObjectiveName = "accuracy"
    x_scale: Log = None
    y_scale: Log = None
    show: Annotated[tuple[Part, ...], Field(max_length=10)] = DEFAULT
    beside: Annotated[tuple[Key, ...], Field(max_length=MAX_OVERLAYS + 1)] = ()
    without: Annotated[str, Field(max_length=250)] = ""
    only: Annotated[tuple[Option, ...], Field(max_length=200)] = ()
    only_latency_ms: Between = None
    only_accuracy: Between = None
    pick: Name = None
    grows: CostName = "latency_ms"
    more: Budget = None
    latency_ms: Budget = None
    energy_mj: Budget = None
    peak_memory_bytes: Budget = None
    arena_bytes: Budget = None
    file_bytes: Budget = None
    num_params: Budget = None
    num_macs: Budget = None

    def among(self, known: Collection[str]) -> Self:
        """Return the same with the usual axes in the place of those that nothing is known of."""
        usual: dict[str, str] = {"x": "latency_ms", "y": "accuracy", "grows": "latency_ms"}
        return self.model_copy(
            update={name: value for name, value in usual.items() if getattr(self, name) not in known}
        )

    @property
    def overlays(self) -> tuple[str, ...]:
        """Which other fronts are shown, each once."""
        wanted = dict.fromkeys(key for key in self.beside if key and key != self.without)
        return tuple(wanted)[:MAX_OVERLAYS]

    @property
    def budgets(self) -> dict[str, float]:
        """Upper limits that the reader has set, by cost."""
        given: Mapping[str, float | None] = {name: getattr(self, name) for name in COSTS}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def options(self) -> dict[str, set[str]]:
        """Options that are selected, by choice."""
        found: dict[str, set[str]] = {}
        for name, _, option in (one.partition(":") for one in self.only):
            found.setdefault(name, set()).add(option)
        return found

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Ends of the figures that are selected, by objective, in the units of the page."""
        given = {"latency_ms": self.only_latency_ms, "accuracy": self.only_accuracy}
        parts = {name: text.split("..") for name, text in given.items() if text is not None}
        return {name: (float(low), float(high)) for name, (low, high) in parts.items()}

    @property
    def log(self) -> tuple[bool | None, bool | None]:
        """Whether each axis is to be logarithmic; None for what suits the values."""
        x, y = ({"log": True, "linear": False, None: None}[one] for one in (self.x_scale, self.y_scale))
        return x, y

    def fields(self, pick: str | None, *, selected: bool = True) -> list[tuple[str, str]]:
        """Return the fields of the address of the same page with another pick, or with nothing selected."""
        dropped = {"pick", "without"} | (set() if selected else {"only", "only_latency_ms", "only_accuracy"})
        kept = self.model_dump(exclude_none=True, exclude=dropped)
        fields = [("show", "none")] + ([("pick", pick)] if pick else [])
        for name, value in kept.items():
            fields += [(name, str(one)) for one in (value if isinstance(value, tuple) else (value,))]
        return fields

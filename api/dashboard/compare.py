"""The screen that compares fronts: what did the change buy?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dashboard.charts import drawn
from api.dashboard.figures.front import OVERLAYS, Overlay, compared_chart
from api.dashboard.front_query import ObjectiveName
from api.dashboard.overlays import Other, offered, overlays
from api.dashboard.pages import page
from api.dashboard.results import TargetFront
from api.resources.submissions import shown_spec
from api.security import Reader
from api.state import Shared
from nas.objectives import get_objective, minimised
from nas.pareto import dominated_by, hypervolume
from nas.publication import known_objectives, measured_value
from nas.report import words
from nas.report.front_traces import TITLES
from nas.results import VerifiedNetwork
from search_spaces.base import FloatArray

router = APIRouter(include_in_schema=False)

MOST: Final = 4

Key = Annotated[str, Field(max_length=250)]


class CompareQuery(BaseModel):
    """What is compared.

    Attributes:
        fronts: As `SEARCH.TARGET`, the first is what others are held against.
        x: Objective to the right.
        y: Objective upwards.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    fronts: Annotated[tuple[Key, ...], Field(alias="with", max_length=8)] = ()
    x: ObjectiveName = "latency_ms"
    y: ObjectiveName = "accuracy"

    def among(self, known: Collection[str]) -> Self:
        """Return the same with the usual axes in the place of those that nothing is known of."""
        usual = {"x": "latency_ms", "y": "accuracy"}
        return self.model_copy(
            update={name: value for name, value in usual.items() if getattr(self, name) not in known}
        )


@dataclass(frozen=True)
class Standing:
    """How a front stands against the first one.

    Attributes:
        volume: Share of the box around all fronts that it dominates, 0 to 1.
        gain: Of volume over the first front, as a share of that; None for the first, or where that has none.
        beaten: Points of the first front that some point of this one dominates.
        beats: Points of this front that some point of the first dominates.
    """

    overlay: Overlay
    best: VerifiedNetwork | None
    fastest: VerifiedNetwork | None
    volume: float
    gain: float | None
    beaten: int
    beats: int


@router.get("/compare")
def compare(
    asked: Annotated[CompareQuery, Query()], who: Reader, service: Shared, request: Request
) -> Response:
    """Show two to four fronts in one plot, with what differs in their settings."""
    keys = [key for key in dict.fromkeys(asked.fronts) if key][:MOST]
    shown = overlays(service.stores, who.tenant, keys)
    choices: list[Other] = offered(service.stores, who.tenant)
    facts: dict[str, Any] = {"shown": shown, "others": choices, "words": words, "most": MOST}
    known = known_objectives([network for one in shown for network in one.front.target.front])
    asked = asked.among(known)
    facts |= {"asked": asked, "objectives": known, "titles": TITLES, "styles": OVERLAYS}
    if len(shown) > 1:
        label = "; ".join(f"{one.label}: {words.front_sentence(one.front.target.front)}" for one in shown)
        facts["chart"] = drawn("compare", label, compared_chart(shown, asked.x, asked.y))
        facts["standings"] = standings(shown, (asked.x, asked.y))
        facts["differences"] = differences([one.front for one in shown])
    return page(request, "compare", **facts)


def standings(shown: Sequence[Overlay], names: Sequence[str]) -> list[Standing]:
    """Return how fronts stand in some objectives, the first one being what the others are held against.

    Volumes are those of the box from the best to the worst value of any of the fronts, so that they need no
    reference of anybody's choice; they change with what is compared.
    """
    values = [_values(one.front, names) for one in shown]
    every = np.concatenate(values)
    low, span = (every.min(axis=0), np.ptp(every, axis=0)) if len(every) else (np.zeros(2), np.ones(2))
    scaled = [(one - low) / np.where(span > 0, span, 1.0) for one in values]
    # A little beyond the worst, or the ends of fronts would count for nothing.
    volumes = [hypervolume(one, np.full(len(names), 1.1)) / 1.1 ** len(names) for one in scaled]
    return [
        Standing(
            overlay=one,
            best=max(one.front.target.front, key=lambda network: network.accuracy.value, default=None),
            fastest=min(one.front.target.front, key=lambda network: network.latency.value_ms, default=None),
            volume=volume,
            gain=volume / volumes[0] - 1.0 if place and volumes[0] else None,
            beaten=int(dominated_by(own, values[0]).sum()),
            beats=int(dominated_by(values[0], own).sum()),
        )
        for place, (one, own, volume) in enumerate(zip(shown, values, volumes, strict=True))
    ]


def _values(front: TargetFront, names: Sequence[str]) -> FloatArray:
    networks = front.target.front
    rows = [[measured_value(network, name) for name in names] for network in networks]
    return minimised(np.array(rows).reshape(len(networks), len(names)), [get_objective(one) for one in names])


def differences(fronts: Sequence[TargetFront]) -> list[tuple[str, list[str]]]:
    """Return the settings in which searches differ, one text for each; empty where it has none."""
    flat = [_settings(front) for front in fronts]
    names = dict.fromkeys(name for one in flat for name in one)
    rows = [(name, [one.get(name, "") for one in flat]) for name in names]
    return [(name, texts) for name, texts in rows if len(set(texts)) > 1]


def _settings(front: TargetFront) -> dict[str, str]:
    spec = shown_spec(front.job.spec)
    targets = spec.pop("targets", [])
    own = targets[front.number - 1] if isinstance(targets, list) and len(targets) >= front.number else {}
    found = dict(_flat({"device": front.target.device_label, "context": front.target.context_label}))
    found |= dict(_flat(own, "target.")) | dict(_flat(spec))
    if front.result is not None:
        found |= dict(_flat(front.result.versions, "version of "))
        found["data set, SHA-256"] = front.result.dataset_digest[:12]
        found["supernet"] = front.result.supernet.key[:12]
    return found


def _flat(document: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in document.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            rows.append((f"{prefix}{name}", ", ".join(map(str, value))))
        else:
            rows.append((f"{prefix}{name}", "" if value is None else str(value)))
    return rows

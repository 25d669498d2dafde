"""One target while it is verified: what was found, what of it is published, and the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latency_predictors.lookup_table import LookupTable
from latency_predictors.spread import Measured
from nas.accuracy_predictor import AccuracyPredictor
from nas.candidates import Candidates
from nas.data.dataset import Fold
from nas.pipeline.networks import Exported, latency_of, shape_costs
from nas.publication import accuracy_of, front_first, measured_value, published
from nas.results import CloudPoint, Figure, Kind, TableSummary, TargetResult, VerifiedNetwork
from nas.search import Front
from nas.specs import TargetSpec
from search_spaces.base import Architecture, FloatArray, IntArray, option_values

_CLOUD: Final = 1_500

BoolArray = NDArray[np.bool_]


def confirm_of(folds: Sequence[Fold]) -> IntArray:
    """Return the positions of the validation images that accuracies are published of: all `confirm`."""
    return np.unique(np.concatenate([fold.confirm for fold in folds]))


def part_of(folds: Sequence[Fold]) -> str:
    """Return what these images are called: with swapped halves they have steered the search too."""
    return "confirm" if len(folds) == 1 else "validation"


@dataclass
class Verified:
    """A network on its way to being published."""

    exported: Exported
    network: VerifiedNetwork


@dataclass
class Verification:
    """One target while it is verified.

    Attributes:
        target: What is asked for.
        objectives: What is optimised.
        folds: Of the validation images.
        table: With the correction as refitted last.
        archs: Scored architectures, (n, choices): what the accuracy predictors learn from.
        correct: Their answers on all validation images, (n, images).
        found: Verified networks by architecture.
        fronts: Of the last search, one a fold.
        accuracy: The predictors of accuracy that it used, likewise.
        num_evaluated: Architectures looked at by all searches.
    """

    target: TargetSpec
    objectives: tuple[str, ...]
    folds: tuple[Fold, ...]
    table: LookupTable
    archs: IntArray
    correct: BoolArray
    found: dict[Architecture, Verified] = field(default_factory=dict)
    fronts: list[Front] = field(default_factory=list)
    accuracy: list[AccuracyPredictor] = field(default_factory=list)
    num_evaluated: int = 0

    @property
    def confirm(self) -> IntArray:
        """Positions of the validation images that published accuracies come from."""
        return confirm_of(self.folds)

    @property
    def part(self) -> str:
        """What these images are called."""
        return part_of(self.folds)

    @property
    def limits(self) -> dict[str, float]:
        """Upper limits of costs, by name."""
        return {str(name): limit for name, limit in self.target.limits.items()}

    def add(self, exported: Exported, measured: Measured, round_: int) -> None:
        """Take in a network that was exported, scored and measured."""
        network = VerifiedNetwork.model_validate(
            {
                "name": f"net-{exported.digest[:6]}",
                "origin": "search",
                "architecture": option_values(exported.space, exported.architecture),
                "architecture_digest": exported.digest,
                "file_sha256": exported.file_sha256,
                "file_bytes": exported.file_bytes,
                "max_difference": exported.max_difference,
                "accuracy": accuracy_of(exported.correct[self.confirm], self.part),
                "latency": latency_of(measured),
                "round": round_,
                **shape_costs(exported),
                **self._predictions(exported.architecture),
            }
        )
        self.found[exported.architecture] = Verified(exported, network)
        self.archs = np.vstack([self.archs, np.array(exported.architecture)])
        self.correct = np.vstack([self.correct, exported.correct])

    def publish(self) -> None:
        """Work out the front and its ties."""
        found, confirm = list(self.found.values()), self.confirm
        exported = {one.network.name: one.exported for one in found}
        networks = published(
            [one.network for one in found],
            lambda network: exported[network.name].correct[confirm],
            self.objectives,
            self.limits,
        )
        for one, network in zip(found, networks, strict=True):
            one.network = network

    def measured_objectives(self) -> FloatArray:
        """Return the measured objectives of all that keeps the limits, minimised, (m, objectives)."""
        signs = [-1.0 if name == "accuracy" else 1.0 for name in self.objectives]
        rows = [
            [
                sign * measured_value(one.network, name)
                for sign, name in zip(signs, self.objectives, strict=True)
            ]
            for one in self.found.values()
            if one.network.status != "over_limit"
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.objectives))

    def result(self, table: TableSummary, rounds: int, stopped: str, seed: int) -> TargetResult:
        """Return the document of the target."""
        facts = self.table.model_dump(mode="json", include={"device", "context"})
        return TargetResult(
            target=self.target,
            device=facts["device"],
            device_label=self.table.device.label,
            context=facts["context"],
            context_label=self.table.context.label,
            table=table,
            networks=front_first([one.network for one in self.found.values()]),
            cloud=_cloud(self.fronts[0].candidates, seed),
            num_evaluated=self.num_evaluated,
            num_rounds=rounds,
            stopped=stopped,
        )

    def _predictions(self, architecture: Architecture) -> dict[str, Figure]:
        """Return what the search believed of a network: of the first fold that looked at it.

        Accuracy as it would be on the images that the network shows, which with swapped halves the fold has
        seen a part of.
        """
        row, confirm = np.array([architecture]), self.confirm
        for front, accuracy, fold in zip(self.fronts, self.accuracy, self.folds, strict=False):
            rows = np.flatnonzero((front.candidates.archs == row).all(axis=1))
            if len(rows):
                found = front.candidates.take(rows[:1])
                latency = found.names.index("latency_ms")
                ends = (found.point[0, latency], found.lower[0, latency], found.upper[0, latency])
                num_shared = len(np.intersect1d(fold.select, confirm))
                believed = accuracy.predict_elsewhere(row, len(confirm), num_shared)
                return {
                    "predicted_accuracy": _figure("fitted", *(float(end[0]) for end in believed)),
                    "predicted_latency": _figure("table", *map(float, ends)),
                }
        return {}


def _figure(kind: Kind, value: float, lower: float, upper: float) -> Figure:
    return Figure(value=value, lower=lower, upper=upper, kind=kind)


def _cloud(seen: Candidates, seed: int) -> tuple[CloudPoint, ...]:
    rows = np.random.default_rng(seed).permutation(len(seen))[:_CLOUD]
    pairs = zip(seen.column("accuracy")[rows], seen.column("latency_ms")[rows], strict=True)
    return tuple(
        CloudPoint(accuracy=float(accuracy), latency_ms=float(latency)) for accuracy, latency in pairs
    )

"""One target while it is verified: what was found, what of it is published, and the result."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latency_predictors.energy_sessions import SessionsEnergy
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable
from latency_predictors.spread import Measured
from nas.data.dataset import Fold
from nas.measurement_tasks import FailedTask
from nas.pipeline.answers import confirm_of, part_of
from nas.pipeline.costs import network_arena
from nas.pipeline.energy_model import EnergyModel, energy_of
from nas.pipeline.measured_files import latency_of
from nas.pipeline.networks import Exported, accuracies, scored_with, shape_costs
from nas.pipeline.shift import shift_figure
from nas.pipeline.sites import Site
from nas.precision_shift import PairedAnswers
from nas.publication import front_first, latency_coverage, measured_value, published
from nas.results import CloudPoint, Figure, TableSummary, TargetResult, UnsupportedNetwork, VerifiedNetwork
from nas.specs import TargetSpec
from search_spaces.base import Architecture, FloatArray, IntArray, option_values

BoolArray = NDArray[np.bool_]


class Believed(Protocol):
    """What a search believes of a network."""

    @property
    def accuracy(self) -> Figure:
        """With the supernet's weights."""

    @property
    def latency(self) -> Figure:
        """From the table."""

    @property
    def energy(self) -> Figure | None:
        """Where it is optimised or limited."""


@dataclass
class Verified:
    """A network on its way to being published."""

    exported: Exported
    network: VerifiedNetwork
    measured: Measured


@dataclass
class Verification:
    """One target while it is verified.

    Attributes:
        target: What is asked for.
        objectives: What is optimised.
        folds: Of the validation images.
        table: With the correction as refitted last.
        archs: Scored architectures, (n, choices): what the accuracy predictors learn from.
        correct: Their answers on all validation images in fp32, (n, images).
        paired: Answers in fp32 and the target's precision, where that is another.
        found: Verified networks by architecture.
        unsupported: Those that the runtime cannot run, likewise: they are not proposed again.
        num_evaluated: Architectures looked at by all searches.
        energy: What predicts energy, where it is optimised or limited; as refitted last.
    """

    target: TargetSpec
    objectives: tuple[str, ...]
    folds: tuple[Fold, ...]
    table: LookupTable
    archs: IntArray
    correct: BoolArray
    paired: PairedAnswers | None = None
    found: dict[Architecture, Verified] = field(default_factory=dict)
    unsupported: dict[Architecture, UnsupportedNetwork] = field(default_factory=dict)
    num_evaluated: int = 0
    energy: EnergyModel | None = None

    @property
    def num_new(self) -> int:
        """Networks that this search has verified itself."""
        return sum(1 for one in self.found.values() if one.network.round)

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

    @property
    def metric(self) -> LatencyMetric:
        """What is meant by latency."""
        return self.target.latency.metric

    def described(
        self,
        exported: Exported,
        measured: Measured,
        believed: Believed | None,
        round_: int,
        energy: SessionsEnergy | None = None,
    ) -> VerifiedNetwork:
        """Return a network as results show it.

        Args:
            exported: The network.
            measured: Its latency.
            believed: What was believed of it before; None where another search has verified it.
            round_: That it came in; 0 where another search has verified it.
            energy: Where it is optimised or limited.
        """
        return VerifiedNetwork.model_validate(
            {
                "name": exported.name,
                "origin": "search",
                "architecture": option_values(exported.space, exported.architecture),
                "architecture_digest": exported.digest,
                "file_sha256": exported.file_sha256,
                "file_bytes": exported.file_bytes,
                "max_difference": exported.max_difference,
                **accuracies(exported, self.confirm, self.part),
                "latency": latency_of(measured),
                "round": round_,
                "predicted_accuracy": believed and believed.accuracy,
                "predicted_latency": believed and believed.latency,
                "energy": None if energy is None else energy_of(energy),
                "predicted_energy": believed and believed.energy,
                **shape_costs(exported, self.table.context.batch, self.table.context.precision),
                "arena_bytes": network_arena(exported.space, exported.architecture, Site.of(self.table)),
            }
        )

    def add(self, exported: Exported, network: VerifiedNetwork, measured: Measured) -> None:
        """Take in a network, which predictors of accuracy learn from."""
        self.found[exported.architecture] = Verified(exported, network, measured)
        self.archs = np.vstack([self.archs, np.array(exported.architecture)])
        self.correct = np.vstack([self.correct, exported.fp32_correct])
        if self.paired is not None:
            self.paired = self.paired.with_network(exported.fp32_correct, exported.correct)

    def leave_out(self, exported: Exported, why: FailedTask) -> UnsupportedNetwork:
        """Note a network that the runtime cannot run."""
        noted = UnsupportedNetwork(
            name=exported.name,
            architecture_digest=exported.digest,
            file_sha256=exported.file_sha256,
            code=why.code,
            message=why.message,
        )
        self.unsupported[exported.architecture] = noted
        return noted

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

    def measured_in(self, round_: int) -> list[dict[str, str | float | bool]]:
        """Return what a round found, a network each: name, objectives, whether it keeps the limits."""
        found = [one.network for one in self.found.values() if one.network.round == round_]
        return [
            {
                "name": network.name,
                "within_limits": network.status != "over_limit",
                **{name: measured_value(network, name) for name in self.objectives},
            }
            for network in found
        ]

    def measured_objectives(self) -> FloatArray:
        """Return the measured objectives of all that keeps the limits, minimised, (m, objectives)."""
        return self._objectives(lambda one: one.network.accuracy.value)

    def objectives_on_select(self, fold: int) -> FloatArray:
        """Return the same with accuracies as counted on the `select` images of a fold.

        These are the images that predictions of the fold are of: nothing else of them can be compared.
        """
        select = self.folds[fold].select
        return self._objectives(lambda one: float(one.exported.correct[select].mean()))

    def _objectives(self, accuracy: Callable[[Verified], float]) -> FloatArray:
        rows = [
            [
                -accuracy(one) if name == "accuracy" else measured_value(one.network, name)
                for name in self.objectives
            ]
            for one in self.found.values()
            if one.network.status != "over_limit"
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.objectives))

    def result(
        self, table: TableSummary, cloud: tuple[CloudPoint, ...], rounds: int, stopped: str
    ) -> TargetResult:
        """Return the document of the target."""
        networks = [one.network for one in self.found.values()]
        context = self.metric.context(self.table.context)
        run_in = self.table.model_copy(update={"context": context})
        facts = run_in.model_dump(mode="json", include={"device", "context"})
        return TargetResult(
            target=self.target,
            device=facts["device"],
            device_label=self.table.device.label,
            context=facts["context"],
            context_label=context.label,
            table=table,
            networks=front_first(networks),
            cloud=cloud,
            num_evaluated=self.num_evaluated,
            num_rounds=rounds,
            stopped=stopped,
            verified_coverage=latency_coverage(networks),
            shift=None if self.paired is None else shift_figure(self.paired, self.confirm),
            unsupported=tuple(self.unsupported.values()),
            energy=None if self.energy is None else self.energy.summary(networks),
            scored_with=scored_with(),
        )

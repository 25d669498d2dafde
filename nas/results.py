"""What a search leaves behind: the documents that reports, cards and the command line read.

What is known of one network stands in `network_results`, of a lookup table in `table_results`.
"""

from typing import Any, Final

from latency_predictors.energy_figure import Scope
from latency_predictors.latency_metric import LatencyMetric
from nas.network_results import (
    Accuracy,
    AccuracyShift,
    Agreement,
    BoardScore,
    Document,
    Energy,
    Figure,
    Kind,
    Latency,
    Status,
    StockTraining,
    Sustained,
    VerifiedNetwork,
)
from nas.specs import SearchSpec, TargetSpec
from nas.table_results import TableSummary, UnsupportedLayer

__all__ = [
    "SEARCH_PHASES",
    "Accuracy",
    "AccuracyShift",
    "Agreement",
    "BoardScore",
    "CloudPoint",
    "Delivery",
    "Document",
    "Energy",
    "EnergySummary",
    "Figure",
    "Kind",
    "Latency",
    "PhaseTime",
    "SearchResult",
    "Status",
    "StockTraining",
    "SupernetSummary",
    "Sustained",
    "TableSummary",
    "TargetResult",
    "UnsupportedLayer",
    "UnsupportedNetwork",
    "VerifiedNetwork",
]

SEARCH_PHASES: Final = ("profile", "train", "predict", "verify", "finetune", "references", "export")
"""The phases of a search, in order; each leaves a document of its name."""


class CloudPoint(Document):
    """One architecture that the search looked at, as predicted."""

    accuracy: float
    latency_ms: float


class EnergySummary(Document):
    """How the energy of a target was measured, and how good its predictions were.

    Attributes:
        meter: That saw it.
        scope: What the meter sees.
        num_networks: That the prediction rests on.
        report: Errors of the prediction, each network left out once; empty with too few networks.
        correlation: Rank correlation of energy with latency over the networks of the target: near 1, an axis
            of energy tells nothing that latency does not. None below three.
        verified_coverage: As that of the target, of energies.
    """

    meter: str
    scope: Scope
    num_networks: int
    report: dict[str, Any]
    correlation: float | None
    verified_coverage: float | None


class UnsupportedNetwork(Document):
    """A network that was to be verified, and that the runtime of the target cannot run.

    Attributes:
        name: As it would have been called.
        file_sha256: Of the file, which is not tried again in this context.
        code: Stable code of the error.
        message: For people.
    """

    name: str
    architecture_digest: str
    file_sha256: str
    code: str
    message: str


class TargetResult(Document):
    """The front for one target.

    Attributes:
        networks: Everything verified, front first, by latency.
        cloud: A sample of what the search looked at.
        num_evaluated: Architectures the search looked at.
        stopped: Why verification ended, in words.
        verified_coverage: Share of the verified networks whose measured latency lies in the interval that was
            predicted before; None where nothing was predicted. Networks that a search picks are not like
            those that a table is calibrated with, whose coverage the table's report has.
        shift: What the precision of the target costs in accuracy; None for fp32.
        unsupported: Networks that were proposed and exported, but do not run there.
        energy: Where it is optimised or limited.
        scored_with: Runtime and version that accuracies come from, whatever latencies were measured with;
            empty in earlier results.
    """

    target: TargetSpec
    device: dict[str, Any]
    device_label: str
    context: dict[str, Any]
    context_label: str
    table: TableSummary
    networks: tuple[VerifiedNetwork, ...]
    cloud: tuple[CloudPoint, ...]
    num_evaluated: int
    num_rounds: int
    stopped: str
    verified_coverage: float | None = None
    shift: AccuracyShift | None = None
    unsupported: tuple[UnsupportedNetwork, ...] = ()
    energy: EnergySummary | None = None
    scored_with: str = ""

    @property
    def front(self) -> tuple[VerifiedNetwork, ...]:
        """The published points, by latency."""
        return tuple(network for network in self.networks if network.status == "front")

    @property
    def limits(self) -> dict[str, float]:
        """Upper limits that were asked for, by cost."""
        return {str(name): limit for name, limit in self.target.limits.items()}

    @property
    def device_name(self) -> str:
        """What the specification calls the device."""
        return self.target.device

    @property
    def metric(self) -> LatencyMetric:
        """What is meant by latency there."""
        return self.target.latency.metric


class SupernetSummary(Document):
    """The supernet that the networks come from."""

    key: str
    recipe: str
    epochs: int
    num_params: int
    train_seconds: float
    reused: bool


class Delivery(Document):
    """One network with its card.

    Attributes:
        name: Of the network.
        target: Index of the target.
        folder: Relative to the folder of the search.
        why: Why it was chosen, in words.
        test_uses: How often this search has used the test images, this use included.
    """

    name: str
    target: int
    folder: str
    why: str
    test_uses: int


class PhaseTime(Document):
    """Wall time of a phase."""

    name: str
    seconds: float


class PhaseCost(Document):
    """What a phase cost, over all attempts.

    Attributes:
        cpu_s: Processor time of its tasks, wherever they ran, and of the phase itself.
        device_s: Time for which a device was held to measure what this search lacked.
        metered_wh: What the counters of the worker's processor packages saw while the phase ran, whatever
            ran.
        assumed_wh: Processor and device time that no counter saw, times an assumed power.
    """

    name: str
    cpu_s: float = 0.0
    device_s: float = 0.0
    metered_wh: float = 0.0
    assumed_wh: float = 0.0


class Ledger(Document):
    """What a search cost, phase by phase.

    Attributes:
        watts_per_core: Power that was assumed for a busy processor.
        grid_g_per_kwh: Grams of CO2 equivalent for a kilowatt hour of the grid.
        grid_source: Where that factor comes from.
    """

    phases: tuple[PhaseCost, ...]
    watts_per_core: float
    grid_g_per_kwh: float
    grid_source: str

    @property
    def total(self) -> PhaseCost:
        """All phases together."""
        fields = [name for name in PhaseCost.model_fields if name != "name"]
        sums = {name: sum(getattr(phase, name) for phase in self.phases) for name in fields}
        return PhaseCost(name="all", **sums)

    @property
    def energy_kind(self) -> Kind:
        """How the energy was obtained: `measured` only where a counter saw all of it."""
        return "assumed" if self.total.assumed_wh else "measured"

    def carbon_g(self, cost: PhaseCost) -> float:
        """Return the grams of CO2 equivalent of a phase."""
        return (cost.metered_wh + cost.assumed_wh) / 1000 * self.grid_g_per_kwh


class SearchResult(Document):
    """A finished search.

    Attributes:
        dataset: Report of the data set: counts, imbalance, what was skipped, near-duplicates, warnings.
        predictor: Report of the accuracy predictor on held-out subnets.
        references: Stock networks, trained with about as many CPU-seconds in sum as supernet and front; as
            they are at the first target.
        target_references: As they are at each target, in its precision; empty in earlier results, which have
        reference_latencies: latencies at each target of the files of the first one.
        versions: Of what computed the results.
        ledger: What it cost; None for a search that was finished before costs were kept.
    """

    id: str
    spec: SearchSpec
    started_at: str
    finished_at: str
    dataset: dict[str, Any]
    dataset_digest: str
    class_names: tuple[str, ...]
    supernet: SupernetSummary
    predictor: dict[str, Any]
    targets: tuple[TargetResult, ...]
    references: tuple[VerifiedNetwork, ...]
    deliveries: tuple[Delivery, ...]
    phases: tuple[PhaseTime, ...]
    versions: dict[str, str]
    target_references: tuple[tuple[VerifiedNetwork, ...], ...] = ()
    reference_latencies: tuple[tuple[Latency, ...], ...] = ()
    ledger: Ledger | None = None

    @property
    def test_uses(self) -> int:
        """How often this search has used the test images, whatever it scored on them."""
        return max((delivery.test_uses for delivery in self.deliveries), default=1 if self.references else 0)

    def references_at(self, number: int) -> tuple[VerifiedNetwork, ...]:
        """Return the stock networks as they were measured for a target; none where they were not."""
        if self.target_references:
            return self.target_references[number] if number < len(self.target_references) else ()
        if number >= len(self.reference_latencies):
            return self.references if number == 0 else ()
        pairs = zip(self.references, self.reference_latencies[number], strict=True)
        return tuple(network.model_copy(update={"latency": latency}) for network, latency in pairs)

"""What is known of one network: the figures of a verified one, each with how it was obtained.

`measured` on the device or on images, `table` (sum of measured layers, corrected), `fitted` (predicted from
samples), `modelled` (worked out from shapes).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from latency_predictors.energy_figure import Scope
from search_spaces.base import Option

Kind = Literal["measured", "table", "fitted", "modelled", "assumed"]
Status = Literal["front", "dominated", "over_limit", "unverified"]
"""`unverified`: its device finds another accuracy than the host, beyond chance."""


class Document(BaseModel):
    """Frozen, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(Document):
    """A value with its interval and how it was obtained."""

    value: float
    lower: float
    upper: float
    kind: Kind


class Accuracy(Document):
    """Share of images classified correctly by the exported file.

    Attributes:
        value: In 0..1.
        lower: Lower bound of the 95 % interval (Wilson).
        upper: Upper bound.
        num_images: Images scored.
        part: Which images: `confirm`, which no predictor has seen, where there are enough; `validation` (all
            of it) where halves swap roles, which flatters a little, and for stock networks, which no image
            has selected; `test` for delivered networks.
        kind: Always measured.
        scored_on: `host`, the machine of the service, or `target`, the device itself.
    """

    value: float
    lower: float
    upper: float
    num_images: int
    part: Literal["confirm", "validation", "test"]
    kind: Literal["measured"] = "measured"
    scored_on: Literal["host", "target"] = "host"


class BoardScore(Document):
    """What a file gets right on its device, beside the host.

    Attributes:
        accuracy: On the device.
        host: On the host, of the same images.
    """

    accuracy: Accuracy
    host: Accuracy

    @property
    def agrees(self) -> bool:
        """Whether the host's accuracy lies in the interval of the device's."""
        return self.accuracy.lower <= self.host.value <= self.accuracy.upper


class Latency(Document):
    """Milliseconds of one inference of the exported file on the device.

    Attributes:
        median_ms: Median over sessions.
        lower_ms: Lower bound of the statistic's interval: spread between and inside sessions.
        upper_ms: Upper bound; this is what keeps the limit.
        p90_ms: Of the runs that counted: those during which nobody else slowed the core down.
        sessions: Identifiers of the measuring sessions.
        suspect: Whether these contradict each other, or the device was disturbed wherever they agree.
        kind: Always measured.
        statistic: What the target means by latency: the interval, the limit and the front are of this.
        p95_ms: 95th percentile of all runs, where that is the statistic.
        measured_at: When the newest of the sessions began, UTC; empty in results of earlier versions, and
        provisional: whether three undisturbed sessions that agree, on more than one day, have yet to confirm
            it; None likewise.
    """

    median_ms: float
    lower_ms: float
    upper_ms: float
    p90_ms: float
    sessions: tuple[str, ...]
    suspect: bool = False
    kind: Literal["measured"] = "measured"
    statistic: Literal["median", "p95"] = "median"
    p95_ms: float | None = None
    measured_at: str = ""
    provisional: bool | None = None

    @property
    def value_ms(self) -> float:
        """The statistic."""
        return self.median_ms if self.p95_ms is None else self.p95_ms


class Energy(Document):
    """Millijoules of one inference of the exported file, as a meter on the device saw them.

    Attributes:
        gross_mj: All that was taken while it ran; what is optimised and limited.
        gross_lower_mj: Lower end of its interval.
        gross_upper_mj: Upper end; this is what keeps the limit.
        net_mj: What of it was above idle, and
        net_lower_mj: its lower end,
        net_upper_mj: and its upper end.
        mean_w: Power under load.
        meter: That saw it.
        scope: What the meter sees; energies of different scopes are different quantities.
        kind: Always measured: what was modelled or assumed is not among these.
    """

    gross_mj: float
    gross_lower_mj: float
    gross_upper_mj: float
    net_mj: float
    net_lower_mj: float
    net_upper_mj: float
    mean_w: float
    meter: str
    scope: Scope
    kind: Literal["measured"] = "measured"


class Agreement(Document):
    """Whether the runtime that a network was measured with answers as the one does that it was scored with.

    Attributes:
        scored_with: The runtime that its accuracies come from, with its version.
        runtime: The other one, with its version where it was compared.
        num_images: That were compared; 0 where that runtime is not installed where networks are scored.
        num_same: Of these, for how many both name the same class.
        kind: Always measured.
    """

    scored_with: str
    runtime: str
    num_images: int
    num_same: int
    kind: Literal["measured"] = "measured"


class Sustained(Document):
    """What a network takes when it runs at a stretch: medians over sessions of the first and last tenth.

    Attributes:
        seconds: How long each session ran it.
    """

    seconds: float
    first_ms: float
    last_ms: float
    kind: Literal["measured"] = "measured"


class StockTraining(Document):
    """How a stock network was trained.

    Attributes:
        cpu_seconds: Of processors, that it took.
        given_cpu_seconds: Its share of what supernet and front took, for which the number of epochs was
            chosen.
        reused: Whether it was trained for an earlier search.
    """

    epochs: int
    cpu_seconds: float
    given_cpu_seconds: float
    reused: bool


class VerifiedNetwork(Document):
    """A network that was exported, checked, scored and measured as exported.

    Attributes:
        name: Short, unique in the search, for example `net-3f9a1c` or `resnet`; `resnet-int8` where the first
            target is fp32.
        origin: `search`, or `reference` for a stock network.
        architecture: Option of every choice, by name; empty for a stock network.
        architecture_digest: SHA-256 of the architecture.
        file_sha256: Of the exported file; it stands in the folder `networks` under this name.
        file_bytes: Its size.
        max_difference: Largest difference of a logit between torch and the file before quantisation.
        predicted_accuracy: What the search believed when it chose the network, with the supernet's weights.
        predicted_latency: The same, in milliseconds.
        peak_memory_bytes: Activations at their peak, for the batch of the target, worked out from shapes and
            precision; in results of earlier versions as for fp32, whatever the precision.
        peak_memory_batch: Images that it is for: one in results of earlier versions, whatever the batch.
        status: Where it stands among the networks that were verified. Stock networks stand beside the front:
            theirs is always `dominated`, also where no network of the front is as good.
        tied_with: Names of points of the front whose accuracy cannot be told from this one's (paired test).
        round: Round of verification that it came from, from 1; 0 where an earlier search on the supernet has
            verified it, so that nothing was predicted of it here.
        inherited_accuracy: With the supernet's weights, where the network was trained on.
        finetune_epochs: Epochs that it was trained on; 0 where its weights are the supernet's.
        test_accuracy: Only for delivered networks and stock networks.
        training: Only of stock networks.
        fp32_accuracy: Of an int8 file: what the network was before quantisation, on the same images.
        sustained: Only for delivered networks, where it was asked for.
        energy: Where the search optimises or limits it.
        predicted_energy: What the search believed of that, in millijoules.
        agreement: Only for delivered networks that another runtime has measured than the one that scores.
        arena_bytes: Activations that ONNX Runtime holds while it runs, worked out from its rules for one
            image; None for other runtimes, and where the rules are not known.
        arena_read_bytes: Only for delivered networks: the same as the runtime's own profiler tells of the
            file, where a task of the search runs on the device.
        board: Only of what is delivered to a board: what that gets right itself.
    """

    name: str
    origin: Literal["search", "reference"]
    architecture: dict[str, Option]
    architecture_digest: str
    resolution: int
    num_params: int
    num_macs: int
    peak_memory_bytes: int
    file_sha256: str
    file_bytes: int
    max_difference: float
    accuracy: Accuracy
    latency: Latency
    predicted_accuracy: Figure | None = None
    predicted_latency: Figure | None = None
    status: Status = "dominated"
    tied_with: tuple[str, ...] = ()
    round: int = 1
    inherited_accuracy: Accuracy | None = None
    finetune_epochs: int = 0
    test_accuracy: Accuracy | None = None
    training: StockTraining | None = None
    fp32_accuracy: Accuracy | None = None
    sustained: Sustained | None = None
    energy: Energy | None = None
    predicted_energy: Figure | None = None
    arena_bytes: int | None = None
    arena_read_bytes: int | None = None
    peak_memory_batch: int = 1
    agreement: Agreement | None = None
    board: BoardScore | None = None

    @property
    def stock(self) -> str:
        """Which stock network a reference is, whatever its precision: names of these have no hyphen."""
        return self.name.partition("-")[0]


class AccuracyShift(Document):
    """By how much accuracy changes from fp32 to the precision of a target, as a share of images.

    Attributes:
        value: Mean over the networks; negative where accuracy is lost.
        lower: Lower end of the interval that a new network's change lies in with 90 %.
        upper: Upper end.
        num_networks: Exported and scored in both precisions.
        num_images: On which each was scored.
        kind: Always fitted.
    """

    value: float
    lower: float
    upper: float
    num_networks: int
    num_images: int
    kind: Literal["fitted"] = "fitted"

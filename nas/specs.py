"""The specification of a search: the one schema of files, the command line and whatever submits a job.

```yaml
space: {name: mobilenet_v3, preset: tiny}
dataset: {name: digits}
targets:
  - {device: host, context: {runtime: onnxruntime, precision: fp32, threads: 1}, limits: {latency_ms: 1.0}}
supernet: {recipe: default}
search: {strategy: nsga2, objectives: [accuracy, latency_ms], evaluations: 20000}
budget: {wall_minutes: 5}
export: {formats: [onnx], points: 3}
seed: 0
```
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from latency_predictors.agent_protocol import DEVICE_NAME, HOST
from latency_predictors.latency_metric import LatencyMetric
from nas.data.spec import DatasetSpec
from nas.spec_files import load_document
from nas.spec_problems import problems_of
from nas.training_options import LEARNING_RATE
from search_spaces.digests import sha256_json
from search_spaces.errors import UsageError

SizeName = Literal["peak_memory_bytes", "arena_bytes", "file_bytes"]
CostName = Literal["latency_ms", "energy_mj", SizeName, "num_params", "num_macs"]
ObjectiveName = Literal["accuracy", CostName]
RuntimeName = Literal["onnxruntime", "openvino"]
StockName = Literal["mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "resnet"]
DeviceName = Annotated[str, Field(pattern=DEVICE_NAME)]
WhenMissing = Literal["wait", "proceed"]
Precision = Literal["fp32", "int8"]
"""Arithmetic of exported files; `int8` by static quantisation after training."""


class Spec(BaseModel):
    """Frozen, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SpaceSpec(Spec):
    """Which search space.

    Attributes:
        name: In the catalogue of spaces.
        preset: Geometry of the space.
    """

    name: str = "mobilenet_v3"
    preset: str = "tiny"


class ContextSpec(Spec):
    """How the device runs networks; the runtime's version is that of the installed one.

    Attributes:
        threads: Of one inference. Several are measured on idle processors only.
        batch: Images of one inference: latency is that of the whole batch.
    """

    runtime: RuntimeName = "onnxruntime"
    precision: Precision = "fp32"
    threads: Literal[1, 2, 4] = 1
    batch: Annotated[int, Field(ge=1, le=256)] = 1


class LatencySpec(Spec):
    """What of a network's latency is meant: a target's limit, its front and its predictions are of that.

    Attributes:
        statistic: Of the inferences of a session.
        mode: Whether inferences follow each other, or have pauses between them as in most programs, in which
            they are slower.
        pause_ms: Of these pauses; goes with `mode: paced`, and only with it.
    """

    statistic: Literal["median", "p95"] = "median"
    mode: Literal["back_to_back", "paced"] = "back_to_back"
    pause_ms: Annotated[float, Field(gt=0, le=200)] | None = None

    @model_validator(mode="after")
    def _pauses_where_paced(self) -> "LatencySpec":
        if (self.mode == "paced") != (self.pause_ms is not None):
            raise ValueError("pause_ms goes with mode: paced, and only with it")
        return self

    @property
    def metric(self) -> LatencyMetric:
        """The same as who measures and predicts knows it."""
        return LatencyMetric(self.statistic, self.pause_ms or 0.0)


class TargetSpec(Spec):
    """A device, a context and the limits that hold there.

    Attributes:
        device: `host` is the machine that runs the search; else the name of a board with an agent.
        context: How it runs networks.
        latency: What is meant by `latency_ms` here.
        limits: Upper limits of costs, by name; none means that the front is not cut off. `peak_memory_bytes`
            is for working memory (SRAM) of a runtime that gives buffers back after their last use, all images
            of a batch together, `arena_bytes` for what ONNX Runtime holds of it; `file_bytes` for what the
            network is kept in (flash); `energy_mj` for all that a meter on the device sees of one inference.
    """

    device: DeviceName = HOST
    context: ContextSpec = ContextSpec()
    latency: LatencySpec = LatencySpec()
    limits: dict[CostName, Annotated[float, Field(gt=0)]] = {}


class SupernetSpec(Spec):
    """How the supernet is trained.

    Attributes:
        recipe: Which subnets a step trains.
        epochs: Passes over the training images; what fits into the budget if not given.
        flip: Whether training mirrors half of the images; not for digits or letters, which change meaning.
        learning_rate: The highest, after warm-up, of the supernet and of networks that are trained alone;
            networks that are trained on have half of it. Lower it where training diverges.
    """

    recipe: Literal["default", "progressive", "uniform", "sandwich", "extremes"] = "default"
    epochs: Annotated[int, Field(ge=1, le=100_000)] | None = None
    flip: bool = False
    # Left out where it is the usual one: what was stored before it could be given is the same specification.
    learning_rate: Annotated[float, Field(gt=0, exclude_if=lambda rate: rate == LEARNING_RATE)] = (
        LEARNING_RATE
    )


class StrategySpec(Spec):
    """How the space is searched.

    Attributes:
        strategy: In the catalogue of strategies.
        objectives: What is optimised, at least two.
        evaluations: Architectures the strategy may ask for.
    """

    strategy: Literal["nsga2", "random"] = "nsga2"
    objectives: Annotated[tuple[ObjectiveName, ...], Field(min_length=2)] = ("accuracy", "latency_ms")
    evaluations: Annotated[int, Field(ge=100, le=10_000_000)] = 20_000

    @field_validator("objectives")
    @classmethod
    def _accuracy_and_costs(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if "accuracy" not in names or len(set(names)) != len(names):
            raise ValueError("objectives are accuracy and at least one cost, each once")
        return names


class VerifySpec(Spec):
    """How much is extracted, exported, scored and measured.

    Attributes:
        candidates: Networks to verify at most, for each target.
        rounds: Of refitting predictors and searching again, at most; one that adds little is the last.
    """

    candidates: Annotated[int, Field(ge=4, le=2_000)] = 40
    rounds: Annotated[int, Field(ge=1, le=20)] = 3


class FinetuneSpec(Spec):
    """Training networks of the front on, each on its own, once the front is verified.

    Attributes:
        share: CPU-seconds spent on that, as a share of the supernet's training; 0 trains nothing on.
        points: Networks of each front that are trained on at most, its slowest among them, each for as many
            epochs.
    """

    share: Annotated[float, Field(ge=0, le=10)] = 0.0
    points: Annotated[int, Field(ge=1, le=100)] = 12


class BudgetSpec(Spec):
    """What a search may cost.

    Attributes:
        wall_minutes: Of the whole search; training takes what the other phases leave.
    """

    wall_minutes: Annotated[float, Field(gt=0, le=100_000)] = 60.0


class ExportSpec(Spec):
    """What is delivered.

    Attributes:
        formats: File formats.
        points: Networks of the front to deliver with a card.
        sustained_s: Seconds that each of them runs at a stretch, to see whether it slows down; 0 for none.
    """

    formats: Annotated[tuple[Literal["onnx"], ...], Field(min_length=1)] = ("onnx",)
    points: Annotated[int, Field(ge=1, le=100)] = 3
    sustained_s: Annotated[float, Field(ge=0, le=60)] = 0.0


class SearchSpec(Spec):
    """One search.

    Attributes:
        when_missing: A device when the search begins: `wait` for it, or `proceed` without its targets.
        references: Stock networks that are trained, verified and shown beside the front; together they get as
            many CPU-seconds of training as the supernet and the networks of the front had.
    """

    space: SpaceSpec = SpaceSpec()
    dataset: DatasetSpec
    targets: Annotated[tuple[TargetSpec, ...], Field(min_length=1, max_length=32)] = (TargetSpec(),)
    supernet: SupernetSpec = SupernetSpec()
    search: StrategySpec = StrategySpec()
    verify: VerifySpec = VerifySpec()
    finetune: FinetuneSpec = FinetuneSpec()
    budget: BudgetSpec = BudgetSpec()
    export: ExportSpec = ExportSpec()
    when_missing: WhenMissing = "wait"
    references: tuple[StockName, ...] = ()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _arenas_that_are_known(self) -> "SearchSpec":
        for target in self.targets:
            elsewhere = target.context.runtime != "onnxruntime" or target.context.batch > 1
            if "arena_bytes" in self.wanted(target) and elsewhere:
                raise ValueError("arena_bytes is that of onnxruntime for one image: take peak_memory_bytes")
        return self

    def wanted(self, target: TargetSpec) -> frozenset[str]:
        """Return the costs that a target's front is optimised for or limited in."""
        return frozenset((*self.search.objectives, *target.limits)) - {"accuracy"}

    @property
    def digest(self) -> str:
        """SHA-256 of the whole specification."""
        return sha256_json(self.model_dump(mode="json"))


class ProfileSpec(Spec):
    """A device that is to be measured for a space.

    Attributes:
        num_classes: Of the images.
        in_channels: 1 for grey images, 3 for colour.
        few_shot: So many whole networks are measured instead of a table; None for a table.
        quick: No further networks are measured to make predictions sharper.
    """

    space: SpaceSpec = SpaceSpec()
    device: DeviceName = HOST
    context: ContextSpec = ContextSpec()
    few_shot: Annotated[int, Field(ge=6, le=1_000)] | None = None
    quick: bool = False
    num_classes: Annotated[int, Field(ge=2)] = 10
    in_channels: Annotated[int, Field(ge=1, le=4)] = 3


def parse_spec(document: object) -> SearchSpec:
    """Check a specification.

    Raises:
        UsageError: `invalid_spec`, naming every field that is wrong.
    """
    try:
        return SearchSpec.model_validate(document)
    except ValidationError as error:
        raise UsageError("invalid_spec", f"the specification is wrong: {problems_of(error)}") from error


def load_spec(path: Path) -> SearchSpec:
    """Read a specification from a YAML or JSON file.

    A relative path of a data set is taken from the folder of the file.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml` or `invalid_spec`.
    """
    return parse_spec(load_document(path))

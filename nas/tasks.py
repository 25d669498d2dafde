"""What can be computed, as frozen values.

A task names files by their digest in the artifact store and everything else by plain values, so that any
process on any machine that reaches the store can run it. `nas.ports.Compute` runs tasks,
`nas.task_events` is what they say.

Nothing here needs torch.
"""

from dataclasses import dataclass

from nas.data.contents import Part
from nas.data.spec import DatasetSpec
from nas.specs import Precision, RuntimeName, SpaceSpec, StockName
from nas.task_events import StoredCheckpoint, TensorFiles
from nas.training_options import Augmentation, TrainingOptions
from search_spaces.base import Architecture


@dataclass(frozen=True, slots=True)
class Inputs:
    """Images and a space of networks for them.

    Attributes:
        dataset: Which data set; a path has to be one on every machine that runs tasks.
        dataset_digest: What `Dataset.digest` has to be there.
        space: Which space.
    """

    dataset: DatasetSpec
    dataset_digest: str
    space: SpaceSpec


@dataclass(frozen=True, slots=True)
class WholeSpace:
    """The supernet of the space."""


@dataclass(frozen=True, slots=True)
class StockNetwork:
    """A published network for the largest images of the space.

    Attributes:
        name: In the catalogue of stock networks.
    """

    name: StockName


@dataclass(frozen=True, slots=True)
class TunedSubnet:
    """One architecture of the space on its own, trained on from the weights of a supernet.

    Attributes:
        architecture: Which one.
        supernet: Weights of the whole space.
    """

    architecture: Architecture
    supernet: TensorFiles


Network = WholeSpace | StockNetwork | TunedSubnet
"""What is trained and exported. A stock network and a tuned subnet have one architecture, ()."""


@dataclass(frozen=True, slots=True)
class TrainNetwork:
    """Train a network to its end.

    Says `Resumed`, `CheckpointDamaged`, for each epoch `CheckpointKept` and `EpochDone`, in long ones
    `StepsDone`, at last `NetworkTrained`.

    Attributes:
        recipe: In the catalogue of recipes.
        options: For a tuned subnet those of a training from nothing, as in `nas.training.finetune`.
        checkpoints: Of the same run, to go on from; the newest that is sound is used.
        num_workers: Processes that share each batch. With another number the weights differ by rounding.
    """

    inputs: Inputs
    network: Network
    recipe: str
    options: TrainingOptions
    seed: int
    checkpoints: tuple[StoredCheckpoint, ...] = ()
    num_workers: int = 1


@dataclass(frozen=True, slots=True)
class ScoreSubnets:
    """Score subnets of a supernet, each with batch-norm statistics of its own. Says `SubnetScored` for each.

    Attributes:
        weights: Of the supernet.
        part: Images that are scored.
        seed: Of the choice of calibration images and of their augmentation.
        augmentation: That of training.
        num_workers: Processes at most; None for as many as it is worth.
    """

    inputs: Inputs
    weights: TensorFiles
    architectures: tuple[Architecture, ...]
    part: Part
    seed: int
    augmentation: Augmentation
    num_workers: int | None = None


@dataclass(frozen=True, slots=True)
class ExportNetworks:
    """Export networks, check each file, score it on all validation images. Says `NetworkExported` for each.

    In int8 the file is the quantised form of one that was checked and scored too.

    Attributes:
        weights: Of the network, as its training ended.
        architectures: Of the whole space; ((),) for any other network.
        seed: As in `ScoreSubnets`.
        augmentation: As in `ScoreSubnets`.
        precision: Of the files.
    """

    inputs: Inputs
    network: Network
    weights: TensorFiles
    architectures: tuple[Architecture, ...]
    seed: int
    augmentation: Augmentation
    precision: Precision = "fp32"


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """Score an exported file. Says `FileScored`.

    Attributes:
        file: Digest of the file.
        part: Images that are scored.
    """

    inputs: Inputs
    file: str
    part: Part


@dataclass(frozen=True, slots=True)
class CompareRuntimes:
    """Run an exported file with the runtime that scores and with another one. Says `RuntimesCompared`.

    Attributes:
        file: Digest of the file.
        runtime: The other one.
        num_images: Of the data set, at least, where it has so many: of its test, validation and training
            images, in that order.
    """

    inputs: Inputs
    file: str
    runtime: RuntimeName
    num_images: int


@dataclass(frozen=True, slots=True)
class ReadArena:
    """Run an exported file in ONNX Runtime and read what its arena held. Says `ArenaRead`.

    Attributes:
        file: Digest of the file.
        device: Digest of the device that it is asked of: nothing is read on another.
    """

    file: str
    device: str


@dataclass(frozen=True, slots=True)
class DecodeImages:
    """Decode and resize the images of a data set, and keep them. Says `ImagesDecoded` now and then.

    Attributes:
        resolutions: Sides in pixels.
    """

    inputs: Inputs
    resolutions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TimeSupernet:
    """Time training steps and inferences of a supernet. Says `SupernetTimed`."""

    inputs: Inputs
    recipe: str
    options: TrainingOptions
    seed: int


@dataclass(frozen=True, slots=True)
class TimeNetwork:
    """Time a training step of one network. Says `NetworkTimed`.

    Attributes:
        network: A stock network, or an architecture of the space with whatever weights.
    """

    inputs: Inputs
    network: StockNetwork | Architecture
    recipe: str
    options: TrainingOptions
    seed: int


Task = (
    TrainNetwork
    | ScoreSubnets
    | ExportNetworks
    | ScoreFile
    | CompareRuntimes
    | ReadArena
    | DecodeImages
    | TimeSupernet
    | TimeNetwork
)

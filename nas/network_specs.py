"""What is asked of one network of an earlier search, and what is kept of the answer.

A subnet goes by `JOB.NAME`: the job that verified it, a search or one that trained it on, and its name there.
"""

from typing import Annotated, Literal

from pydantic import Field

from nas.network_results import Document, VerifiedNetwork
from nas.results import SupernetSummary, TargetResult
from nas.specs import Precision, Spec

MADE = "network"
"""Name of the document in which a job keeps the network that it made."""

SubnetId = Annotated[str, Field(min_length=3, max_length=200, pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")]
TargetNumber = Annotated[int, Field(ge=1, le=1_000)]
OfTarget = Annotated[TargetNumber | None, Field(exclude_if=lambda number: number in (None, 1))]
"""Left out where it is the first: what was asked for before there was a choice is the same job."""


class FileSpec(Spec):
    """A file of a subnet.

    Attributes:
        format: Of the file.
        precision: Its arithmetic; that of the file which the search has verified if not given.
    """

    format: Literal["onnx"] = "onnx"
    precision: Precision | None = None


class TuneSpec(Spec):
    """Training a subnet on, on its own.

    Attributes:
        epochs: Passes over the training images.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 20


class FileJobSpec(FileSpec):
    """The job that makes a file.

    Attributes:
        target: Of the search, counted from 1: as it has verified the subnet. None for the first that has.
    """

    subnet: SubnetId
    target: OfTarget = None


class TuneJobSpec(TuneSpec):
    """The job that trains a subnet on.

    Attributes:
        target: As of the job that makes a file.
    """

    subnet: SubnetId
    target: OfTarget = None


class MadeNetwork(Document):
    """A network that a job has made of one of a search.

    Attributes:
        search: That it comes from.
        number: Index of its target there.
        target: The device that it was measured on; its only network is this one.
        why: It was made, in words.
        tensors: Digest of weights of its own, and
        manifest: of the document that seals them; empty where they are those of the search.
    """

    search: str
    number: int
    target: TargetResult
    network: VerifiedNetwork
    why: str
    supernet: SupernetSummary
    versions: dict[str, str]
    tensors: str = ""
    manifest: str = ""

"""Which graph does a runtime run? Small pairs of graphs find out, by how long they take.

Tables count what runs. A runtime that runs branches whose result nobody reads would be slower than the sum of
a network's live layers says; one that does not fuse would pay for every batch norm and activation by itself.
So the first time that a runtime is used on a device, these graphs are measured beside the layers, and what
they tell is kept with the table.

The files are part of the package, in each precision, the same everywhere; a test rebuilds them to the byte.
Fusion is told by the test of nn-Meter (Zhang et al., MobiSys 2021): two operations are fused where together
they save more than half of the smaller one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from latency_predictors.protocol import SessionResult, Subject, WireModel
from latency_predictors.spread import combine_sessions

_FOLDER = Path(__file__).parent / "probe_graphs"
_SLOWER = 1.5
"""A second convolution like the first doubles the time where it runs, and else changes it little."""

_SAVED = 0.5


class RuntimeGraph(WireModel):
    """How a runtime changes the graphs that it is given.

    Attributes:
        drops_dead_branches: Whether what no output depends on is left out.
        skips_zeros: Whether a convolution of nothing but zeros is left out; networks with a cell have some.
        fuses_norm_and_activation: Whether a convolution takes in the batch norm and activation after it.
        probes_ms: What was measured, by the name of the graph; empty where the runtime told it itself.
        precision: Of the probes. int8 contexts were once probed in fp32.
    """

    drops_dead_branches: bool
    skips_zeros: bool
    fuses_norm_and_activation: bool
    probes_ms: dict[str, float] = Field(default_factory=dict)
    precision: Annotated[str, Field(exclude_if=lambda known: known == "fp32")] = "fp32"

    def same_as(self, other: "RuntimeGraph") -> bool:
        """Return whether two versions of a runtime change graphs alike, however long the probes took."""
        return self.model_copy(update={"probes_ms": {}}) == other.model_copy(update={"probes_ms": {}})

    @property
    def label(self) -> str:
        """One line for people."""
        dead = "drops" if self.drops_dead_branches else "runs"
        zeros = "skips" if self.skips_zeros else "runs"
        fuses = "fuses" if self.fuses_norm_and_activation else "does not fuse"
        return (
            f"{dead} dead branches, {zeros} convolutions of zeros, "
            f"{fuses} batch norm and activation into convolutions"
        )


def probe_subjects(file_format: str, precision: str) -> tuple[Subject, ...]:
    """Return the probes in a file format and a precision; none where the package has none."""
    paths = sorted((_FOLDER / precision).glob(f"*.{file_format}"))
    return tuple(Subject(digest=hashlib.sha256(path.read_bytes()).hexdigest(), path=path) for path in paths)


def graph_by_timing(sessions: Sequence[SessionResult], probes: Sequence[Subject]) -> RuntimeGraph | None:
    """Return what measured probes tell; None where one of them was not measured.

    Args:
        sessions: In one context; results of anything else are passed over.
        probes: As `probe_subjects` has them.
    """
    measured = combine_sessions(sessions)
    if not probes or not all(probe.digest in measured for probe in probes):
        return None
    ms = {probe.path.stem: measured[probe.digest].median_ms for probe in probes}
    saved = ms["convolution"] + ms["norm_act"] - ms["convolution_norm_act"]
    return RuntimeGraph(
        drops_dead_branches=ms["dead_branch"] < _SLOWER * ms["chain"],
        skips_zeros=ms["zero_branch"] < _SLOWER * ms["chain"],
        fuses_norm_and_activation=saved > _SAVED * min(ms["convolution"], ms["norm_act"]),
        probes_ms=ms,
        precision=sessions[0].context.precision,
    )


def graph_by_kernels(kernels: Mapping[str, Sequence[str]]) -> RuntimeGraph:
    """Return what the runtime's own account of its graphs tells.

    Args:
        kernels: By the name of a probe, the kinds of the kernels that run.
    """

    def convolutions(name: str) -> int:
        return sum("conv" in kind.lower() for kind in kernels[name])

    return RuntimeGraph(
        drops_dead_branches=convolutions("dead_branch") == convolutions("chain"),
        skips_zeros=convolutions("zero_branch") == convolutions("chain"),
        fuses_norm_and_activation=len(kernels["convolution_norm_act"]) == len(kernels["convolution"]),
    )

"""One whole network that a correction is fitted on."""

from typing import Annotated, Self

from pydantic import Field

from latency_predictors.protocol import KernelCounts, WireModel


class CalibrationPoint(WireModel):
    """One whole network that was measured, beside what the table says of its layers.

    Attributes:
        digest: Of the network.
        sum_ms: Sum of its layers' entries.
        num_layers: Number of its layers.
        num_macs: Its multiply-accumulates.
        measured_ms: Median over sessions.
        rel_sd: Spread between sessions, as a share.
        boundary_mib: Mebibytes of activations into and out of its layers; 0 where that is not known.
        touched_mib: Those of all images of an inference, and its weights, in fp32; 0 where that is not known.
        layer_ms: What each layer adds to the sum, by `share_key`; empty in points of earlier versions.
        spread_ms: How far the sum may be off because of its entries (see `layer_costs`).
        predicted_ms: Ends of the interval that a search believed in before the network was verified; None
            for networks that were chosen to calibrate with.
        suspect: Whether its sessions contradict each other, or the device was disturbed wherever they agree.
        architecture: Its option indices, so that its sum can be taken again when entries have changed; empty
            in points of earlier versions.
        session_ids: The sessions that `measured_ms` is made of; empty in points of earlier versions, as is
        measured_at: when the newest of them began, UTC.
        kernels: What ran it, as the runtime tells; empty where it was not asked.
    """

    digest: str
    sum_ms: float
    num_layers: int
    num_macs: int
    measured_ms: float
    rel_sd: float
    boundary_mib: float = 0.0
    touched_mib: float = 0.0
    layer_ms: dict[str, float] = Field(default_factory=dict, exclude_if=lambda parts: not parts)
    spread_ms: float = 0.0
    predicted_ms: tuple[float, float] | None = None
    suspect: bool = False
    architecture: Annotated[tuple[int, ...], Field(exclude_if=lambda options: not options)] = ()
    session_ids: Annotated[tuple[str, ...], Field(exclude_if=lambda ids: not ids)] = ()
    measured_at: Annotated[str, Field(exclude_if=lambda text: not text)] = ""
    kernels: KernelCounts = Field(default_factory=dict, exclude_if=lambda counts: not counts)

    def found_in(self, session_ids: tuple[str, ...], measured_at: str) -> Self:
        """Return the same with the sessions that it was measured in, and when the newest of them began."""
        return self.model_copy(update={"session_ids": session_ids, "measured_at": measured_at})

    @property
    def as_predicted(self) -> bool:
        """Whether it was measured inside the interval that was predicted before."""
        return self.predicted_ms is not None and (
            self.predicted_ms[0] <= self.measured_ms <= self.predicted_ms[1]
        )

    def replacing(self, known: "CalibrationPoint") -> "CalibrationPoint":
        """Return the network measured once more, with what of its first time stays.

        What was predicted of it the second time has seen the first: the first prediction stays. So do its
        kernels where nobody asked again: other weights are run by the same ones.
        """
        kept = {"predicted_ms": known.predicted_ms, "kernels": self.kernels or known.kernels}
        return self.model_copy(update=kept)

    def beside(self, there: "CalibrationPoint") -> "CalibrationPoint":
        """Return what counts of the network where somebody else published it meanwhile, with what stays.

        A calm measurement counts before a suspect one, then the later one, then that of more sessions; this
        one where they are equal. The prediction of the published one stays, as in `replacing`, and kernels
        that either of them knows.
        """
        counts, other = (there, self) if there._standing > self._standing else (self, there)
        kept = {"predicted_ms": there.predicted_ms, "kernels": counts.kernels or other.kernels}
        return counts.model_copy(update=kept)

    @property
    def _standing(self) -> tuple[bool, str, int]:
        return not self.suspect, self.measured_at, len(self.session_ids)

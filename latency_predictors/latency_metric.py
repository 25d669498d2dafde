"""What of a network's latency is meant: which statistic, of inferences in which rhythm.

Layers are always measured as medians of runs that follow each other. A network's 95th percentile, or its
median where calls have pauses, is measured on whole networks, and the sum of its layers is corrected for it.
"""

from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from latency_predictors.clock import NS_PER_MS, NS_PER_S
from latency_predictors.device import ExecutionContext
from latency_predictors.measure import NETWORK_PROTOCOL, TAIL_PROTOCOL, TimingProtocol
from search_spaces.digests import sha256_json

Statistic = Literal["median", "p95"]

_MS_PER_S = NS_PER_S / NS_PER_MS

# Pauses are long beside runs: fewer runs are afforded, and the interval of the median may be wider for it.
_PACED_BLOCKS: dict[Statistic, int] = {"median": 60, "p95": 200}
_PACED_INTERVAL = 0.02
_PACED_WARM_UPS = 20


@dataclass(frozen=True)
class LatencyMetric:
    """One way to say how long a network takes.

    Attributes:
        statistic: Of the runs of a session.
        pause_ms: Rest before each run; 0 where they follow each other.
    """

    statistic: Statistic = "median"
    pause_ms: float = 0.0

    @property
    def timing(self) -> TimingProtocol:
        """How whole networks are timed for it."""
        base = TAIL_PROTOCOL if self.statistic == "p95" else NETWORK_PROTOCOL
        if not self.pause_ms:
            return base
        pause_s, num_blocks = self.pause_ms / _MS_PER_S, _PACED_BLOCKS[self.statistic]
        return replace(
            base,
            warm_up_ceiling_s=base.warm_up_ceiling_s + _PACED_WARM_UPS * pause_s,
            min_blocks=num_blocks,
            min_duration_s=0.0,
            interval=_PACED_INTERVAL,
            ceiling_s=base.ceiling_s + 2 * num_blocks * pause_s,
            undisturbed=False,
        )

    def context(self, layers: ExecutionContext) -> ExecutionContext:
        """Return the context in which networks are measured, given that of the layers."""
        return replace(layers, pause_ms=self.pause_ms)

    def correction_key(self, space_digest: str) -> str:
        """Return what a table keeps the correction of a space under: the space's digest for plain medians."""
        if self == PLAIN:
            return space_digest
        return sha256_json({"space": space_digest, **asdict(self)})

    @property
    def label(self) -> str:
        """For people: `median`, or `p95 with pauses of 20 ms`."""
        return f"{self.statistic} with pauses of {self.pause_ms:g} ms" if self.pause_ms else self.statistic


PLAIN: Final = LatencyMetric()
"""The median of inferences that follow each other."""

"""What comes of very many requests."""

from collections import Counter
from dataclasses import dataclass, field

from tests.api.asgi import Sent


@dataclass
class Found:
    """What came of requests.

    Attributes:
        statuses: How often each was answered.
        succeeded: Names of the operations that were answered with success at least once.
        failures: What contradicts the contract, each with its request.
        good: Requests that succeeded, where they are kept.
        seconds: That the answers of each operation took.
        slowest_s: Longest answer.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    succeeded: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    good: list[Sent] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    @property
    def count(self) -> int:
        """How many there were."""
        return self.statuses.total()

    def note(self, operation: str, status: int, seconds: float) -> None:
        """Enter an answer."""
        self.statuses[status] += 1
        self.seconds[operation] += seconds  # type: ignore[assignment]
        self.slowest_s = max(self.slowest_s, seconds)
        if status < 400:
            self.succeeded.add(operation)

    def add(self, other: "Found") -> None:
        """Enter what came of others."""
        self.statuses += other.statuses
        self.succeeded |= other.succeeded
        self.failures += other.failures
        self.seconds += other.seconds
        self.slowest_s = max(self.slowest_s, other.slowest_s)

"""Progress of a search inside a benchmark: its phases on standard error, nothing more."""

import sys
from typing import Any


class Quiet:
    """Says what is worth a line."""

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        """Say nothing."""

    def say(self, message: str) -> None:
        """Say it on standard error."""
        print(f"  {message}", file=sys.stderr, flush=True)

    def figures(self, kind: str, **values: Any) -> None:
        """Say nothing."""

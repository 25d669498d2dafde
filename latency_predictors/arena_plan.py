"""How ONNX Runtime places the tensors of a graph in memory, given its kernels in order.

It keeps a buffer aside for a later tensor of the same shape, and from the second inference on places all
buffers in one region once and for all, which leaves gaps (ONNX Runtime 1.31,
`core/framework/allocation_planner.cc` and `mem_pattern_planner.h`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from search_spaces.operations import Shape, num_values

FLOAT_BYTES: Final = 4
_ALIGNMENT: Final = 256
"""Of every buffer in the region."""


@dataclass(eq=False)
class Value:
    """A tensor of the graph that the runtime runs.

    Attributes:
        step: That writes it; None for the image, which is the caller's.
        shape: Without padding.
        blocked: Whether its channels are padded, as convolutions leave them.
    """

    step: int | None
    shape: Shape
    blocked: bool = False


@dataclass
class Step:
    """One kernel.

    Attributes:
        reads: Steps whose tensors it reads.
        shape: It writes, padded.
        onto: Step whose tensor it may write over, where nobody else needs that.
        value_bytes: Of one value that it writes.
    """

    reads: tuple[int, ...]
    shape: Shape
    onto: int | None = None
    value_bytes: int = FLOAT_BYTES

    @property
    def tensor(self) -> tuple[Shape, int]:
        """What a buffer has to have been made for to be taken again."""
        return self.shape, self.value_bytes


@dataclass
class _Buffer:
    """Memory for one tensor after the other.

    Attributes:
        first: Step that it is needed from.
        last: Step that it is needed to.
    """

    num_bytes: int
    first: int
    last: int


@dataclass
class Graph:
    """Kernels in order."""

    steps: list[Step] = field(default_factory=list)

    def append(self, step: Step) -> int:
        """Append a kernel; return its number."""
        self.steps.append(step)
        return len(self.steps) - 1

    def region_bytes(self) -> int:
        """Return what all tensors but the last, which is the caller's, take from the second inference on."""
        return _region_bytes(self._planned())

    def _planned(self) -> list[_Buffer]:
        """Return the buffers of all tensors but the last, which is the caller's."""
        readers = [0] * len(self.steps)
        for step in self.steps:
            for read in step.reads:
                readers[read] += 1
        waiting: dict[int, int] = {}
        buffers: list[_Buffer] = []
        holds: list[int] = []
        free: list[tuple[tuple[Shape, int], int]] = []
        for number, step in enumerate(self.steps):
            holds.append(self._buffer_for(number, step, holds, waiting, buffers, free))
            waiting[holds[number]] = waiting.get(holds[number], 0) + readers[number]
            for read in step.reads:
                held = holds[read]
                buffers[held].last = number
                waiting[held] -= 1
                if waiting[held] == 0:
                    free.insert(0, (self.steps[read].tensor, held))
        return [buffer for buffer in buffers if buffer.first < len(self.steps) - 1]

    def _buffer_for(
        self,
        number: int,
        step: Step,
        holds: list[int],
        waiting: Mapping[int, int],
        buffers: list[_Buffer],
        free: list[tuple[tuple[Shape, int], int]],
    ) -> int:
        """Return where a kernel writes: over what it reads, into a free buffer of that shape, or anew."""
        if step.onto is not None and waiting[holds[step.onto]] == 1:
            return holds[step.onto]
        for place, (tensor, buffer) in enumerate(free):
            if tensor == step.tensor and number < len(self.steps) - 1:
                del free[place]
                return buffer
        buffers.append(_Buffer(step.value_bytes * num_values(step.shape), number, number))
        return len(buffers) - 1


def _region_bytes(buffers: Sequence[_Buffer]) -> int:
    """Place buffers one after the other where they fit best, as the runtime does; return what they take."""
    placed: list[tuple[int, int, int]] = []
    total = 0
    for buffer in sorted(buffers, key=lambda buffer: buffer.first):
        placed = [one for one in placed if one[2] >= buffer.first]
        size = -(-buffer.num_bytes // _ALIGNMENT) * _ALIGNMENT
        gaps, end = [], 0
        for offset, length, _ in sorted(placed):
            gaps.append((offset - end, end))
            end = max(end, offset + length)
        gaps.append((total - end, end))
        fitting = [gap for gap in gaps if gap[0] >= size]
        offset = min(fitting, key=lambda gap: gap[0])[1] if fitting else end
        total = max(total, offset + size)
        placed.append((offset, size, buffer.last))
    return total

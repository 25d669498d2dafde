"""Whether somebody else slows this core down just now: a fixed computation, timed between blocks. Pure.

The other thread of a virtual machine's core may be somebody else's. While that one works, ours takes half as
long again or twice as long, for milliseconds or for seconds, and no counter of ours shows it. A computation
that is always the same tells within microseconds; what was timed between two looks at it counts where both
found the core to itself. Timing against a reference that runs beside it is what duet benchmarking does (Bulej
et al. 2020); here the reference decides what counts, and corrects nothing.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

from latency_predictors.clock import NS_PER_S, check_clock

WORK: Final[Callable[[], object]] = partial(sum, range(700))
"""Some 10 to 50 microseconds of one core, and next to nothing of its caches."""

_STEADY = 5  # looks whose median is a level: one alone may be a lucky one
_REMEMBERED = 200
_WARM_AGAIN = 2  # runs after waiting, which leaves caches cold
_ENOUGH = 10  # blocks that tell a median, where waiting for more takes too long


@dataclass(frozen=True)
class WatchRules:
    """When a core counts as slowed down, and how long that is waited out.

    Attributes:
        slow_above: A look that takes longer than the fastest level by more than this share.
        window_s: Time between two looks, and twelve times that of a look; a block may be longer. Whoever
            comes for a fraction of a millisecond passes between looks that are further apart.
        long_s: Blocks longer than this all count: what happened during one, looks at its ends do not tell.
            They count as disturbed if
        max_slow: more than this share of the looks were slow.
        learn_s: Looks at the start of a process that find the level.
        file_s: Seconds that one file may lose before it is measured slow or not. What is measured slow is
            thrown away as soon as the core is fast again: waiting for some seconds is cheaper.
        process_s: Seconds that are lost in all, before nothing is waited for any more: blocks of any length
            all count then, as long ones do.
        share: Of the time that a subject needs, once as much was lost with waiting.
    """

    slow_above: float = 0.25
    window_s: float = 0.00012
    long_s: float = 0.01
    max_slow: float = 0.05
    learn_s: float = 0.05
    file_s: float = 10.0
    process_s: float = 90.0
    share: float = 0.25


class CoreWatch:
    """Looks at the core; knows how fast it is when it has it to itself."""

    def __init__(
        self, clock: Callable[[], int], work: Callable[[], object], rules: WatchRules | None = None
    ) -> None:
        """Learn how fast the core is.

        Args:
            clock: Monotonic time in nanoseconds.
            work: The fixed computation; `WORK` on a real core.
            rules: When to wait, and for how long.
        """
        self.rules = rules or WatchRules()
        self.level_ns = float("inf")
        """What a look takes on the undisturbed core."""
        self._clock = clock
        self._work = work
        self._recent: deque[int] = deque(maxlen=_REMEMBERED)
        self._after_blocks: deque[int] = deque(maxlen=_STEADY)
        self._lost_ns = 0
        begin = clock()
        while len(self._recent) < _STEADY or clock() - begin < self.rules.learn_s * NS_PER_S:
            self.look()

    @property
    def window_ns(self) -> float:
        """Time between two looks."""
        return max(self.rules.window_s * NS_PER_S, 12 * self.level_ns)

    @property
    def hopeless(self) -> bool:
        """Whether the session has waited long enough."""
        return self._lost_ns >= self.rules.process_s * NS_PER_S

    def look(self) -> int:
        """Return how long the fixed computation takes now, in nanoseconds."""
        begin = self._clock()
        self._work()
        took_ns = self._clock() - begin
        check_clock(took_ns, min(self.level_ns, NS_PER_S))
        self._recent.append(took_ns)
        if took_ns < self.level_ns and len(self._recent) >= _STEADY:
            self.level_ns = min(self.level_ns, median(list(self._recent)[-_STEADY:]))
        return took_ns

    def look_back(self) -> int:
        """Return how long it takes after a block, the faster of two looks if one is slow (cold caches)."""
        took_ns = self.look()
        if self.slow(took_ns):
            took_ns = min(took_ns, self.look())
        self._after_blocks.append(took_ns)
        return took_ns

    def slow(self, took_ns: float) -> bool:
        """Whether a look says that somebody else is at work on the core."""
        return took_ns > (1 + self.rules.slow_above) * self.level_ns

    def lose(self, ns: int) -> None:
        """Note time that was lost with waiting, or with what does not count."""
        self._lost_ns += ns

    def give_in(self) -> None:
        """Take it that the core has become as slow as it is now; should it be fast again, that is seen."""
        self.level_ns = max(self.level_ns, median(self._recent), median(self._after_blocks))


@dataclass(frozen=True)
class _Window:
    """Blocks between two looks.

    Attributes:
        blocks_ns: What each took.
        total_ns: All of them, with what was paused.
        look_ns: The slower of the two looks.
    """

    blocks_ns: tuple[int, ...]
    total_ns: int
    look_ns: int


class QuietBlocks:
    """The blocks of one measurement that count. Without a watch all of them do.

    Attributes:
        lost_ns: Time that went by with waiting, and with what does not count.
    """

    def __init__(
        self,
        run_once: Callable[[], None],
        clock: Callable[[], int],
        core: CoreWatch | None,
        needs_s: float,
        block_ns: float,
    ) -> None:
        """Begin.

        Args:
            run_once: Runs the subject, to warm it up again after waiting.
            clock: Monotonic time in nanoseconds.
            core: Watches it; None where nothing is waited for.
            needs_s: Seconds of blocks, at least.
            block_ns: What one takes, about.
        """
        self.lost_ns = 0
        self._run_once = run_once
        self._clock = clock
        self._gave_in = False
        self._num_looks = self._num_slow = 0
        self._core = core
        self._needs_ns = needs_s * NS_PER_S
        self._kept: list[_Window] = []
        self._num_kept = 0
        self.total_ns = 0
        """What the blocks that count took together, with pauses."""
        self._level_ns = 0.0
        self._all_count = core is not None and (core.hopeless or block_ns > core.rules.long_s * NS_PER_S)
        self._begin()

    def __len__(self) -> int:
        return self._num_kept

    @property
    def disturbed(self) -> bool:
        """Whether the core was waited for in vain, or all blocks count and it was slow now and then."""
        core = self._core
        return self._gave_in or (core is not None and self._num_slow > core.rules.max_slow * self._num_looks)

    @property
    def times_ns(self) -> list[int]:
        """What each block took that counts."""
        return [block for window in self._kept for block in window.blocks_ns]

    @property
    def long_enough(self) -> bool:
        """Whether what counts took as long as is needed; less will do where that had to be waited for."""
        waited = self.lost_ns > self._needs_ns
        return self.total_ns >= self._needs_ns * (self._core.rules.share if self._core and waited else 1.0)

    @property
    def impatient(self) -> bool:
        """Whether too much time was lost to go on, and enough is there to stop."""
        return self._out_of_patience and self._enough

    def add(self, block_ns: int, total_ns: int) -> bool:
        """Take in a block; return whether a window has ended, and with it what counts may have changed."""
        self._blocks_ns.append(block_ns)
        self._paused_too_ns += total_ns
        if self._core is None:
            self._keep(0, 0)
            return True
        if self._clock() - self._began_ns < self._core.window_ns:
            return False
        after_ns = self._core.look_back()
        slower_ns = max(self._before_ns, after_ns)
        if self._all_count:
            self._num_looks += 1
            self._num_slow += self._core.slow(slower_ns)
            self._keep(slower_ns, after_ns)
            return True
        if self._core.slow(slower_ns):
            self._wait(self._core)
        else:
            self._keep(slower_ns, after_ns)
        self._forget_slower()
        return True

    @property
    def _enough(self) -> bool:
        return len(self) >= _ENOUGH and self.long_enough

    @property
    def _out_of_patience(self) -> bool:
        return self._core is not None and self.lost_ns > self._core.rules.file_s * NS_PER_S

    def _begin(self) -> None:
        """Open a window with a look."""
        self._open(self._core.look_back() if self._core else 0)

    def _forget_slower(self) -> None:
        """Drop what counted while the core was taken to be slower than it is."""
        if self._core and self._core.level_ns < self._level_ns:
            slow = self._core.slow
            self._count([window for window in self._kept if not slow(window.look_ns)])
        self._level_ns = self._core.level_ns if self._core else 0.0

    def _open(self, before_ns: int) -> None:
        self._blocks_ns: list[int] = []
        self._paused_too_ns = 0
        self._before_ns = before_ns
        self._began_ns = self._clock()

    def _keep(self, slower_ns: int, after_ns: int) -> None:
        window = _Window(tuple(self._blocks_ns), self._paused_too_ns, slower_ns)
        self._kept.append(window)
        self._num_kept += len(window.blocks_ns)
        self.total_ns += window.total_ns
        self._open(after_ns)

    def _count(self, windows: list[_Window]) -> None:
        """Have these count, and no others."""
        self._kept = windows
        self._num_kept = sum(len(window.blocks_ns) for window in windows)
        self.total_ns = sum(window.total_ns for window in windows)

    def _wait(self, core: CoreWatch) -> None:
        """Drop the window, and wait until the core is undisturbed or patience ends."""
        before_ns = self.lost_ns
        begin = self._began_ns
        while True:
            took_ns = core.look()
            now = self._clock()
            self.lost_ns += now - begin
            begin = now
            if not core.slow(took_ns) or self._out_of_patience:
                break
        core.lose(self.lost_ns - before_ns)
        if self._out_of_patience and not self._enough:
            core.give_in()
            self._core, self._gave_in = None, True
            self._count([])
        for _ in range(_WARM_AGAIN):
            self._run_once()
        self._begin()

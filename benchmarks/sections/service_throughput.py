"""An authenticated GET of a search against a bare application on the same server settings, interleaved."""

import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, spread
from benchmarks.load import closed_loop, open_loop
from benchmarks.sections.lab import settings_of
from benchmarks.served import bare, service
from benchmarks.service_store import fill_small

PAIRS: Final = 7
SHARE: Final = 0.1
"""Of the bare application's most, for latency."""

BARE_PORT: Final = 18_265


def run(home: Path, quick: bool) -> list[Figure]:
    """Measure throughput, then latency at a tenth of what the bare application can do."""
    settings = settings_of(home / "throughput").model_copy(update={"requests_per_s": 1_000_000})
    key, search = fill_small(settings)
    seconds, pairs = (1.0, 2) if quick else (4.0, PAIRS)
    server_core, own_core = _cores()
    os.sched_setaffinity(0, {own_core})
    with ExitStack() as opened:
        ours = opened.enter_context(service(settings, [server_core])) + f"/v1/searches/{search}"
        theirs = opened.enter_context(bare(BARE_PORT, [server_core])) + f"/v1/searches/{search}"
        for url in (ours, theirs):
            closed_loop(url, key, 1.0)
        rates = [
            (closed_loop(theirs, "", seconds).per_s, closed_loop(ours, key, seconds).per_s)
            for _ in range(pairs)
        ]
        most = statistics.median(one for one, _ in rates)
        tails = []
        for _ in range(pairs):
            pair = [
                open_loop(url, sent, 2 * seconds, SHARE * most) for url, sent in ((theirs, ""), (ours, key))
            ]
            assert all(set(one.statuses) == {200} for one in pair), pair
            tails.append((pair[0].percentile_ms(0.99), pair[1].percentile_ms(0.99)))
    os.sched_setaffinity(0, {server_core, own_core})
    return _figures(rates, tails, most)


def _cores() -> tuple[int, int]:
    """Return a processor for the server and one for whoever asks."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("  one processor only: server and generator share it", file=sys.stderr)
    return cores[0], cores[-1]


def _figures(rates: list[tuple[float, float]], tails: list[tuple[float, float]], most: float) -> list[Figure]:
    shares = [ours / theirs for theirs, ours in rates]
    factors = [ours / theirs for theirs, ours in tails]
    detail = f"{spread(shares)}; bare {most:.0f}/s, service {statistics.median(r for _, r in rates):.0f}/s"
    bare_ms, own_ms = (statistics.median(pair[n] for pair in tails) for n in (0, 1))
    tail = f"{spread(factors)}; bare {bare_ms:.2f} ms, service {own_ms:.2f} ms at {SHARE * most:.0f}/s"
    return [
        Figure(
            "GET of a search, throughput to a bare application's",
            statistics.median(shares),
            "x",
            ">=",
            0.45,
            detail,
        ),
        Figure(
            "GET of a search, p99 to a bare application's", statistics.median(factors), "x", "<=", 3.0, tail
        ),
    ]

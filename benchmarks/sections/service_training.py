"""An authenticated GET while all processors train at low priority, as workers do, against an idle one."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, spread
from benchmarks.load import closed_loop, open_loop
from benchmarks.sections.lab import settings_of
from benchmarks.served import service
from benchmarks.service_store import fill_small

PAIRS: Final = 5
PER_S: Final = 100.0

_TRAIN: Final = """
import os, sys
os.nice(15)
import torch
torch.set_num_threads(1)
network = torch.nn.Sequential(torch.nn.Conv2d(8, 32, 3), torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3))
optimiser = torch.optim.SGD(network.parameters(), lr=1e-6)
images = torch.rand(16, 8, 32, 32)
print("training", flush=True)
while True:
    optimiser.zero_grad()
    network(images).square().mean().backward()
    optimiser.step()
"""


def run(home: Path, quick: bool) -> list[Figure]:
    """Ask at a steady rate, idle and beside training in turn."""
    settings = settings_of(home / "training").model_copy(update={"requests_per_s": 1_000_000})
    key, search = fill_small(settings)
    seconds, pairs = (3.0, 2) if quick else (15.0, PAIRS)
    found = []
    with service(settings) as address:
        url = f"{address}/v1/searches/{search}"
        closed_loop(url, key, 2.0)
        for _ in range(pairs):
            idle = open_loop(url, key, seconds, PER_S).percentile_ms(0.99)
            with _training(os.cpu_count() or 1):
                found.append((idle, open_loop(url, key, seconds, PER_S).percentile_ms(0.99)))
    factors = [busy / idle for idle, busy in found]
    idle_ms, busy_ms = (statistics.median(pair[n] for pair in found) for n in (0, 1))
    detail = f"{spread(factors)}; idle {idle_ms:.2f} ms, training {busy_ms:.2f} ms at {PER_S:g}/s"
    return [Figure("GET p99 while all processors train", statistics.median(factors), "x", "<=", 2.0, detail)]


@contextmanager
def _training(count: int) -> Iterator[None]:
    """Train in so many processes until the end."""
    command = [sys.executable, "-c", _TRAIN]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

"""How many architectures a second the cost predictor answers for, on one core."""

import statistics
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure, spread
from benchmarks.sections.measured_networks import demo_space
from latency_predictors.correction import Correction, Hull
from latency_predictors.device import Device, ExecutionContext
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.memory import peak_memory_of
from latency_predictors.predictor import MultiTargetPredictor
from latency_predictors.table_entry import Entry, SessionValue
from search_spaces.sampling import random_architectures
from search_spaces.slot_tables import distinct_layers

NUM_TARGETS: Final = 4
_RUNS: Final = 7


def run(home: Path, quick: bool) -> list[Figure]:
    """Time point, lower and upper end for four targets, and peak memory, of a million architectures."""
    space = demo_space()
    rng = np.random.default_rng(0)
    archs = random_architectures(space, 100_000 if quick else 1_000_000, rng)
    targets = {f"target {number}": _target(number) for number in range(NUM_TARGETS)}
    predictor, memory = MultiTargetPredictor(space, targets), peak_memory_of(space)
    rates = []
    for _ in range(_RUNS):
        started = time.process_time()
        predictor.predict(archs)
        memory(archs)
        rates.append(len(archs) / (time.process_time() - started))
    name = "architectures a second: point, lower, upper for 4 targets, and memory"
    return [Figure(name, statistics.median(rates), "/s", ">=", 1e6, spread(rates))]


def _target(number: int) -> tuple[LookupTable, Correction]:
    """Return a table with made-up entries: what is timed does not depend on their values."""
    rng = np.random.default_rng(number)
    entries = {}
    for spec in distinct_layers(demo_space()):
        value = float(rng.uniform(0.01, 0.1))
        session = SessionValue(session_id="made-up", measured_at="", median_ms=value, suspect=False)
        entries[layer_key(spec)] = Entry(
            signature=spec.signature(), values=(session,), median_ms=value, rel_sd=0.01
        )
    device = Device("made up", (), 1, 1, "none", "none")
    table = LookupTable(device=device, context=ExecutionContext("none", str(number)), entries=entries)
    hull = Hull(min_sum_ms=0.2, max_sum_ms=1.0, min_layers=7, max_layers=12, max_spread=0.002)
    correction = Correction(
        terms=("a", "b", "c"),
        a=0.9,
        b=0.01,
        c=0.002,
        level=0.9,
        half_width=0.05,
        hull=hull,
        floor_ms=0.01,
        kind="table",
    )
    return table, correction

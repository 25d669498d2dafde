"""How long a table of `tiny` takes on this host, and whether one of another day says the same."""

import math
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from benchmarks.figures import Figure
from benchmarks.sections.lab import open_profile, profiled, sessions_anew
from benchmarks.sections.measured_networks import demo_space
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import LAYER_PROTOCOL
from nas.export.onnx import export_layer
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.specs import ContextSpec
from search_spaces.atomic import write_atomically
from search_spaces.slot_tables import distinct_layers


class Timed(BaseModel):
    """A table that was made on a day, as a search makes it (`quick`) and with a third session (`full`)."""

    quick_s: float
    full_s: float | None
    table: LookupTable


def run(home: Path, quick: bool) -> list[Figure]:
    """Make today's table in a fresh home, if it is not there; compare it with the oldest of another day.

    That is one of the same device and context. Without one the comparison is missed: it takes two days and
    the same `--home`.
    """
    folder = home / "table_time"
    path = folder / f"{datetime.now(UTC).date().isoformat()}.json"
    today = Timed.model_validate_json(path.read_bytes()) if path.exists() else None
    if today is None or (today.full_s is None and not quick):
        today = _make(home, quick)
        write_atomically(path, today.model_dump_json().encode())
    counts = f"{len(today.table.entries)} layers, two sessions each, and {NUM_CALIBRATION} networks"
    figures = [Figure("table of tiny, quick", today.quick_s, "s", "<=", 90.0, counts)]
    if today.full_s is not None:
        told = "and a third session of every layer"
        figures.append(Figure("table of tiny, full", today.full_s / 60, "min", "<=", 10.0, told))
    return [*figures, *([] if quick else [_compared(folder, path.stem, today.table)])]


def _make(home: Path, quick: bool) -> Timed:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fresh-", dir=home) as fresh:
        table = profiled(open_profile(Path(fresh), demo_space()), ContextSpec(), quick=True)
        quick_s = time.perf_counter() - started
        if quick:
            return Timed(quick_s=quick_s, full_s=None, table=table)
        layers, files = distinct_layers(demo_space()), {}
        for spec in layers:
            files[layer_key(spec)] = Path(fresh) / f"{layer_key(spec)}.onnx"
            files[layer_key(spec)].write_bytes(export_layer(spec))
        table = table.merged(layers, sessions_anew(table, files, LAYER_PROTOCOL, 1))
    return Timed(quick_s=quick_s, full_s=time.perf_counter() - started, table=table)


def _compared(folder: Path, day: str, table: LookupTable) -> Figure:
    """Hold a table against the oldest of another day."""
    for path in sorted(folder.glob("*.json")):
        before = Timed.model_validate_json(path.read_bytes()).table
        if path.stem == day or (before.device, before.context) != (table.device, table.context):
            continue
        common = sorted(before.entries.keys() & table.entries.keys())
        ratios = np.array([table.entries[key].median_ms / before.entries[key].median_ms for key in common])
        return _difference(100 * float(np.median(np.abs(ratios - 1))), f"{path.stem}, {len(common)} layers")
    return _difference(math.nan, "none is there yet: run this again on another day, with the same --home")


def _difference(percent: float, detail: str) -> Figure:
    return Figure("median difference of entries to a table of another day", percent, "%", "<=", 2.0, detail)

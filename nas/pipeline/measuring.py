"""Measuring files on this host: layers for tables, networks for calibration and verification alike."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from latency_predictors.lookup_table import LookupTable
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import SessionResult, Subject
from latency_predictors.session import OnProgress, run_sessions

NUM_SESSIONS: Final = 2
"""Fresh processes behind every measured value."""


def measure_paths(
    table: LookupTable,
    paths: Mapping[str, Path],
    timing: TimingProtocol,
    on_progress: OnProgress,
) -> list[SessionResult]:
    """Measure files, by digest, in the context of a table and against its anchors.

    One process of a user measures on a host at a time, whatever its settings.

    Raises:
        MeasurementError: What `run_sessions` raises.
    """
    return run_sessions(
        [Subject(digest=digest, path=path) for digest, path in paths.items()],
        table.context,
        timing,
        lease_folder=_lease_folder(),
        num_sessions=NUM_SESSIONS,
        reference_ms=table.reference_ms,
        on_progress=on_progress,
    )


def _lease_folder() -> Path:
    """Return a folder of the user's own: nobody else can put anything into the lock's place."""
    return Path(tempfile.gettempdir()) / f"hwnas-leases-{os.getuid()}"


def measure_contents(
    table: LookupTable,
    files: Mapping[str, Callable[[], bytes]],
    timing: TimingProtocol,
    on_progress: OnProgress,
) -> list[SessionResult]:
    """Measure files that are written only for that."""
    with tempfile.TemporaryDirectory(prefix="hwnas-") as folder:
        paths = {}
        for digest, write in files.items():
            paths[digest] = Path(folder) / f"{digest}.onnx"
            paths[digest].write_bytes(write())
        return measure_paths(table, paths, timing, on_progress)

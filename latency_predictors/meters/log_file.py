"""A meter of your own: whatever writes time stamps and watts into a CSV file while it measures.

    timestamp,watts
    1764126471.25,4.81

Time stamps are seconds since 1970, or ISO 8601. The last complete line counts: the file is read while it
grows.
"""

import csv
import io
import itertools
import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from latency_predictors.meters.meter import Absent, Meter, Reading, seen_to_move
from search_spaces.errors import MeasurementError

HEADER: Final = ["timestamp", "watts"]
SLOWEST_S: Final = 15.0
"""Seconds between two lines, at most: windows of twenty updates then take five minutes each."""
_TAIL_BYTES: Final = 8192
_RESOLUTION_W: Final = 1e-3
_LONGEST_NAME: Final = 100


def log_meter(path: Path, pause: Callable[[float], None]) -> Meter | Absent:
    """Return the meter that writes a file, or that it writes no more.

    Raises:
        MeasurementError: `bad_meter_log` where the file is none of this form; `meter_too_slow`.
    """
    stamps = [reading.stamp for reading in read_log(path)]
    steps = [after - before for before, after in itertools.pairwise(stamps)]
    if not steps or min(steps) <= 0:
        raise MeasurementError(
            "bad_meter_log", f"{path}: two lines at least, each later than the one before, are needed"
        )
    update_s = median(steps)
    if update_s > SLOWEST_S:
        raise MeasurementError(
            "meter_too_slow",
            f"{path} has a line every {update_s:g} s, one every {SLOWEST_S:g} s at least is needed: have the "
            "meter write more often",
        )
    read, name = partial(_last, path), f"log/{path.name[:_LONGEST_NAME]}"
    return seen_to_move(Meter(name, "wall", "power_w", _RESOLUTION_W, update_s, None, read), pause)


def read_log(path: Path) -> list[Reading]:
    """Return all complete lines of a file.

    Raises:
        MeasurementError: `bad_meter_log`, naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MeasurementError("bad_meter_log", f"{path} cannot be read: {error}") from error
    rows = list(csv.reader(io.StringIO(lines[: lines.rfind("\n") + 1])))
    if not rows or rows[0] != HEADER:
        raise MeasurementError("bad_meter_log", f"{path} does not begin with the line '{','.join(HEADER)}'")
    readings = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            readings.append(_reading(row))
        except ValueError as error:
            raise MeasurementError("bad_meter_log", f"{path}, line {number}: {error}") from error
    return readings


def _last(path: Path) -> Reading:
    with path.open("rb") as stream:
        stream.seek(max(stream.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
        *complete, _ = stream.read().decode("utf-8").split("\n")
    # Whoever keeps logs short empties them, or begins another with the head alone, while they are read.
    if not complete or complete[-1].strip() == ",".join(HEADER):
        raise ValueError("the file has no complete line any more")
    return _reading(complete[-1].split(","))


def _reading(row: list[str]) -> Reading:
    if len(row) != len(HEADER):
        raise ValueError(f"{len(HEADER)} values expected, got {row}")
    watts = float(row[1])
    if not 0 <= watts < float("inf"):
        raise ValueError(f"{row[1]} is no number of watts")
    return Reading(watts, _seconds(row[0]))


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()

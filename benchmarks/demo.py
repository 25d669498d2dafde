"""`python -m benchmarks.demo`: what the main job is held to, measured on this machine.

    python -m benchmarks.demo                      all sections (over an hour on 2 cores)
    python -m benchmarks.demo --only demo tables   some of them
    python -m benchmarks.demo --quick              every section with less of everything, targets not meant
    python -m benchmarks.demo --json --check       one JSON document; exit status 1 below a target

Nothing else may run beside it: latencies are measured.
"""

import os
import sys
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.command import Section, run_sections
from benchmarks.sections import (
    demo_run,
    gap,
    intervals,
    plans,
    recalibration,
    sandwich,
    second_search,
    speed,
    tables,
    worth,
)

SECTIONS: Final[dict[str, Section]] = {
    "speed": speed.run,
    "sandwich": sandwich.run,
    "demo": demo_run.run,
    "demo_watched": demo_run.run_watched,
    "second_search": second_search.run,
    "tables": tables.run,
    "intervals": intervals.run,
    "recalibration": recalibration.run,
    "gap": gap.run,
    "worth": worth.run,
    "plans": plans.run,
}
"""Each takes a folder for its work (kept with --home: sections share tables) and whether to be quick."""


if __name__ == "__main__":
    sys.exit(run_sections("demo", __doc__, SECTIONS))

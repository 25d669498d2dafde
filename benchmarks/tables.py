"""`python -m benchmarks.tables`: what latency tables and predictions are held to, on this machine.

    python -m benchmarks.tables --home work              all sections; what is measured is kept there, so that
                                                         a run that was stopped goes on with the next context
    python -m benchmarks.tables --only tables            some of them
    python -m benchmarks.tables --only tables:CASE       one table of that section, for a run in parts
    python -m benchmarks.tables --quick                  every section with less of everything
    python -m benchmarks.tables --json --check           one JSON document; exit status 1 below a target

Nothing else may run beside it: latencies are measured.
"""

import os
import sys
from functools import partial
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.command import Section, run_sections
from benchmarks.sections import all_tables, arena, fake_device, few_shot, int8, intervals, table_time
from benchmarks.sections.table_cases import cases

SECTIONS: Final[dict[str, Section]] = {
    "table_time": table_time.run,
    "tables": all_tables.run,
    **{f"tables:{case.key}": partial(all_tables.run_case, case) for case in cases()},
    "intervals": intervals.run_all,
    "few_shot": few_shot.run,
    "fake_device": fake_device.run,
    "int8": int8.run,
    "arena": arena.run,
}
"""Each takes a folder for its work and whether to be quick. `table_cases` has the contexts."""


if __name__ == "__main__":
    sys.exit(run_sections("tables", __doc__, SECTIONS))

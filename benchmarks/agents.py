"""`python -m benchmarks.agents`: what agents of devices, and the service they work for, are held to here.

    python -m benchmarks.agents                        all sections (about half an hour on 2 cores)
    python -m benchmarks.agents --only bad_line        some of them
    python -m benchmarks.agents --quick                every section with less of everything
    python -m benchmarks.agents --json --check         one JSON document; exit status 1 below a target

The sections `light_base`, `second_board`, `slow_board` make virtual environments with `pip install` of this
repository; the last two need `unshare`.
"""

import os
import sys
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.command import Section, run_sections
from benchmarks.sections import bad_line, board_load, cuts, ingest, light_base, second_board, slow_board

SECTIONS: Final[dict[str, Section]] = {
    "light_base": light_base.run,
    "second_board": second_board.run,
    "slow_board": slow_board.run,
    "bad_line": bad_line.run,
    "cuts": cuts.run,
    "board_load": board_load.run,
    "ingest": ingest.run,
}
"""Each takes a folder for its work and whether to be quick."""


if __name__ == "__main__":
    sys.exit(run_sections("agents", __doc__, SECTIONS))

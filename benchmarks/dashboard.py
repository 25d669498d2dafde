"""`python -m benchmarks.dashboard`: what the pages of the service are held to, in a real browser here.

    python -m benchmarks.dashboard                   all sections (about fifteen minutes on 2 cores)
    python -m benchmarks.dashboard --only fluid      some of them
    python -m benchmarks.dashboard --quick           every section with less of everything
    python -m benchmarks.dashboard --json --check    one JSON document; exit status 1 below a target

The pictures of the tutorial are made by `python -m benchmarks.screenshots`.
"""

import os
import sys
from typing import Final

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.command import Section, run_sections
from benchmarks.sections import front_cold, front_fluid, page_walk, pages_seen

SECTIONS: Final[dict[str, Section]] = {
    "cold": front_cold.run,
    "fluid": front_fluid.run,
    "script": pages_seen.script,
    "accessibility": pages_seen.accessible,
    "walks": page_walk.run,
}
"""Each takes a folder for its work and whether to be quick."""


if __name__ == "__main__":
    sys.exit(run_sections("dashboard", __doc__, SECTIONS))

"""`python -m benchmarks.jobs`: what the queue of jobs and those who work on it are held to, on this machine.

    python -m benchmarks.jobs                        all sections (about an hour on 2 cores)
    python -m benchmarks.jobs --only claims          some of them
    python -m benchmarks.jobs --quick                every section with less of everything
    python -m benchmarks.jobs --json --check         one JSON document; exit status 1 below a target

PostgreSQL is measured where its programs are installed.
"""

import os
import sys
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.command import Section, run_sections
from benchmarks.sections import claims, kills, mutations, ray_scoring, ray_training, toy_jobs

SECTIONS: Final[dict[str, Section]] = {
    "claims": claims.run,
    "toy_jobs": toy_jobs.run,
    "mutations": mutations.run,
    "kills": kills.run,
    "ray_scoring": ray_scoring.run,
    "ray_training": ray_training.run,
}
"""Each takes a folder for its work and whether to be quick."""


if __name__ == "__main__":
    sys.exit(run_sections("jobs", __doc__, SECTIONS))

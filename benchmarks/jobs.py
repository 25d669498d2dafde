"""`python -m benchmarks.jobs`: what the queue of jobs and those who work on it are held to, on this machine.

    python -m benchmarks.jobs                        all sections (about an hour on 2 cores)
    python -m benchmarks.jobs --only claims          some of them
    python -m benchmarks.jobs --quick                every section with less of everything
    python -m benchmarks.jobs --json --check         one JSON document; exit status 1 below a target

PostgreSQL is measured where its programs are installed.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.figures import Figure, append, show
from benchmarks.sections import claims, kills, mutations, ray_scoring, ray_training, toy_jobs

Section = Callable[[Path, bool], list[Figure]]

SECTIONS: Final[dict[str, Section]] = {
    "claims": claims.run,
    "toy_jobs": toy_jobs.run,
    "mutations": mutations.run,
    "kills": kills.run,
    "ray_scoring": ray_scoring.run,
    "ray_training": ray_training.run,
}
"""Each takes a folder for its work and whether to be quick."""


def main() -> int:
    """Run the sections that are asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION")
    parser.add_argument("--quick", action="store_true", help="less of everything; targets are not meant")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--check", action="store_true", help="exit status 1 where a target is missed")
    parser.add_argument("--home", type=Path, help="folder for the databases; a temporary one if not given")
    parser.add_argument("--log", type=Path, help="file that figures are appended to as they come")
    options = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="hwnas-bench-") as temporary:
        home = options.home or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        for name in options.only:
            print(f"section {name} ...", file=sys.stderr, flush=True)
            found = SECTIONS[name](home, options.quick)
            figures += found
            if options.log:
                append(options.log, found)
    show(figures, as_json=options.json)
    return 1 if options.check and not all(figure.reached for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())

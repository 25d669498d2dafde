"""`python -m benchmarks.service`: what the REST service is held to, on this machine.

    python -m benchmarks.service                       all sections
    python -m benchmarks.service --only throughput     some of them
    python -m benchmarks.service --quick               every section with less of everything
    python -m benchmarks.service --json --check        one JSON document; exit status 1 below a target

Nothing else should run on the machine. PostgreSQL is measured where its programs are installed.
"""

import os
import sys
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from benchmarks.command import Section, run_sections
from benchmarks.sections import (
    service_end_to_end,
    service_generated,
    service_import,
    service_kills,
    service_replicas,
    service_scale,
    service_throughput,
    service_training,
)

SECTIONS: Final[dict[str, Section]] = {
    "import": service_import.run,
    "throughput": service_throughput.run,
    "training": service_training.run,
    "scale": service_scale.run,
    "kills": service_kills.run,
    "generated": service_generated.run,
    "end_to_end": service_end_to_end.run,
    "replicas": service_replicas.run,
}
"""Each takes a folder for its work and whether to be quick."""


if __name__ == "__main__":
    sys.exit(run_sections("service", __doc__, SECTIONS))

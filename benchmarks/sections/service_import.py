"""What starting the API costs: time and memory of its import, and that nothing which trains is in it."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, spread

_PROGRAM: Final = """
import json, sys, time
begun = time.perf_counter()
import api.app
seconds = time.perf_counter() - begun
trains = sorted({"torch", "ray", "sklearn", "optuna"} & set(sys.modules))
import psutil
print(json.dumps([seconds, psutil.Process().memory_info().rss / 1e6, trains]))
"""


def run(home: Path, quick: bool) -> list[Figure]:
    """Import it in processes of their own; the first one makes the bytecode, which an installation has."""
    compiled = {"PYTHONPYCACHEPREFIX": str(home / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    environment, found = {**os.environ, **compiled}, []
    for _ in range(3 if quick else 12):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True, env=environment
        )
        found.append(json.loads(done.stdout))
    seconds, megabytes = [one[0] for one in found[1:]], [one[1] for one in found[1:]]
    trains = sorted({name for one in found for name in one[2]})
    return [
        Figure("import of the API", statistics.median(seconds), "s", "<=", 1.5, spread(seconds)),
        Figure("memory of the API", statistics.median(megabytes), "MB", "<=", 150, spread(megabytes)),
        Figure("frameworks that train in it", len(trains), "", "<=", 0, " ".join(trains)),
    ]

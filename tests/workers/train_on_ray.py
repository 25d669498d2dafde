"""A training on Ray as a process of its own.

python -m tests.workers.train_on_ray FOLDER RAY_FOLDER [--end]
"""

import sys
from functools import partial
from pathlib import Path

from nas.training.options import TrainingOptions
from tests.contracts.compute_contract import SHORT, training
from tests.contracts.folder_artifacts import FolderArtifacts
from workers.cluster import LocalRay, RayCompute


def main() -> None:
    """Train for one epoch with `--end`, else for long, and say each event at once."""
    folder = Path(sys.argv[1])
    options = SHORT if "--end" in sys.argv else TrainingOptions(epochs=10_000)
    opened = partial(FolderArtifacts, folder / "artifacts")
    with RayCompute(opened, folder, LocalRay(2, Path(sys.argv[2]))) as compute:
        for event in compute.run(training(options=options)):
            print(type(event).__name__, flush=True)


if __name__ == "__main__":
    main()

import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "sklearn", "scipy")


def loaded_after(code: str, repository: Path) -> set[str]:
    """Run code in a fresh interpreter; return which heavy packages it loaded."""
    program = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_opening_data_loads_no_framework(repository: Path) -> None:
    start = "from nas.data.catalogue import open_dataset\nfrom nas.data.spec import *\n"
    shapes = "open_dataset(ShapesSpec(num_train=20, num_validation=20, num_test=20)).images('train', 8)"
    assert loaded_after(start + shapes, repository) == set()

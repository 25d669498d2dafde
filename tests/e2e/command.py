"""`hwnas search` as a process of its own, with the small specification of these tests."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from nas.job_records import Job
from nas.results import SearchResult
from nas.settings import Settings
from nas.store.searches import all_searches
from nas.store.stores import Stores, opened_stores

HWNAS: Final = (sys.executable, "-c", "import hwnas; hwnas.main()")
FAULTS: Final = Path(__file__).parent / "faults"
DOCUMENT: Final[dict[str, Any]] = {
    "space": {"name": "nas_bench_201", "preset": "tiny"},
    "dataset": {
        "name": "shapes",
        "num_train": 200,
        "num_validation": 100,
        "num_test": 100,
        "size": 16,
        "difficulty": 0.2,
    },
    "supernet": {"epochs": 3},
    "search": {"evaluations": 400},
    "verify": {"candidates": 4, "rounds": 1},
    "finetune": {"share": 0.3, "points": 1},
    "export": {"points": 2},
    "references": ["mobilenet_v3_small"],
}
"""It has all phases of the demo."""

RECIPE: Final = "progressive"
"""What trains its supernet."""

PROFILE: Final = ("devices", "profile", "--quick", "--space", "nas_bench_201", "--preset", "tiny")
"""What has this host measured for the specification."""


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Attributes:
        answer: Its standard output.
        told: Its standard error.
    """

    home: Path
    status: int
    answer: str
    told: str

    @property
    def error(self) -> dict[str, str]:
        """The error it answered with."""
        document: dict[str, dict[str, str]] = json.loads(self.answer)
        return document["error"]

    @cached_property
    def result(self) -> SearchResult:
        """The result it answered with."""
        return SearchResult.model_validate(json.loads(self.answer)["result"])

    @property
    def folder(self) -> Path:
        """The folder of the search."""
        return Path(json.loads(self.answer)["folder"])


@dataclass(frozen=True)
class Kept:
    """What the only search of a home has left in the store.

    Attributes:
        weights: Hash of the supernet's weights. Other networks have as many epochs as a stopwatch says.
    """

    job: Job
    weights: str
    archs: NDArray[np.int64]
    correct: NDArray[np.bool_]


def search(
    home: Path, document: dict[str, Any] = DOCUMENT, prefix: tuple[str, ...] = (), **faults: str
) -> Ended:
    """Search in a home folder.

    Args:
        home: Where everything of the search is kept.
        document: The specification.
        prefix: A program that runs the command.
        faults: Variables that `faults/sitecustomize.py` reads.
    """
    process = start(home, document, prefix, **faults)
    answer, told = process.communicate()
    return Ended(home, process.returncode, answer, told)


def start(
    home: Path, document: dict[str, Any] = DOCUMENT, prefix: tuple[str, ...] = (), **faults: str
) -> subprocess.Popen[str]:
    """Begin a search."""
    spec = home.with_suffix(".yaml")
    spec.parent.mkdir(parents=True, exist_ok=True)
    spec.write_text(yaml.safe_dump(document), encoding="utf-8")
    return _start(home, ("search", str(spec)), prefix, **faults)


def profile(home: Path, prefix: tuple[str, ...] = (), **faults: str) -> Ended:
    """Measure this host for the specification; see `search`."""
    process = _start(home, PROFILE, prefix, **faults)
    answer, told = process.communicate()
    return Ended(home, process.returncode, answer, told)


def _start(
    home: Path, words: tuple[str, ...], prefix: tuple[str, ...], **faults: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*prefix, *HWNAS, *words, "--json"],
        env=environment(home, **faults),
        cwd=FAULTS.parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def environment(home: Path, **faults: str) -> dict[str, str]:
    """Return the environment of a user who has set nothing but the home folder."""
    hidden = ("ORT_DISABLE_TELEMETRY", "OMP_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "HWNAS_HOME": str(home), "PYTHONPATH": str(FAULTS), **faults}


@contextmanager
def opened(home: Path) -> Iterator[Stores]:
    """Open what a home keeps."""
    with opened_stores(Settings(home=home)) as stores:
        yield stores


def jobs_of(home: Path) -> list[Job]:
    """Return the searches in a home."""
    with opened(home) as stores:
        return all_searches(stores, "local")


def kept(home: Path) -> Kept:
    """Return what the only search of a home has left."""
    with opened(home) as stores:
        (job,) = all_searches(stores, "local")
        (supernet,) = (one for one in stores.supernets.list_all("local") if one.key.recipe == RECIPE)
        assert supernet.epochs == 3
        arrays = stores.stored(job).load_arrays("predict")
        return Kept(job, str(supernet.summary["weight_hash"]), arrays["archs"], arrays["correct"])


def tracer(calls: Path) -> tuple[str, ...]:
    """Return a program that runs a command and notes its connections; none where the system has none.

    With a filter in the kernel, only these calls stop the process: measuring is not disturbed.

    Args:
        calls: File that they are noted in.
    """
    words = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o")
    if shutil.which(words[0]) is None:
        return ()
    works = subprocess.run([*words, "/dev/null", "true"], capture_output=True, check=False).returncode == 0
    return (*words, str(calls)) if works else ()


def hosts_in(calls: str) -> set[str]:
    """Return the addresses in the lines of `tracer`: what is sent on a connection has none."""
    hosts: list[str] = re.findall(r'inet_(?:addr\(|pton\(AF_INET6, )"([^"]*)"', calls)
    return {host.removeprefix("::ffff:") for host in hosts}


def copied(home: Path, place: Path) -> Path:
    """Return a copy of a home in which nothing runs."""
    shutil.copytree(home, place, symlinks=True)
    return place

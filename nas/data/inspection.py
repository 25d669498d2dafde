"""Images of strangers, looked at in a process of its own that may take so much memory and time and no more.

What leads a decoder astray (a bomb, a loop, a crash) ends that process, not the one that asks. The limits are
the kernel's (`setrlimit`): address space, processor time, and not a byte to any file. It is no sandbox: the
process runs as the same user. So it is not told where the database is, nor any key.
"""

import os
import resource
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from pydantic import BaseModel, ConfigDict

from latency_predictors.child_process import ChildEnded, run_child
from nas.data.catalogue import open_dataset
from nas.data.kept_scans import Told, untold
from nas.data.spec import DatasetSpec
from search_spaces.errors import DataError, HwnasError

MEMORY_BYTES: Final = 16 * 2**30
MEMORY_SHARE: Final = 0.75
"""Of the memory of this machine, where that is less."""

LEAST_S: Final = 60
S_PER_MIB: Final = 4
"""Photographs take a twentieth of that."""
FOLDER_S: Final = 24 * 3_600
"""For a folder of this machine: its operator has named it."""

PASSED_ON: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""What such a process finds in its environment of ours."""


@dataclass(frozen=True)
class Allowance:
    """What looking at a data set may take.

    Attributes:
        memory_bytes: Of address space.
        seconds: Of processor time, of all threads together.
    """

    memory_bytes: int
    seconds: int

    @classmethod
    def of(cls, file: Path | None) -> "Allowance":
        """Return what an uploaded file may take; None: a folder of this machine."""
        memory = min(MEMORY_BYTES, int(MEMORY_SHARE * psutil.virtual_memory().total))
        if file is None:
            return cls(memory, FOLDER_S)
        return cls(memory, LEAST_S + S_PER_MIB * (file.stat().st_size >> 20))


class Inspection(BaseModel):
    """What a look at a data set told.

    Attributes:
        digest: Of the data set.
        report: Counts, imbalance, what was skipped, what the user should know.
    """

    digest: str
    report: dict[str, Any]


class _Refused(BaseModel):
    code: str
    message: str


class _Decoded(BaseModel):
    done: int
    total: int


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True)

    dataset: DatasetSpec
    file: Path | None
    memory_bytes: int
    seconds: int


class _Answer(BaseModel):
    found: Inspection | _Refused | _Decoded


def inspect(
    spec: DatasetSpec,
    file: Path | None = None,
    allowance: Allowance | None = None,
    told: Told = untold,
) -> Inspection:
    """Look at every image of a data set.

    Args:
        spec: Which.
        file: Where an uploaded file is on this machine.
        allowance: By default that of the file.
        told: How many of how many image files are decoded; what it raises ends the process.

    Raises:
        DataError: `images_too_costly`, or whatever is wrong with the images, with its own code.
    """
    allowed = allowance or Allowance.of(file)
    request = _Request(dataset=spec, file=file, memory_bytes=allowed.memory_bytes, seconds=allowed.seconds)
    command = [sys.executable, "-m", "nas.data.inspection"]
    silence_s = 3.0 * allowed.seconds + LEAST_S
    found: Inspection | _Refused | None = None
    with closing(run_child(command, request.model_dump_json(), _environment(os.environ), silence_s)) as lines:
        for line in lines:
            if not isinstance(line, ChildEnded):
                said = _Answer.model_validate_json(line).found
                if isinstance(said, _Decoded):
                    told(said.done, said.total)
                else:
                    found = said
            elif found is None:
                raise _too_costly(allowed, line.reason)
    assert found is not None, "a child says something or ends"
    if isinstance(found, _Refused):
        raise DataError(found.code, found.message)
    return found


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    package = str(Path(__file__).resolve().parents[2])
    own = {name: given[name] for name in PASSED_ON if name in given}
    own["PYTHONPATH"] = f"{package}{os.pathsep}{own['PYTHONPATH']}" if "PYTHONPATH" in own else package
    return {**own, "OMP_NUM_THREADS": "1"}


def _too_costly(allowed: Allowance, why: str) -> DataError:
    memory, seconds = f"{allowed.memory_bytes / 2**30:.1f} GiB of memory", allowed.seconds
    return DataError(
        "images_too_costly",
        f"looking at the images {why}: {memory} and {seconds} s of processor time are given; store smaller "
        "images, or leave out what cannot be decoded",
    )


def main() -> None:
    """Look at one data set: the request from standard input, answers in lines to standard output."""
    # Native code may print to descriptor 1; the answer has a descriptor of its own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        request = _Request.model_validate_json(sys.stdin.read())
        _hold(request)

        def say(found: Inspection | _Refused | _Decoded) -> None:
            stream.write(_Answer(found=found).model_dump_json() + "\n")
            stream.flush()

        say(_look(request, lambda done, total: say(_Decoded(done=done, total=total))))


def _hold(request: _Request) -> None:
    """Have the kernel hold this process to what it may take; there is no way back."""
    seconds = request.seconds
    resource.setrlimit(resource.RLIMIT_AS, (request.memory_bytes, request.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    for nothing in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(nothing, (0, 0))


def _look(request: _Request, told: Told) -> Inspection | _Refused:
    allowed = Allowance(request.memory_bytes, request.seconds)
    file = request.file
    try:
        stored = None if file is None else lambda digest, suffix: file
        dataset = open_dataset(request.dataset, stored=stored, told=told)
        return Inspection(digest=dataset.digest, report=dataset.report.as_dict())
    except HwnasError as error:
        return _Refused(code=error.code, message=error.message)
    except MemoryError:
        refused = _too_costly(allowed, "needs more memory")
        return _Refused(code=refused.code, message=refused.message)


if __name__ == "__main__":
    main()

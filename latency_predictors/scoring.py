"""Scoring a file on a board: the class that it names for each of some images, from a process of its own.

What int8 arithmetic gives depends on the processor; so an accuracy belongs to the device that found it.
The board is sent images and answers with classes: what is right is for the service to say.
"""

import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from latency_predictors.child_process import ChildEnded, run_child, said
from latency_predictors.device import ExecutionContext
from latency_predictors.protocol import Failed, WireModel
from latency_predictors.runtimes import get_runtime
from latency_predictors.session import child_environment
from search_spaces.errors import ArtifactError, HwnasError, MeasurementError

BATCH: Final = 16
SILENCE_S: Final = 120.0


class ScoringRequest(WireModel):
    """What a scoring process is to do.

    Attributes:
        file: An exported network.
        images: A file of `read_images`.
        context: How to run the network.
    """

    file: Path
    images: Path
    context: ExecutionContext


class Named(WireModel):
    """Classes of some more images, in order."""

    classes: tuple[int, ...]


_LINE: Final[TypeAdapter[Named | Failed]] = TypeAdapter(Named | Failed)


def score(
    request: ScoringRequest,
    on_progress: Callable[[int], object] = lambda done: None,
    silence_s: float = SILENCE_S,
) -> tuple[int, ...]:
    """Return the class that a file names for each image.

    Args:
        request: The file, the images and the context.
        on_progress: Told how many images are done.
        silence_s: A process that says nothing for so long is ended.

    Raises:
        MeasurementError: `session_died`, or what the runtime refuses with, such as `file_not_loadable`.
        ArtifactError: `damaged_images`.
    """
    found, ended = list[int](), ChildEnded("ended early", "")
    command = [sys.executable, "-m", "latency_predictors.scoring"]
    with closing(run_child(command, request.model_dump_json(), child_environment(), silence_s)) as lines:
        for line in lines:
            match told := said(line, _LINE):
                case Failed():
                    kind = ArtifactError if told.code == "damaged_images" else MeasurementError
                    raise kind(told.code, told.message)
                case ChildEnded():
                    ended = told
                    break
            found += told.classes
            on_progress(len(found))
    if len(found) == len(read_images(request.images)):
        return tuple(found)
    raise MeasurementError(
        "session_died",
        f"the scoring process {ended.reason} after {len(found)} images of {request.file.name}"
        f"{f', its last words were: {ended.last_words}' if ended.last_words else ''}",
    )


def read_images(path: Path) -> NDArray[np.uint8]:
    """Return images as they travel: an array of bytes in NumPy's own format, (N, C, R, R), not read at once.

    Raises:
        ArtifactError: `damaged_images`.
    """
    try:
        images: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ArtifactError("damaged_images", f"{path.name} holds no images ({error}): ask again") from error
    if images.ndim != 4 or images.dtype != np.uint8 or not len(images):
        raise ArtifactError("damaged_images", f"{path.name} holds {images.dtype} {images.shape}: ask again")
    return images


def main() -> int:
    """Score one file: the request from standard input, classes in lines to standard output."""
    # Native code may print to descriptor 1; the answer has a descriptor of its own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        request = ScoringRequest.model_validate_json(sys.stdin.read())
        try:
            executable = get_runtime(request.context.runtime).prepare(request.file, request.context)
            images = read_images(request.images)
            for begin in range(0, len(images), BATCH):
                scaled = images[begin : begin + BATCH].astype(np.float32) / np.float32(255)
                classes = tuple(int(one) for one in executable.run(scaled).argmax(axis=1))
                stream.write(Named(classes=classes).model_dump_json() + "\n")
                stream.flush()
        except HwnasError as error:
            stream.write(Failed(code=error.code, message=error.message).model_dump_json() + "\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

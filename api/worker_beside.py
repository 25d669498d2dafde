"""A worker beside this process, as a process of its own: the API knows the command, not the code."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nas.settings import Settings

DRAIN_S: Final = 30


@contextmanager
def worker_beside(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker beside; it drains in the end, and goes once idle where this process was killed."""
    command = [sys.executable, "-c", "import hwnas; hwnas.main()", "worker", "--until-eof"]
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **settings.as_environment()},
            # Never written to: it ends with this process, however that ends.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdin is not None, "it was given a pipe"
        process.stdin.close()

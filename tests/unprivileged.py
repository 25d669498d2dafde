"""A process without the right to pass over permissions, which root has."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

NOBODY: Final = 65_534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Let permissions count for what follows, whoever runs the tests."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(NOBODY)
    except PermissionError:
        pytest.skip("this process may pass over permissions and may not give that up")
    try:
        yield
    finally:
        os.seteuid(0)

"""Files and folders of the user that may not be read: only their owner can mend it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search_spaces.errors import UsageError


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say of what may not be read that it may not.

    Args:
        path: What is read; where the system names a file or folder in it, that one is named.

    Raises:
        UsageError: `not_readable`.
    """
    try:
        yield
    except PermissionError as error:
        raise UsageError(
            "not_readable",
            f"{error.filename or path} may not be read: change its permissions, or give another path",
        ) from error

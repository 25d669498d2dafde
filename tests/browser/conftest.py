"""A service that listens, with a finished search."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.running import Running, running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Running]:
    """The service of an empty home."""
    with running(tmp_path / "home") as found:
        yield found

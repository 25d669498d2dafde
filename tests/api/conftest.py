"""A service for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.served import Caller, served


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Caller]:
    """The service of an empty home, called with a key that may everything."""
    with served(tmp_path / "home") as caller:
        yield caller

"""A finished search for pages."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.routes.conftest import Finished, exported_file, written
from tests.api.served import served


@pytest.fixture
def finished(tmp_path: Path) -> Iterator[Finished]:
    """A search with one real file for all of its networks."""
    content = exported_file()
    with served(tmp_path / "home") as api:
        search = written(api.stores, content)
        yield Finished(api, search, content, hashlib.sha256(content).hexdigest())

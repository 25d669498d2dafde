"""Files are measured in the context of a table and against its anchors; what was written for that goes."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.lookup_table import LookupTable
from latency_predictors.measure import NETWORK_PROTOCOL, TimingProtocol
from latency_predictors.protocol import SessionResult, Subject
from nas.pipeline import measuring
from nas.pipeline.measuring import NUM_SESSIONS, measure_contents, measure_paths

TABLE = LookupTable(device=host_device(), context=host_context(), reference_ms={"anchor": 0.25})


class Asked:
    """Remembers what was asked of the sessions and what the files held then."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.paths: list[Path] = []
        self.options: dict[str, Any] = {}

    def __call__(
        self, subjects: Sequence[Subject], context: ExecutionContext, timing: TimingProtocol, **options: Any
    ) -> list[SessionResult]:
        self.contents = {subject.digest: subject.path.read_bytes() for subject in subjects}
        self.paths = [subject.path for subject in subjects]
        self.options = {"context": context, "timing": timing, **options}
        return []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    monkeypatch.setattr(measuring, "run_sessions", found)
    return found


def ignore(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def test_a_table_says_how_and_against_which_anchors(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"net")
    measure_paths(TABLE, {"d1": tmp_path / "net.onnx"}, NETWORK_PROTOCOL, ignore)
    assert asked.contents == {"d1": b"net"}
    assert asked.options["context"] == TABLE.context
    assert asked.options["reference_ms"] == {"anchor": 0.25}
    assert asked.options["timing"] == NETWORK_PROTOCOL
    assert asked.options["num_sessions"] == NUM_SESSIONS == 2
    assert asked.options["on_progress"] is ignore


def test_the_lease_is_one_for_the_host(asked: Asked, tmp_path: Path) -> None:
    """Two searches with homes of their own must not measure at once."""
    measure_paths(TABLE, {}, NETWORK_PROTOCOL, ignore)
    assert tmp_path not in asked.options["lease_folder"].parents
    assert asked.options["lease_folder"].is_absolute()


def test_files_stand_only_while_they_are_measured(asked: Asked) -> None:
    files = {"d1": lambda: b"one", "d2": lambda: b"two"}
    measure_contents(TABLE, files, NETWORK_PROTOCOL, ignore)
    assert asked.contents == {"d1": b"one", "d2": b"two"}
    assert not any(path.exists() or path.parent.exists() for path in asked.paths)


def test_a_file_that_cannot_be_written_leaves_nothing(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fail() -> bytes:
        raise ValueError("no such operator")

    files: Mapping[str, Any] = {"d1": lambda: b"one", "d2": fail}
    with pytest.raises(ValueError, match="no such operator"):
        measure_contents(TABLE, files, NETWORK_PROTOCOL, ignore)
    assert asked.contents == {}
    assert list(tmp_path.iterdir()) == []

"""Which kernels run networks: asked for a few seconds, kept by digest, compared where both versions tell."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import pytest

from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.device import ExecutionContext
from latency_predictors.kernel_lists import ASKED_S, kernels_of, num_compared, told_kernels
from latency_predictors.protocol import Kernels, SessionResult, Subject
from latency_predictors.runtimes.runtime import Executable
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import CONTEXT, session

SUBJECTS = tuple(Subject(digest=digest, path=Path(f"{digest}.onnx")) for digest in ("c", "a", "b"))


class Told:
    """A runtime that runs files with so many convolutions as it is said, and an addition."""

    name = "onnxruntime"
    file_format = "onnx"

    def __init__(self, convolutions: Mapping[str, int]) -> None:
        self.convolutions = convolutions

    def prepare(self, path: Path, context: ExecutionContext) -> Executable:
        raise AssertionError("nothing is run here")

    def kernels(self, path: Path, context: ExecutionContext) -> tuple[str, ...]:
        assert context == CONTEXT
        if path.stem not in self.convolutions:
            raise MeasurementError("file_not_loadable", "it is none")
        return ("Conv", "Add", *("Conv",) * (self.convolutions[path.stem] - 1))


def asked(runtime: Told, step_s: float) -> list[Kernels]:
    seconds = count()
    return list(kernels_of(SUBJECTS, runtime, CONTEXT, lambda: next(seconds) * step_s))


def told(session_id: str, kernels: Mapping[str, dict[str, int]]) -> SessionResult:
    found = session(session_id, {"a": 1.0, "b": 2.0})
    results = (one.model_copy(update={"kernels": kernels.get(one.digest, {})}) for one in found.results)
    return found.model_copy(update={"results": tuple(results)})


def points(kernels: Mapping[str, dict[str, int]]) -> Sequence[CalibrationPoint]:
    return [
        CalibrationPoint(
            digest=digest, sum_ms=1.0, num_layers=3, num_macs=9, measured_ms=1.1, rel_sd=0.01, kernels=counts
        )
        for digest, counts in kernels.items()
    ]


def test_kernels_are_counted_by_kind_and_what_cannot_be_loaded_is_passed_over() -> None:
    assert asked(Told({"a": 3, "c": 1}), 0.0) == [
        Kernels(digest="a", counts={"Add": 1, "Conv": 3}),
        Kernels(digest="c", counts={"Add": 1, "Conv": 1}),
    ]


@pytest.mark.parametrize(("step_s", "digests"), [(ASKED_S / 3, ["a", "b"]), (ASKED_S, [])])
def test_after_some_seconds_nothing_more_is_asked(step_s: float, digests: list[str]) -> None:
    """Those with the smallest digests are asked about, whatever order they are measured in."""
    assert [line.digest for line in asked(Told({"a": 1, "b": 1, "c": 1}), step_s)] == digests


def test_what_any_session_told_is_known() -> None:
    sessions = [told("s1", {"a": {"Conv": 1}}), told("s2", {}), told("s3", {"b": {"Conv": 2}})]
    assert told_kernels(sessions) == {"a": {"Conv": 1}, "b": {"Conv": 2}}
    assert told_kernels([told("s1", {})]) == {}


def test_networks_are_compared_where_both_versions_tell() -> None:
    old = points({"a": {"Conv": 3}, "b": {"Conv": 2, "Add": 1}, "c": {"Conv": 1}, "silent": {}})
    new = points({"a": {"Conv": 3}, "b": {"Conv": 3}, "c": {}, "silent": {"Conv": 9}, "other": {"Conv": 5}})
    assert num_compared(old, new) == (2, 1), "as many of another kind are others"
    assert num_compared(old, old) == (3, 0)
    assert num_compared((), new) == (0, 0)

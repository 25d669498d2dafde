"""The contract of a runtime, for every one in the catalogue."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latency_predictors.device import host_context
from latency_predictors.runtimes import RUNTIMES, get_runtime
from search_spaces.errors import MeasurementError, UsageError

MakeFile = Callable[..., Path]


@pytest.fixture
def make_file(make_onnx: MakeFile) -> dict[str, MakeFile]:
    """Writes a network that averages an image's channels and multiplies by 0, 1, 2, ...; by format."""
    return {"onnx": make_onnx}


@pytest.fixture(params=sorted(RUNTIMES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_catalogue_uses_the_runtimes_own_name(name: str) -> None:
    assert get_runtime(name).name == name


def test_logits_are_those_of_the_network_at_any_batch(name: str, make_file: dict[str, MakeFile]) -> None:
    runtime = get_runtime(name)
    executable = runtime.prepare(make_file[runtime.file_format](classes=4), host_context(name))
    images = np.random.default_rng(0).random((5, 3, 8, 8)).astype(np.float32)
    weights = np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = images.mean(axis=(2, 3)) @ weights
    np.testing.assert_allclose(executable.run(images), expected, rtol=1e-5)
    np.testing.assert_allclose(executable.run(images[:1]), expected[:1], rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 7])
def test_running_for_the_clock_does_not_disturb_scoring(
    name: str, batch: int, make_file: dict[str, MakeFile]
) -> None:
    runtime = get_runtime(name)
    path = make_file[runtime.file_format]()
    executable = runtime.prepare(path, host_context(name, batch=batch))
    images = np.random.default_rng(0).random((2, 3, 8, 8)).astype(np.float32)
    before = executable.run(images)
    executable.run_once()
    np.testing.assert_array_equal(executable.run(images), before)


def test_a_context_of_another_version_is_refused(name: str, make_file: dict[str, MakeFile]) -> None:
    runtime = get_runtime(name)
    context = replace(host_context(name), runtime_version="0.0.1")
    with pytest.raises(MeasurementError, match=r"0\.0\.1") as caught:
        runtime.prepare(make_file[runtime.file_format](), context)
    assert caught.value.code == "context_mismatch"


def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.file"
    path.write_bytes(b"not a model")
    with pytest.raises(MeasurementError, match="broken.file") as caught:
        get_runtime(name).prepare(path, host_context(name))
    assert caught.value.code == "file_not_loadable"


def test_an_unknown_runtime_lists_the_known() -> None:
    with pytest.raises(UsageError, match="onnxruntime"):
        get_runtime("abacus")

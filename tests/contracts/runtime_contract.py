"""What every runtime keeps: each runtime's test inherits `RuntimeContract`."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latency_predictors.anchors import default_anchors
from latency_predictors.device import ExecutionContext, host_context
from latency_predictors.runtimes import RUNTIMES, Runtime
from search_spaces.errors import MeasurementError

MakeFile = Callable[..., Path]


class RuntimeContract:
    """Inherit this in a class whose name begins with `Test`; in a folder whose fixtures write files."""

    @pytest.fixture
    def runtime(self) -> Runtime:
        """The runtime."""
        raise NotImplementedError

    @pytest.fixture
    def context(self, runtime: Runtime) -> ExecutionContext:
        """The runtime as it is installed here, on one thread."""
        return host_context(runtime.name)

    @pytest.fixture
    def make_file(self, runtime: Runtime, make_onnx: MakeFile) -> MakeFile:
        """Writes a network that averages an image's channels and multiplies by 0, 1, 2, ..."""
        return {"onnx": make_onnx}[runtime.file_format]

    def test_the_catalogue_has_it_under_its_own_name(self, runtime: Runtime) -> None:
        assert type(RUNTIMES[runtime.name]) is type(runtime)

    def test_logits_are_those_of_the_network_at_any_batch(
        self, runtime: Runtime, context: ExecutionContext, make_file: MakeFile
    ) -> None:
        executable = runtime.prepare(make_file(classes=4), context)
        images = np.random.default_rng(0).random((5, 3, 8, 8)).astype(np.float32)
        weights = np.arange(12, dtype=np.float32).reshape(3, 4)
        expected = images.mean(axis=(2, 3)) @ weights
        np.testing.assert_allclose(executable.run(images), expected, rtol=1e-5)
        np.testing.assert_allclose(executable.run(images[:1]), expected[:1], rtol=1e-5)

    @pytest.mark.parametrize(("threads", "batch"), [(1, 1), (1, 7), (2, 1)])
    def test_running_for_the_clock_does_not_disturb_scoring(
        self, runtime: Runtime, threads: int, batch: int, make_file: MakeFile
    ) -> None:
        executable = runtime.prepare(make_file(), host_context(runtime.name, threads=threads, batch=batch))
        images = np.random.default_rng(0).random((2, 3, 8, 8)).astype(np.float32)
        before = executable.run(images)
        executable.run_once()
        np.testing.assert_array_equal(executable.run(images), before)

    def test_logits_that_were_returned_stay_as_they_are(
        self, runtime: Runtime, context: ExecutionContext, make_file: MakeFile
    ) -> None:
        executable = runtime.prepare(make_file(), context)
        first = executable.run(np.zeros((1, 3, 8, 8), dtype=np.float32))
        executable.run(np.ones((1, 3, 8, 8), dtype=np.float32))
        assert not first.any()

    def test_images_of_another_layout_and_type_are_taken(
        self, runtime: Runtime, context: ExecutionContext, make_file: MakeFile
    ) -> None:
        images = np.random.default_rng(0).random((8, 8, 3, 2)).T  # float64, and not contiguous
        logits = runtime.prepare(make_file(), context).run(images)  # type: ignore[arg-type]
        assert logits.shape == (2, 4)
        assert logits.dtype == np.float32

    def test_its_anchors_run(self, runtime: Runtime, context: ExecutionContext) -> None:
        for anchor in default_anchors(runtime.file_format):
            runtime.prepare(anchor.path, context).run_once()

    @pytest.mark.parametrize(
        "change", [{"runtime_version": "0.0.1"}, {"runtime": "abacus", "runtime_version": "0.0.1"}]
    )
    def test_a_context_that_is_not_its_own_is_refused(
        self, runtime: Runtime, context: ExecutionContext, change: dict[str, str], make_file: MakeFile
    ) -> None:
        with pytest.raises(MeasurementError, match=r"0\.0\.1") as caught:
            runtime.prepare(make_file(), replace(context, **change))  # type: ignore[arg-type]
        assert caught.value.code == "context_mismatch"

    def test_a_damaged_file_is_named(
        self, runtime: Runtime, context: ExecutionContext, tmp_path: Path
    ) -> None:
        path = tmp_path / f"broken.{runtime.file_format}"
        path.write_bytes(b"not a model")
        with pytest.raises(MeasurementError, match=path.name) as caught:
            runtime.prepare(path, context)
        assert caught.value.code == "file_not_loadable"
        assert "\n" not in caught.value.message

    def test_where_it_is_not_installed_the_message_installs_it(
        self,
        runtime: Runtime,
        context: ExecutionContext,
        make_file: MakeFile,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = make_file()
        monkeypatch.setitem(sys.modules, runtime.name, None)
        with pytest.raises(MeasurementError, match=f"pip install {runtime.name}") as caught:
            runtime.prepare(path, context)
        assert caught.value.code == "runtime_missing"

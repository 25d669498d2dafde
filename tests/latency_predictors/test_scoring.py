"""A file names the same classes in a process of its own as it does here; what cannot be scored says why."""

import os
from pathlib import Path

import numpy as np
import pytest

from latency_predictors.device import host_context
from latency_predictors.golden import GOLDEN
from latency_predictors.runtimes import get_runtime
from latency_predictors.scoring import ScoringRequest, read_images, score
from nas.export.onnx import export_layer
from search_spaces.errors import ArtifactError, MeasurementError

HEAD = GOLDEN[2]


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> ScoringRequest:
    """A file that takes images of noise to 100 classes, and 20 of them."""
    folder = tmp_path_factory.mktemp("scoring")
    (folder / "head.onnx").write_bytes(export_layer(HEAD))
    images = np.random.default_rng(0).integers(0, 256, (20, *HEAD.in_shape), dtype=np.uint8)
    np.save(folder / "images.npy", images)
    return ScoringRequest(file=folder / "head.onnx", images=folder / "images.npy", context=host_context())


def test_classes_are_those_that_the_runtime_names(request_: ScoringRequest) -> None:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    done: list[int] = []
    found = score(request_, done.append)
    images = read_images(request_.images).astype(np.float32) / np.float32(255)
    executable = get_runtime("onnxruntime").prepare(request_.file, request_.context)
    assert list(found) == executable.run(images).argmax(axis=1).tolist()
    assert done == [16, 20]


def test_a_file_that_cannot_be_loaded_is_the_files_fault(request_: ScoringRequest, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(MeasurementError) as caught:
        score(request_.model_copy(update={"file": broken}))
    assert caught.value.code == "file_not_loadable"


def test_a_process_that_writes_what_is_no_answer_has_ended(
    request_: ScoringRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hello from elsewhere')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = "wrote what is no answer after 0 images of head.onnx, its last words were: hello from elsewhere"
    with pytest.raises(MeasurementError, match=said) as caught:
        score(request_)
    assert caught.value.code == "session_died"


@pytest.mark.parametrize("content", [b"", b"no array", "pickle", "floats"])
def test_what_is_no_array_of_images_is_refused(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "images.npy"
    if content == "pickle":
        np.save(path, np.array([{"a": "dictionary"}], dtype=object), allow_pickle=True)
    elif content == "floats":
        np.save(path, np.zeros((2, 1, 4, 4)))
    else:
        assert isinstance(content, bytes)
        path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        read_images(path)
    assert caught.value.code == "damaged_images"

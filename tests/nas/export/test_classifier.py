from pathlib import Path

import numpy as np
import pytest

from nas.export.classifier import BATCH_SIZE, OnnxClassifier, scaled
from search_spaces.errors import ArtifactError
from tests.nas.export.networks import LARGEST, TINY, exported


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_batch_is_dynamic(batch: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exported(TINY, LARGEST))
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 32, 32)).astype(np.uint8)
    classifier = OnnxClassifier(path)
    alone = classifier.run_scaled(scaled(images[:batch]))
    np.testing.assert_array_equal(alone, classifier.run_scaled(scaled(images))[:batch])


def test_bytes_become_values_in_0_to_1() -> None:
    images = np.array([0, 51, 255], dtype=np.uint8).reshape(1, 1, 1, 3)
    assert scaled(images).ravel().tolist() == [0.0, np.float32(0.2), 1.0]
    assert scaled(images).dtype == np.float32


def test_many_images_are_scored_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exported(TINY, LARGEST))
    images = np.random.default_rng(0).integers(0, 256, (BATCH_SIZE + 3, 3, 32, 32)).astype(np.uint8)
    classifier = OnnxClassifier(path)
    logits = classifier.run(images)
    assert logits.shape == (BATCH_SIZE + 3, 10)
    np.testing.assert_array_equal(logits[-1:], classifier.run(images[-1:]))
    assert classifier.run(images[:0]).shape == (0, 10)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x0a\xff\xff"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        OnnxClassifier(path)
    assert caught.value.code in {"damaged_file", "missing_metadata"}


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        OnnxClassifier(tmp_path / "model.onnx")
    assert caught.value.code == "damaged_file"

"""What leaves torch is checked: a keeper that damages the file is found out."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from nas.data.catalogue import open_dataset
from nas.data.spec import DigitsSpec
from nas.evaluation import SubnetEvaluator
from nas.export.checked import classify_file, export_checked, score_file
from nas.export.classifier import read_metadata
from nas.export.quantize import NUM_RANGE_IMAGES
from nas.jobs import Fault, fault_of
from nas.specs import SpaceSpec
from nas.training_options import NO_AUGMENTATION
from nas.workplace import space_for
from search_spaces.base import architecture_digest
from search_spaces.errors import ArtifactError, UsageError
from search_spaces.modules.supernet import Supernet
from tests.contracts.compute_contract import architectures

DATASET = open_dataset(DigitsSpec())


def evaluator() -> SubnetEvaluator:
    return SubnetEvaluator(Supernet(space_for(SpaceSpec(), DATASET)), DATASET, 0, NO_AUGMENTATION)


def test_a_file_is_kept_compared_and_scored(tmp_path: Path) -> None:
    (architecture,) = architectures(1)
    scorer, path = evaluator(), tmp_path / "network.onnx"

    def keep(content: bytes) -> Path:
        path.write_bytes(content)
        return path

    made = export_checked(scorer.extract(architecture), scorer.supernet.space, architecture, DATASET, keep)
    assert made.path == path
    assert made.num_bytes == path.stat().st_size
    assert made.architecture_digest == architecture_digest(scorer.supernet.space, architecture)
    np.testing.assert_array_equal(made.correct, score_file(path, DATASET, "validation"))
    np.testing.assert_array_equal(made.predicted == DATASET.labels("validation"), made.correct)
    assert (made.correct == scorer.correct(architecture, "validation")).mean() > 0.99


def test_a_file_that_computes_something_else_is_not_published(tmp_path: Path) -> None:
    (architecture,) = architectures(1)
    scorer, path = evaluator(), tmp_path / "network.onnx"

    def keep(content: bytes) -> Path:
        model = onnx.load_from_string(content)
        weights = model.graph.initializer[-1]
        weights.raw_data = bytes(np.frombuffer(weights.raw_data, np.float32) + np.float32(0.5))
        path.write_bytes(model.SerializeToString())
        return path

    with pytest.raises(ArtifactError) as caught:
        export_checked(scorer.extract(architecture), scorer.supernet.space, architecture, DATASET, keep)
    assert caught.value.code == "export_mismatch"


def test_an_int8_file_comes_with_its_answers_before_quantisation(tmp_path: Path) -> None:
    (architecture,) = architectures(1)
    scorer, kept = evaluator(), list[Path]()

    def keep(content: bytes) -> Path:
        kept.append(tmp_path / f"network-{len(kept)}.onnx")
        kept[-1].write_bytes(content)
        return kept[-1]

    space = scorer.supernet.space
    fp32 = export_checked(scorer.extract(architecture), space, architecture, DATASET, keep)
    int8 = export_checked(scorer.extract(architecture), space, architecture, DATASET, keep, "int8")
    assert kept == [fp32.path, int8.path], "what an int8 file was made of is not kept"
    assert read_metadata(int8.path).precision == "int8"
    assert read_metadata(int8.path).ranges_from == f"{NUM_RANGE_IMAGES} training images, seed 0"
    assert int8.num_bytes == int8.path.stat().st_size < fp32.num_bytes
    assert int8.architecture_digest == fp32.architecture_digest
    assert int8.max_difference == fp32.max_difference <= 1e-4
    np.testing.assert_array_equal(int8.correct, score_file(int8.path, DATASET, "validation"))
    np.testing.assert_array_equal(int8.predicted, classify_file(int8.path, DATASET, "validation"))
    assert fp32.unquantised is None
    assert int8.unquantised is not None
    np.testing.assert_array_equal(int8.unquantised, fp32.correct)


def test_an_int8_file_that_does_not_run_is_no_fault_to_try_again(tmp_path: Path) -> None:
    (architecture,) = architectures(1)
    scorer, path = evaluator(), tmp_path / "network.onnx"

    def keep(content: bytes) -> Path:
        model = onnx.load_from_string(content)
        model.graph.node[0].op_type = "Unheard"
        path.write_bytes(model.SerializeToString())
        return path

    with pytest.raises(UsageError, match="precision fp32") as caught:
        export_checked(
            scorer.extract(architecture), scorer.supernet.space, architecture, DATASET, keep, "int8"
        )
    assert caught.value.code == "not_quantisable"
    assert fault_of(caught.value) is Fault.BAD_DATA

"""What leaves torch is checked: a keeper that damages the file is found out."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from nas.data.catalogue import open_dataset
from nas.data.spec import DigitsSpec
from nas.evaluation import SubnetEvaluator
from nas.export.checked import export_checked, score_file
from nas.specs import SpaceSpec
from nas.training_options import NO_AUGMENTATION
from nas.workplace import space_for
from search_spaces.base import architecture_digest
from search_spaces.errors import ArtifactError
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

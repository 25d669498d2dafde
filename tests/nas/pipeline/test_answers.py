"""What files answered is kept with them: their accuracies are read off it, to the image."""

import numpy as np
import pytest

from nas.export.classifier import OnnxClassifier
from nas.pipeline.answers import ExportedFiles, answer_arrays, confirm_of, find_answers, part_of, round_name
from nas.pipeline.networks import Exported, Named, exported_once
from nas.results import VerifiedNetwork
from search_spaces.sampling import as_architecture, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home


def check_answers(search: FinishedSearch, one: VerifiedNetwork) -> None:
    """Answers are those of the published file, and its accuracy follows from them."""
    found = find_answers(search.run, 0, one)
    assert found is not None
    assert len(found.labels) == one.accuracy.num_images
    assert float((found.labels == found.predicted).mean()) == one.accuracy.value
    dataset = search.context().dataset
    logits = OnnxClassifier(search.run.network_path(one.file_sha256)).run(
        dataset.images("validation", one.resolution)
    )
    images = confirm_of(dataset.folds) if one.accuracy.part == "confirm" else slice(None)
    np.testing.assert_array_equal(found.predicted, logits.argmax(axis=1)[images])
    np.testing.assert_array_equal(found.labels, dataset.labels("validation")[images])


def test_accuracies_follow_from_the_answers_of_the_file(finished: FinishedSearch) -> None:
    networks = (*finished.target.networks, *finished.result.references)
    assert {one.origin for one in networks} == {"search", "reference"}
    for one in networks:
        check_answers(finished, one)


def test_of_another_file_nothing_is_said(finished: FinishedSearch) -> None:
    (one, *_) = finished.target.networks
    assert find_answers(finished.run, 0, one.model_copy(update={"file_sha256": "0" * 64})) is None
    assert find_answers(finished.run, 0, one.model_copy(update={"round": 99})) is None
    assert find_answers(finished.run, 1, one) is None


def test_answers_of_earlier_versions_say_only_what_is_right(copied: Home, finished: FinishedSearch) -> None:
    ctx = copied.context()
    architecture = as_architecture(smallest(ctx.space)[0])
    correct = np.array([True, False])
    made = Exported(ctx.space, architecture, "d", "f" * 64, 1_000, 1e-6, correct)
    named = [Named(ctx.space, architecture)]
    (found,) = exported_once(ctx, round_name(7, 1), named, lambda: [made])
    np.testing.assert_array_equal(found.correct, correct)
    assert found.predicted is None
    one = finished.target.networks[0].model_copy(update={"file_sha256": "f" * 64, "round": 1})
    assert ctx.run.load(round_name(7, 1), ExportedFiles).files[0].file_sha256 == one.file_sha256
    assert find_answers(ctx.run.stored, 7, one) is None


def test_what_is_kept_says_which_images_are_published(finished: FinishedSearch) -> None:
    dataset = finished.context().dataset
    predicted = np.zeros((2, len(dataset.labels("validation"))), np.uint16)
    kept = answer_arrays(predicted, dataset)
    assert kept["predicted"].shape == predicted.shape
    np.testing.assert_array_equal(kept["labels"], dataset.labels("validation"))
    np.testing.assert_array_equal(kept["confirm"], confirm_of(dataset.folds))
    assert part_of(dataset.folds) == "validation" if len(dataset.folds) == 2 else "confirm"


@pytest.mark.parametrize(
    ("target", "round_", "name"), [(0, 1, "verify.0.1.exported"), (2, 3, "verify.2.3.exported")]
)
def test_a_round_has_a_name_of_its_own(target: int, round_: int, name: str) -> None:
    assert round_name(target, round_) == name

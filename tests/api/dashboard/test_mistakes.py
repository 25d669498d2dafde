"""The confusion matrix of a network, as its page shows it."""

import numpy as np
import pytest

from api.dashboard.mistakes import MOST_ROWS, mistakes
from nas.pipeline.answers import ExportedFile, ExportedFiles, round_name
from nas.results import VerifiedNetwork
from nas.store.job_run import JobRun
from search_spaces.base import IntArray
from tests.api.dashboard.browsing import browse, elements, sound
from tests.api.dashboard.found import finished, front_of, measured_here, networks
from tests.api.served import Caller
from tests.nas.report.documents import HOSTILE

FOUND = networks()
ONE = FOUND[0]


def answered(one: VerifiedNetwork, labels: IntArray, predicted: IntArray, run: JobRun) -> None:
    """Keep what the file of a network answered on validation images; every other one is a confirm image."""
    file = ExportedFile(digest="d", file_sha256=one.file_sha256, file_bytes=1, max_difference=0.0)
    arrays = {"predicted": predicted[None], "labels": labels, "confirm": np.arange(0, len(labels), 2)}
    run.save_arrays(round_name(0, one.round), correct=(labels == predicted)[None], **arrays)
    run.save(round_name(0, one.round), ExportedFiles(files=(file,)))


def search_with(api: Caller, labels: IntArray, predicted: IntArray, names: tuple[str, ...]) -> str:
    return finished(
        api.stores,
        measured_here(*FOUND),
        class_names=names,
        beside=lambda run: answered(ONE, labels, predicted, run),
    )


def test_a_matrix_of_the_confirm_images_is_written_out(api: Caller) -> None:
    # Of the confirm images, the even ones: three zeros, one of them taken for a two; two ones, both right.
    labels = np.array([0, 9, 0, 9, 0, 9, 1, 9, 1, 9])
    predicted = np.array([0, 9, 2, 0, 0, 0, 1, 0, 1, 0])
    search = search_with(api, labels, predicted, ("cat", "dog", HOSTILE, *"3456789"))
    found = mistakes(api.stores, front_of(api.stores, search), ONE)
    assert found is not None
    assert (found.num_images, found.part, found.drawing) == (5, "confirm", None)
    assert [cell.count for cell in found.rows[0].cells] == [2, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [(cell.tone, cell.shade) for cell in found.rows[0].cells[:3]] == [
        ("right", 4),
        ("", 0),
        ("wrong", 2),
    ]
    assert (found.rows[0].num_images, found.rows[0].recall) == (3, "67")
    assert (found.rows[9].num_images, found.rows[9].recall) == (0, "")
    assert [(one.name, one.taken_for, one.count) for one in found.pairs] == [("cat", HOSTILE, 1)]
    text = sound(browse(api, f"/searches/{search}/networks/{ONE.name}"))
    assert "on the 5 confirm images" in text
    assert "<script>alert" not in text


def test_a_matrix_of_many_classes_is_drawn(api: Caller) -> None:
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 100, (2, 4_000))
    predicted[::3] = labels[::3]
    search = search_with(api, labels, predicted, tuple(f"<b>class {n}" for n in range(100)))
    found = mistakes(api.stores, front_of(api.stores, search), ONE)
    assert found is not None
    assert len(found.rows) == MOST_ROWS
    recalls = [float(row.recall) for row in found.rows]
    assert recalls == sorted(recalls)
    text = sound(browse(api, f"/searches/{search}/networks/{ONE.name}"))
    assert "<b>" not in text
    drawn = [at for tag, at in elements(text) if tag == "svg" and at.get("class") == "confusion"]
    assert len(drawn) == 1
    assert "100 classes" in drawn[0]["aria-label"]


def test_without_answers_the_page_says_why(api: Caller) -> None:
    search = finished(api.stores)
    assert mistakes(api.stores, front_of(api.stores, search), ONE) is None
    assert "run by an earlier version" in sound(browse(api, f"/searches/{search}/networks/{ONE.name}"))


@pytest.mark.parametrize("count", [1, 9])
def test_a_network_without_mistakes_is_told_as_such(api: Caller, count: int) -> None:
    labels = np.arange(count) % 10
    search = search_with(api, labels, labels, tuple("0123456789"))
    found = mistakes(api.stores, front_of(api.stores, search), ONE)
    assert found is not None
    assert found.pairs == ()
    assert "It gets all of these images right" in sound(
        browse(api, f"/searches/{search}/networks/{ONE.name}")
    )
